import IPAddressing
import Inventory
import NetworkModel
package import PathHealth

/// The relays of one path that this host can choose from, and how it finds out which of them work.
package struct RelayGroup: Hashable, Sendable {
    /// As in `office -> prod via relay1, relay2`; unique in a plan.
    package let name: String

    /// In the order of the file; two or more.
    package let members: [Member]

    /// Decides which of them carry; as it begins if nothing is known.
    package let election: RelayElection

    /// One relay.
    package struct Member: Hashable, Sendable {
        /// The host's name.
        package let name: String

        /// The host, as in `prod/relay1`.
        package let host: String

        /// At most one of each family.
        let gateways: [IPAddress]

        /// The share of packets, among those that carry.
        let weight: Int

        /// What is probed through this relay alone.
        package let probed: ProbedPath
    }

    /// True if some of its relays may carry together.
    var isShared: Bool {
        Dictionary(grouping: election.members, by: \.priority).values.contains { $0.count > 1 }
    }

    /// The paths to probe, in the order of the members.
    package var probedPaths: [ProbedPath] { members.map(\.probed) }
}

/// Which relays carry, as an agent has decided; it stays as it is while no agent runs.
package struct RelayChoices: Hashable, Sendable {
    /// The names of the relays that carry, by the name of their group.
    package var carrying: [String: [String]]

    /// The name of the drained relay with which connections stay that began before, by the name of the group.
    package var staying: [String: String]

    /// The names of the relayed paths that are announced.
    package var announced: Set<String> = []

    /// Without arguments no choice has been made.
    package init(_ carrying: [String: [String]] = [:], staying: [String: String] = [:]) {
        self.carrying = carrying
        self.staying = staying
    }
}

/// How the packets of probes are led to one relay: a mark, a rule and a table that nothing else uses.
package struct ProbeWay {
    /// 0..<64: of the relay, among those that this host leads packets to.
    let slot: Int

    /// All bits are compared, so that no packets but probes match by chance.
    var mark: UInt32 { 0x4E42_0000 + UInt32(slot) }

    /// The routing table of the relay.
    var table: Int { Self.tables.lowerBound + slot }

    /// The tables of all relays.
    static let tables = 770_000..<770_064

    /// The bit in the marks of connections that began after a relay was drained; kube-proxy and Calico use
    /// others.
    package static let laterBit = 0x40

    /// Of the rules: before those of mapped clusters and the main table, after the local one.
    static let rulePriority = 770
}
