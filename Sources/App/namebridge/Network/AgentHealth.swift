import AdminServer
import JSON
import LinuxSystem
import NetworkKernel
import Time

/// What the network agent of this host knows of paths.
enum AgentHealth {
    /// One for each path that this host relays or chooses a relay for; empty if no agent runs.
    ///
    /// - Parameter now: Seconds since 1970.
    static func paths(now: Int) -> [ServerStatus.PathHealth] {
        guard FilePath.isFolder(NetState.path), let store = try? NetState.store(),
            let status = store.agentStatus(), status.isRunning,
            Int32(exactly: status.process).map(ThisProcess.sees) == true
        else { return [] }
        let isHung = isHung(store, process: status.process)
        let relayed = status.relayed.map { path in
            health(
                path.from, path.to, of: path.relay, fault: isHung ? "the agent does not work" : nil, now: now)
        }
        return relayed
            + status.relays.compactMap { group in
                let carrying = group.relays.filter { group.carrying.contains($0.name) }
                guard let best = carrying.first(where: { $0.state == "up" }) ?? carrying.first else {
                    return nil
                }
                return health(group.from, group.to, of: best, fault: nil, now: now)
            }
    }

    /// True if the agent should have shown that it works and has not.
    private static func isHung(_ store: StateStore, process: Int) -> Bool {
        guard let pulse = store.pulse, pulse.process == process else { return false }
        return Int(MonotonicClock.now.milliseconds) - pulse.milliseconds > NetGuard.timeout
    }

    /// The health of the path between these ends through `relay`.
    ///
    /// - Parameters:
    ///   - fault: Why it counts as down whatever probes show; nil: it does not.
    ///   - now: Seconds since 1970.
    private static func health(
        _ from: String, _ to: String, of relay: AgentStatus.Relay, fault: String?, now: Int
    ) -> ServerStatus.PathHealth {
        let fault = fault ?? relay.drainedSince.map { _ in "the relay is drained" }
        return ServerStatus.PathHealth(
            json: .object([
                ("from", .string(from)), ("to", .string(to)), ("relays", .array([.string(relay.name)])),
                ("state", .string(fault == nil ? relay.state : "down")),
                ("since-seconds", .integer(max(0, now - (relay.drainedSince ?? relay.since)))),
                ("cause", .string(fault ?? relay.cause)),
                ("reason", fault == nil ? relay.reason ?? .null : .null),
            ]))
    }
}
