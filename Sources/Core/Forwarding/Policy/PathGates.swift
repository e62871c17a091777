package import DNSWire
import IPAddressing
import Inventory
import Synchronization

/// Which clients get no answers of which clusters, since no packets of theirs arrive there.
///
/// Made with a policy and set by what watches the paths. While all gates are open, a question costs one load.
package final class PathGates: Sendable {
    /// Gates that are not open.
    private let busyCount = Atomic<Int>(0)

    /// The place in `sources` of a client; nil for clients that no path begins at.
    private let sourceByClient: IPPrefixTable<Int>?

    private let sources: [Source]

    /// The choices of all sources, for clients that no path begins at.
    private let otherRanges: RangeTable

    /// True if some answers depend on which relays carry; see `RangeChoice`.
    let choosesRanges: Bool

    /// A site or cluster that paths begin at.
    private struct Source: Sendable {
        let key: String
        /// By the cluster's number; see `ServerGroup.number`.
        let gates: [Int: PathGate]
        /// Of paths whose relays have a range each.
        let ranges: RangeTable
    }

    /// Whether answers of a cluster go to clients of a site.
    package enum Position: Hashable, Sendable {
        case open
        /// They do, with short TTLs: the path has come back lately, or is not answering just now.
        case changing
        /// They do not, for this reason.
        case closed(ExtendedError)
        /// They do not, for this reason; plain names are answered by the next cluster of their list.
        case skipped(ExtendedError)

        /// Why answers are withheld; nil if they are not.
        var reason: ExtendedError? {
            switch self {
            case .closed(let reason), .skipped(let reason): reason
            case .open, .changing: nil
            }
        }
    }

    /// How long clients may cache answers while a path is changing, in seconds.
    static let changingSeconds: UInt32 = 5

    /// A mesh of more clusters has no gates: it would have a million for a thousand members.
    private static let largestMesh = 64

    /// - Parameter clusterNames: As `ForwardingPolicy.clusterNames`.
    init(_ inventory: Inventory, clusterNames: [String]) {
        let numbers = Dictionary(zip(clusterNames, 0...), uniquingKeysWith: { first, _ in first })
        var gates: [String: [Int: PathGate]] = [:]
        for path in inventory.paths {
            let pairs: [(from: String, to: String)] =
                switch path.ends {
                case .oneWay(let from, let to): [(from, to)]
                case .mutual(let members):
                    members.count > Self.largestMesh
                        ? []
                        : members.flatMap { from in members.filter { $0 != from }.map { (from, $0) } }
                }
            for pair in pairs {
                guard let number = numbers[pair.to] else { continue }
                gates[pair.from, default: [:]][number] = PathGate(to: pair.to)
            }
        }
        let choices = inventory.paths.compactMap { RangeChoice($0, inventory) }
        choosesRanges = !choices.isEmpty
        otherRanges = RangeTable(choices)
        sources = gates.sorted { $0.key < $1.key }.map { key, gates in
            let own = choices.filter { $0.from == key }
            return Source(key: key, gates: gates, ranges: RangeTable(own, outOf: choices))
        }
        let prefixes = sources.enumerated().flatMap { index, source in
            Self.clients(of: source.key, inventory).map { ($0, index) }
        }
        sourceByClient = prefixes.isEmpty ? nil : IPPrefixTable(prefixes)
    }

    /// Where the clients at this end of a path ask from.
    private static func clients(of key: String, _ inventory: Inventory) -> [IPPrefix] {
        if let site = inventory.site(key) { return site.networks }
        guard let cluster = inventory.cluster(key) else { return [] }
        return cluster.pods + cluster.nodes.flatMap(\.addresses).map { IPPrefix(only: $0) }
    }

    /// Sets the gate between `from` and `to`; there need not be one.
    package func set(from: String, to: String, _ position: Position) {
        guard let gate = sources.first(where: { $0.key == from })?.gates.values.first(where: { $0.to == to })
        else { return }
        let change = gate.set(position)
        if change != 0 { busyCount.add(change, ordering: .relaxed) }
    }

    /// Names of these relays' ranges are given out from now on; see `RangeChoice`.
    package func carry(from: String, to: String, by relays: [String]) {
        for choice in otherRanges.choices where choice.from == from && choice.to == to {
            choice.carry(relays)
        }
    }

    /// The ranges to choose from in answers for `client`.
    ///
    /// A client that no path of the file begins at gets what others get: a range that no packets reach helps
    /// it no more than them.
    func ranges(for client: IPAddress) -> RangeTable {
        sourceByClient?.longestMatch(client).map { sources[$0].ranges } ?? otherRanges
    }

    /// True if some replies are not what the cache holds.
    @inline(__always)
    var concernReplies: Bool { choosesRanges || areBusy }

    /// True unless all gates are open.
    @inline(__always)
    var areBusy: Bool { busyCount.load(ordering: .relaxed) != 0 }

    /// What becomes of an answer of the cluster with this number for `client`.
    ///
    /// This host itself stands for all sites: its probes are what closes gates.
    func position(of client: IPAddress, cluster number: Int) -> Position {
        guard areBusy else { return .open }
        if let source = sourceByClient?.longestMatch(client) {
            return sources[source].gates[number]?.position ?? .open
        }
        guard client.isLoopback else { return .open }
        let positions = sources.compactMap { $0.gates[number]?.position }
        return positions.first { $0.reason != nil }
            ?? (positions.contains(.changing) ? .changing : .open)
    }
}

/// One gate; read by workers, set by another thread.
private final class PathGate: Sendable {
    let to: String
    private let state = Atomic<UInt8>(0)
    private let reason = Mutex<ExtendedError?>(nil)

    init(to: String) {
        self.to = to
    }

    var position: PathGates.Position {
        switch state.load(ordering: .acquiring) {
        case 0: .open
        case 1: .changing
        case 2: reason.withLock { $0 }.map { .closed($0) } ?? .open
        default: reason.withLock { $0 }.map { .skipped($0) } ?? .open
        }
    }

    /// By how much the number of gates that are not open grows.
    func set(_ position: PathGates.Position) -> Int {
        let next: UInt8
        switch position {
        case .open: next = 0
        case .changing: next = 1
        case .closed(let error):
            reason.withLock { $0 = error }
            next = 2
        case .skipped(let error):
            reason.withLock { $0 = error }
            next = 3
        }
        let old = state.exchange(next, ordering: .acquiringAndReleasing)
        return (next == 0 ? 0 : 1) - (old == 0 ? 0 : 1)
    }
}
