import DNSWire
package import DomainNames
package import Inventory

extension ForwardingPolicy {
    /// A trial of the tables: the suffixes of `inventory`, which it was made from, below which its own
    /// cluster would not be asked. Always empty, unless the program is wrong.
    package func unansweredNames(of inventory: Inventory) -> [DomainName] {
        // What is tried must not lie below another suffix, which then would be the right one.
        let above = Set(inventory.clusters.flatMap(\.names).flatMap(\.namesAbove))
        let places = FirstPlaces(groups.map(\.name))
        return inventory.clusters.filter { !$0.dns.isEmpty }.flatMap { cluster in
            cluster.names.filter { name in
                !above.contains(name) && !asks(places[cluster.key], below: name)
            }
        }
    }

    private func asks(_ group: Int?, below suffix: DomainName) -> Bool {
        guard let group, let name = try? DomainName(parsing: "kubernetes.default.svc").appending(suffix)
        else { return true }  // a suffix that leaves no room for names
        return mayAnswer(name.wire.span, group: group)
    }
}

extension DomainName {
    /// The names that this one lies below, without the root.
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
