import IPAddressing
import Inventory
import Synchronization

/// Which relays of one path get new connections, where each has a range of outer addresses of its own
/// (`failover: dns`): names are answered with addresses of their ranges.
///
/// Read by workers, set by what watches the paths. The cache holds addresses of one range, whichever relay
/// carries.
final class RangeChoice: Sendable {
    let from: String
    let to: String

    /// How long clients may cache an address, in seconds: with the time until a dead relay is noticed, new
    /// connections get through after less than six.
    static let seconds: UInt32 = 4

    /// The cluster's own prefixes that have outer ones, in order.
    private let inner: [IPPrefix]

    /// In the order of the file, at most 64.
    private let relays: [Way]

    /// A bit for each of `relays` that carries; never 0.
    private let carrying: Atomic<UInt64>

    /// A relay with its range.
    private struct Way {
        let name: String
        let weight: UInt64
        /// In the order of the inner prefixes, which all relays of a path share.
        let outer: [IPPrefix]
    }

    /// Nil for paths of other kinds, and for those that `Inventory.check` refuses.
    init?(_ path: Path, _ inventory: Inventory) {
        guard case .relay(let settings) = path.carrier, settings.failover == .dns,
            case .oneWay(let from, let to) = path.ends, (1...64).contains(settings.relays.count)
        else { return nil }
        self.from = from
        self.to = to
        inner = (settings.relays.first?.addressMap.pairs ?? []).map(\.inner).sorted { $0 < $1 }
        relays = settings.relays.map { relay in
            let pairs = relay.addressMap.pairs.sorted { $0.inner < $1.inner }
            return Way(name: relay.host, weight: UInt64(max(1, relay.weight)), outer: pairs.map(\.outer))
        }
        guard Set(relays.map(\.outer.count)).count == 1 else { return nil }
        let best = settings.relays.map(\.priority).max()
        let first = settings.relays.firstIndex { $0.priority == best } ?? 0
        carrying = Atomic(1 << UInt64(first))
    }

    /// These relays carry from now on; at least one of them is known.
    func carry(_ names: [String]) {
        let bits = relays.indices.reduce(UInt64(0)) { bits, index in
            names.contains(relays[index].name) ? bits | 1 << UInt64(index) : bits
        }
        if bits != 0 { carrying.store(bits, ordering: .relaxed) }
    }

    /// True if an address in a range of this path means the same as one in a range of `other`.
    func stands(for other: RangeChoice) -> Bool { to == other.to && inner == other.inner }

    /// Every outer prefix with its place among those of one relay.
    var prefixes: [(prefix: IPPrefix, place: Int)] {
        relays.flatMap { relay in relay.outer.enumerated().map { ($1, $0) } }
    }

    /// The prefix at `place` of a relay that carries: of several each has its share of all draws.
    func prefix(at place: Int, draw: UInt64) -> IPPrefix {
        let bits = carrying.load(ordering: .relaxed)
        let chosen = relays.indices.filter { bits & 1 << UInt64($0) != 0 }
        let total = chosen.reduce(0) { $0 + relays[$1].weight }
        var rest = draw % max(1, total)
        for index in chosen {
            if rest < relays[index].weight { return relays[index].outer[place] }
            rest -= relays[index].weight
        }
        return relays[chosen.first ?? 0].outer[place]
    }
}

/// Finds the choice that an outer address depends on.
struct RangeTable: Sendable {
    let choices: [RangeChoice]
    private let entries: IPPrefixTable<Entry>?

    /// One prefix of one relay.
    private struct Entry: Sendable {
        let choice: RangeChoice
        let place: Int
    }

    /// Of two choices with the same prefix the first counts.
    ///
    /// - Parameter all: The choices of all paths. The cache holds addresses of one of them, and clients that
    ///   wait for the same answer get one after the other: addresses of the others to the same cluster are
    ///   replaced, too.
    init(_ choices: [RangeChoice], outOf all: [RangeChoice] = []) {
        self.choices = choices
        var entries: [(prefix: IPPrefix, value: Entry)] = []
        for choice in choices.reversed() {
            for other in all where other.stands(for: choice) {
                for (prefix, place) in other.prefixes {
                    entries.append((prefix: prefix, value: Entry(choice: choice, place: place)))
                }
            }
        }
        // Its own come last, and win.
        for choice in choices.reversed() {
            for (prefix, place) in choice.prefixes {
                entries.append((prefix: prefix, value: Entry(choice: choice, place: place)))
            }
        }
        self.entries = entries.isEmpty ? nil : IPPrefixTable(entries)
    }

    var isEmpty: Bool { choices.isEmpty }

    /// What is given out for an address of whichever range; nil if it is in none.
    func image(of address: IPAddress, draw: UInt64) -> IPAddress? {
        guard let entry = entries?.longestMatch(address) else { return nil }
        return entry.choice.prefix(at: entry.place, draw: draw).address(withHostBitsOf: address)
    }
}
