import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import LDNSBridge

/// Asks every cluster for a name at once, as one client sees it.
struct NameSearch {
    /// The configuration.
    let inventory: Inventory
    /// Its policy.
    let policy: ForwardingPolicy
    /// The client, whose view decides which clusters are asked.
    let client: IPAddress

    /// The types that tell what a name is.
    private static let types = [RecordType.a, RecordType.aaaa, RecordType.srv]

    /// The labels of `name` before a cluster's suffix: `web.shop` is `web.shop.svc`, and a suffix that the
    /// configuration knows is left out.
    ///
    /// - Returns: Nil if the name is one of no cluster, such as a single label.
    func labels(of name: DomainName) -> [[UInt8]]? {
        var suffixes = inventory.clusters.flatMap { $0.names + [$0.domain] } + inventory.merges.map(\.name)
        suffixes.sort { $0.wire.count > $1.wire.count }
        var labels = name.labels
        if let suffix = suffixes.first(where: { name != $0 && name.isAtOrBelow($0) }) {
            labels.removeLast(suffix.labels.count)
        }
        guard labels.count > 1, let last = labels.last else { return nil }
        let top = String(decoding: last.map(foldedOctet), as: UTF8.self)
        if ["svc", "pod"].contains(top) || inventory.dns.extraLabels.contains(top) {
            return labels.count > 2 ? labels : nil
        }
        return labels + [Array("svc".utf8)]
    }

    /// What each cluster has under the name with these labels, in the order of the file: of the clusters that
    /// the client may ask for it.
    func findings(_ labels: [[UInt8]]) -> [NameFinding] {
        var asking = AskingEngine(policy)
        var found: [(finding: NameFinding, cluster: Cluster)] = []
        for cluster in inventory.clusters {
            guard let suffix = cluster.names.first, !cluster.dns.isEmpty,
                let name = try? DomainName(labels: labels + suffix.labels),
                mayAsk(name)
            else { continue }
            for (index, type) in Self.types.enumerated() {
                let message = asking.message(name, type: UInt16(type))
                // Over TCP replies are whole.
                let number = UInt32(found.count * Self.types.count + index)
                asking.ask(message, number: number, from: client, over: .tcp)
            }
            found.append((NameFinding(cluster: cluster.key, name: name), cluster))
        }
        asking.run()
        let replies = asking.replies
        return found.enumerated().map { place, entry in
            var finding = entry.finding
            for (index, type) in Self.types.enumerated() {
                let reply = replies[UInt32(place * Self.types.count + index)]
                finding.take(reply, type: UInt16(type)) { policy.innerAddress(of: $0)?.address }
            }
            let services = entry.cluster.services
            let outer = services.flatMap { entry.cluster.addressMap.outer(of: $0) }
            finding.decideKind(services: services + outer, labels: labels)
            return finding
        }
    }

    /// What to do about a name that no cluster has: the nearest one that the client may ask for, or how to
    /// ask for a name of no cluster.
    ///
    /// - Parameters:
    ///   - name: As it was typed.
    ///   - labels: Those that were asked for.
    ///   - known: Names that a running server knows.
    ///   - otherCommand: The options that another command needs for the same configuration.
    func hint(
        for name: DomainName, _ labels: [[UInt8]], known: [DomainName], otherCommand: String = ""
    ) -> String? {
        let permitted = known.filter(mayAsk)
        let words = Set(permitted.compactMap { self.labels(of: $0) }.map(Self.text))
        let meant = Self.text(labels)
        if let near = nearestSpelling(of: meant, among: words.subtracting([meant]).sorted()) {
            return "did you mean \(near)?"
        }
        // A service of another namespace, or what else the namespace has.
        let service = labels.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let others = words.filter { $0.hasPrefix(service.lowercased() + ".") }.sorted()
        if !others.isEmpty { return "there is \(others.prefix(5).joined(separator: ", "))" }
        // Two labels are a service and its namespace; more may be a name of something else.
        guard name.labels.count > 2, name.labels.count < labels.count else { return nil }
        return
            "\(name) is below no name of a cluster; \"namebridge query\(otherCommand) \(name)\" asks for it"
            + " as it is"
    }

    /// Labels as a name in lower case.
    static func text(_ labels: [[UInt8]]) -> String {
        labels.map { String(decoding: $0.map(foldedOctet), as: UTF8.self) }.joined(separator: ".")
    }

    /// True if questions of the client for the name go to servers; else it must not learn of the name.
    private func mayAsk(_ name: DomainName) -> Bool {
        policy.view(of: client).map { policy.mayAsk(name, view: $0) } ?? false
    }
}
