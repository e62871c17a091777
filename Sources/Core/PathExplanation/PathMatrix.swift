import IPAddressing
package import Inventory
package import NetworkModel
package import NetworkPlanning
import PacketPath

/// Whether packets of each site and cluster reach pods, services and name servers of each cluster, now and
/// after a change.
package struct PathMatrix: Sendable {
    /// One row for each pair of places and each kind of destination.
    package private(set) var rows: [Row] = []

    /// The packets from one place to one kind of destination.
    package struct Row: Hashable, Sendable {
        /// The key of the site or cluster.
        package var from: String
        /// The key of the cluster.
        package var to: String
        /// As in `pods`.
        package var target: String
        /// By kind of packet, in the order of `kinds`.
        package var cells: [Cell]

        /// The different outcomes in the order of their texts, each with its kinds of packets: `all`, or as
        /// in `tcp,udp`.
        package var outcomes: [(kinds: String, cell: Cell)] {
            Set(cells.map(\.text)).sorted().compactMap { text in
                let same = zip(PathMatrix.kinds, cells).filter { $1.text == text }
                guard let cell = same.first?.1 else { return nil }
                let isAll = same.count == PathMatrix.kinds.count
                return (isAll ? "all" : same.map(\.0).joined(separator: ","), cell)
            }
        }
    }

    /// What becomes of one kind of packet.
    package struct Cell: Hashable, Sendable {
        /// Before the change.
        package var now: Outcome
        /// After it.
        package var after: Outcome

        /// True if packets arrive now, and certainly fewer of them do afterwards.
        package var isLost: Bool {
            switch (now.verdict, after.verdict) {
            case (.reachable, .unreachable), (.reachable, .depends), (.depends, .unreachable): true
            default: false
            }
        }

        /// True if packets arrive afterwards.
        package var arrives: Bool { after.verdict == .reachable }
    }

    /// A verdict with its reason.
    package struct Outcome: Hashable, Sendable {
        /// The verdict.
        package var verdict: Explanation.Verdict
        /// As in `NO_ROUTE`; nil if packets arrive as they are.
        package var code: String?
        /// The machine with the object that decides; nil if nothing is in the way.
        package var host: String?
    }

    /// The kinds of packets, as the columns are called.
    package static let kinds = ["tcp", "udp", "large"]
    /// Of a large packet, in octets.
    private static let largeSize = 1_500

    /// A network with the states that some hosts have.
    package struct Phase: Sendable {
        /// By place and name, as in `prod/relay1`.
        package var observed: [String: HostState]
        /// True if all other hosts count as their plans make them.
        package var isApplied: Bool

        package init(observed: [String: HostState], isApplied: Bool) {
            self.observed = observed
            self.isApplied = isApplied
        }
    }

    /// - Parameter choices: Which relays carry, as an agent has chosen.
    package init(
        _ inventory: Inventory, now: Phase, after: Phase, choices: RelayChoices = RelayChoices()
    ) {
        let phases = [now, after].map { phase in
            var builder = NetworkBuilder(
                inventory, observed: phase.observed, isApplied: phase.isApplied, condensedTo: [],
                choices: choices)
            let map = builder.network()
            return (builder.inventory, map)
        }
        let places = inventory.sites.map(\.key) + inventory.clusters.map(\.key)
        for from in places {
            for cluster in inventory.clusters where cluster.key != from {
                for part in ExplainedEnd.Part.allCases where cluster.has(part) {
                    let outcomes = phases.map { inventory, map in
                        Self.outcomes(from: from, to: cluster.key, part, in: inventory, map)
                    }
                    let cells = zip(outcomes[0], outcomes[1]).map { Cell(now: $0, after: $1) }
                    rows.append(Row(from: from, to: cluster.key, target: part.rawValue, cells: cells))
                }
            }
        }
    }

    /// The outcomes of one row, in the order of `kinds`. A large packet takes the way of a small one.
    private static func outcomes(
        from: String, to: String, _ part: ExplainedEnd.Part, in inventory: Inventory, _ map: NetworkMap
    ) -> [Outcome] {
        let question = ExplainedQuestion(
            from: ExplainedEnd(text: from, place: from, kind: .place),
            to: ExplainedEnd(text: "\(to)/\(part.rawValue)", place: to, kind: .part(part)), size: largeSize)
        var datagram = question
        datagram.transport = "udp"
        datagram.size = 60
        let stream = Explanation(question, in: inventory, map: map, advises: false)
        var small = Outcome(stream)
        if stream.verdict == .reachable, stream.code == .mtu {
            small.code = stream.codeOfSmallPackets?.rawValue
        }
        let other = Explanation(datagram, in: inventory, map: map, advises: false)
        return [small, Outcome(other), Outcome(stream)]
    }

    /// The rows in which packets are lost, which a change may not do unasked.
    package var losses: [Row] { rows.filter { $0.cells.contains(where: \.isLost) } }
}

extension PathMatrix.Outcome {
    /// The outcome of an explanation.
    fileprivate init(_ explanation: Explanation) {
        self.init(
            verdict: explanation.verdict, code: explanation.code?.rawValue, host: explanation.decision?.host)
    }
}

extension Cluster {
    /// True if the cluster has destinations of the kind.
    fileprivate func has(_ part: ExplainedEnd.Part) -> Bool {
        switch part {
        case .pods: !pods.isEmpty
        case .services: !services.isEmpty
        case .dns: !dns.isEmpty
        }
    }
}

extension PathMatrix.Outcome {
    /// As in `ok`, `NO_ROUTE` or `depends: REPLY_BYPASSES_RELAY`.
    package var text: String {
        switch verdict {
        case .reachable: "ok" + (code == "MTU" ? " (MTU)" : "")
        case .unreachable: code ?? verdict.rawValue
        case .depends, .unknown: "\(verdict.rawValue): \(code ?? "-")"
        }
    }
}

extension PathMatrix.Cell {
    /// As in `NO_ROUTE -> ok`, or one of them if both are the same.
    package var text: String { now.text == after.text ? now.text : "\(now.text) -> \(after.text)" }
}
