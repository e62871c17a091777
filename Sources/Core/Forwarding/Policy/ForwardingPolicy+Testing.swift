import DNSWire
package import DomainNames
package import Inventory

extension ForwardingPolicy {
    /// A self-test of the tables: the suffixes of `inventory`, from which it was made, below which their own
    /// cluster would not be asked. Empty unless the program has a fault.
    package func unansweredNames(of inventory: Inventory) -> [DomainName] {
        // The tested name must not be below another suffix, which would then be the right one.
        let above = Set(inventory.clusters.flatMap { $0.names + $0.also }.flatMap(\.namesAbove))
        let places = FirstPlaces(groups.map(\.name))
        return inventory.clusters.filter { !$0.dns.isEmpty }.flatMap { cluster in
            (cluster.names + cluster.also).filter { name in
                !above.contains(name) && !asks(places[cluster.key], below: name)
            }
        }
    }

    /// True if a name below `suffix` is asked at `group`.
    private func asks(_ group: Int?, below suffix: DomainName) -> Bool {
        guard let group, let name = try? DomainName(parsing: "kubernetes.default.svc").appending(suffix)
        else { return true }  // a suffix that leaves no room for names
        return mayAnswer(name.wire.span, group: group)
    }
}

extension DomainName {
    /// The ancestors of this name, without the root.
    fileprivate var namesAbove: [DomainName] {
        var above: [DomainName] = []
        var start = 0
        while wire[start] != 0 {  // ends: a name in wire form ends with its root label
            start += 1 + Int(wire[start])
            guard wire[start] != 0, let name = try? DomainName(wire: Array(wire[start...])) else { break }
            above.append(name)
        }
        return above
    }
}
