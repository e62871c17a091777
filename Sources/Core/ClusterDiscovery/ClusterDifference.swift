import DomainNames
import IPAddressing
package import Inventory

/// The differences between a cluster of the file in use and the findings.
package struct ClusterDifference: Hashable, Sendable {
    /// One value that differs.
    package struct Row: Hashable, Sendable {
        /// How it differs.
        package enum Kind: String, Hashable, Sendable {
            /// Found, and not in the file.
            case new
            /// In the file with another value.
            case changed
            /// In the file, and no longer there. A value that could not be found is not gone.
            case gone
        }

        /// How the value differs.
        package let kind: Kind

        /// The key below the cluster, as in `nodes.worker1.pods`.
        package let path: String

        /// The file's value; nil for a new one.
        package let old: String?

        /// The found value; nil for one that is gone.
        package let new: String?
    }

    /// The cluster's key in the file.
    package let key: String

    /// In the order of the file's keys, nodes by name.
    package let rows: [Row]

    /// Keys that the file has and that could not be found, or were read in part: they are unknown.
    package let unknown: [ClusterFindings.Key]

    /// Creates a cluster difference.
    package init(from file: Cluster, to findings: ClusterFindings) {
        key = file.key
        var rows: [Row] = []
        if let domain = findings.domain?.value, domain != file.domain {
            rows.append(Row(.changed, "domain", old: file.domain.description, new: domain.description))
        }
        if let dns = findings.dns?.value,
            !Set(file.dns).isSubset(of: dns + findings.otherDNS) || file.dns.isEmpty
        {
            rows += Self.row(
                "dns", Self.text(file.dns.map(\.shortText)), new: Self.text(dns.map(\.shortText)))
        }
        if let pods = findings.pods?.value { rows += Self.row("pods", file.pods, new: pods) }
        if let services = findings.services?.value {
            rows += Self.row("services", file.services, new: services)
        }
        if let cni = findings.cni?.value { rows += Self.row("cni", file.cni?.rawValue, new: cni.rawValue) }
        if let kubeProxy = findings.kubeProxy?.value {
            rows += Self.rows(file.kubeProxy, kubeProxy)
        }
        if let cilium = findings.cilium?.value {
            rows += Self.rows("cilium", (file.cilium ?? CiliumSettings()).values, new: cilium.values)
        }
        if let calico = findings.calico?.value {
            rows += Self.rows("calico", file.calico.values, new: calico.values)
        }
        if let nodes = findings.nodes?.value { rows += Self.rows(file.nodes, nodes) }
        // A value that is missing in a list that was read in part is not gone.
        let partial = findings.partialKeys
        self.rows = rows.filter { row in
            row.kind == .new || !partial.contains { row.topic == $0.rawValue }
        }
        unknown = ClusterFindings.Key.allCases.filter { key in
            file.says(key) && (findings.missing.contains(key) || partial.contains(key))
        }
    }

    /// The differences of kube-proxy's settings.
    private static func rows(_ old: KubeProxySettings, _ new: KubeProxySettings) -> [Row] {
        row("kube-proxy.mode", old.mode.rawValue, new: new.mode.rawValue)
            + row("kube-proxy.masquerade-all", "\(old.masqueradeAll)", new: "\(new.masqueradeAll)")
            + row("kube-proxy.cluster-cidr", old.clusterCIDR, new: new.clusterCIDR)
    }

    /// The differences of the settings of `name`, which stand in one order.
    private static func rows(
        _ name: String, _ old: [(key: String, text: String)], new: [(key: String, text: String)]
    ) -> [Row] {
        zip(old, new).flatMap { row("\(name).\($0.key)", $0.text, new: $1.text) }
    }
    /// The differences of nodes, by name.
    private static func rows(_ old: [Node], _ new: [Node]) -> [Row] {
        let before = Dictionary(old.map { ($0.name, $0) }) { first, _ in first }
        let after = Dictionary(new.map { ($0.name, $0) }) { first, _ in first }
        var rows: [Row] = []
        for name in Set(before.keys).union(after.keys).sorted() {
            switch (before[name], after[name]) {
            case (let old?, let new?):
                let addresses = (old.addresses.map(\.description), new.addresses.map(\.description))
                rows += row("nodes.\(name).address", text(addresses.0), new: text(addresses.1))
                rows += row("nodes.\(name).pods", old.pods, new: new.pods)
            case (let old?, nil): rows.append(Row(.gone, "nodes.\(name)", old: text(of: old), new: nil))
            case (nil, let new?): rows.append(Row(.new, "nodes.\(name)", old: nil, new: text(of: new)))
            case (nil, nil): break
            }
        }
        return rows
    }

    /// Compares sets of prefixes: their order does not matter.
    private static func row(_ path: String, _ old: [IPPrefix], new: [IPPrefix]) -> [Row] {
        if Set(old) == Set(new) { return [] }
        return row(path, text(old.map(\.description)), new: text(new.map(\.description)))
    }

    /// The difference of one value; empty if there is none.
    private static func row(_ path: String, _ old: String?, new: String?) -> [Row] {
        if old == new { return [] }
        return [Row(old == nil ? .new : new == nil ? .gone : .changed, path, old: old, new: new)]
    }

    /// Values as one text; nil for none.
    private static func text(_ values: [String]) -> String? {
        values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// A node's addresses and pod prefixes as one text.
    private static func text(of node: Node) -> String {
        let addresses = node.addresses.map(\.description).joined(separator: ", ")
        let pods = node.pods.map(\.description).joined(separator: ", ")
        return addresses + (pods.isEmpty ? "" : "; pods \(pods)")
    }
}

extension ClusterDifference.Row {
    fileprivate init(_ kind: Kind, _ path: String, old: String?, new: String?) {
        self.init(kind: kind, path: path, old: old, new: new)
    }

    /// The key whose answers the value is read from.
    fileprivate var topic: String {
        let name = String(path.prefix { $0 != "." })
        return ["cilium", "calico"].contains(name) ? ClusterFindings.Key.cni.rawValue : name
    }

    /// As in `~ services: 10.96.0.0/16 -> 10.96.0.0/12`.
    package var text: String {
        switch kind {
        case .new: "+ \(path): \(new ?? "")"
        case .gone: "- \(path): \(old ?? "")"
        case .changed: "~ \(path): \(old ?? "") -> \(new ?? "")"
        }
    }
}

extension Cluster {
    /// True if the file has a value for `key` that is not the default.
    fileprivate func says(_ key: ClusterFindings.Key) -> Bool {
        switch key {
        case .domain: domain != .clusterLocal
        case .dns: !dns.isEmpty
        case .pods: !pods.isEmpty
        case .services: !services.isEmpty
        case .cni: cni != nil
        case .kubeProxy: kubeProxy != KubeProxySettings()
        case .nodes: !nodes.isEmpty
        }
    }
}

extension Inventory {
    /// The inventory with the findings in place of the values under the same keys, and new clusters at
    /// the end.
    package func merging(_ findings: [ClusterFindings]) -> Inventory {
        var merged = self
        for found in findings {
            guard let index = clusters.firstIndex(where: { $0.key == found.key }) else {
                merged.clusters.append(found.cluster)
                continue
            }
            if let pods = found.pods?.value { merged.clusters[index].pods = pods }
            if let services = found.services?.value { merged.clusters[index].services = services }
        }
        return merged
    }
}
