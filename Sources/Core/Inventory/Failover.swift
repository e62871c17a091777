/// How packets come to a working relay of a path that has several: key `failover`.
package enum Failover: String, Hashable, Sendable, CaseIterable {
    /// The agent of each Linux router in the inventory probes the relays, and leads packets to those that
    /// work.
    case agent
}

/// Whether packets go back to a better relay while another one works: key `prefer`.
package enum RelayPreference: String, Hashable, Sendable, CaseIterable {
    /// They stay where they are.
    case stay
    /// They go back to the relay with the highest priority once it has been up for `hold`.
    case first
}
