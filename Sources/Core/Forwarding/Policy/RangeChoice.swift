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
    init(_ choices: [RangeChoice]) {
        self.choices = choices
        let entries = choices.reversed().flatMap { choice in
            choice.prefixes.map { (prefix: $0.prefix, value: Entry(choice: choice, place: $0.place)) }
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
