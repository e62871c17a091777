import DNSWire
package import DomainNames
package import Inventory

extension ForwardingPolicy {
    /// A trial of the tables: the suffixes of `inventory`, which it was made from, below which its own
    /// cluster would not be asked. Always empty, unless the program is wrong.
    package func unansweredNames(of inventory: Inventory) -> [DomainName] {
        let all = inventory.clusters.flatMap(\.names)
        return inventory.clusters.filter { !$0.dns.isEmpty }.flatMap { cluster in
            cluster.names.filter { name in
                // What is tried must not lie below another suffix, which then would be the right one.
                !all.contains { $0 != name && $0.isAtOrBelow(name) } && !asks(cluster.key, below: name)
            }
        }
    }

    private func asks(_ cluster: String, below suffix: DomainName) -> Bool {
        guard let group = groups.firstIndex(where: { $0.name == cluster }),
            let name = try? DomainName(parsing: "kubernetes.default.svc").appending(suffix)
        else { return true }  // a suffix that leaves no room for names
        return mayAnswer(name.wire.span, group: group)
    }
}
