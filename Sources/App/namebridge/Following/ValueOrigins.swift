import AdminServer
import DomainNames
import IPAddressing
import Inventory
import JSON
import LinuxSystem

/// Where the values of followed clusters come from, for `check` and `net plan`.
enum ValueOrigins {
    /// Lines for people: a heading for each followed cluster, and a line for each value; empty if no
    /// cluster is followed.
    static func lines(of inventory: Inventory) -> [String] {
        let now = WallClock.seconds
        return inventory.clusters.flatMap { cluster -> [String] in
            guard let follow = cluster.follow else { return [] }
            let heading = "clusters.\(cluster.key) follows context \(follow.context.printable)"
            let trouble = troubleLines(of: cluster)
            guard cluster.facts != nil else { return ["\(heading): nothing was found yet"] + trouble }
            return ["\(heading):"] + trouble
                + ClusterFacts.Key.allCases.compactMap { line($0, of: cluster, now) }
        }
    }

    /// What the follower reports if not all is well: facts that it refuses are in no file.
    private static func troubleLines(of cluster: Cluster) -> [String] {
        let report = ServerStatus.Followed(cluster, factsFolder: FactsFolder.path)
        guard report.reason != nil else { return [] }
        return ["  follower: \(report.words.printable)"]
    }

    /// The line of one value; nil if it has its default.
    private static func line(_ key: ClusterFacts.Key, of cluster: Cluster, _ now: Int) -> String? {
        let origins = cluster.origins(of: key).map { origin in
            switch origin {
            case .file: "written here"
            case .cluster(let source, let since):
                "for \(Figures.duration(seconds: max(0, now - since))) from \(source.printable)"
            }
        }
        if origins.isEmpty { return nil }
        return "  \(key.rawValue): \(cluster.text(of: key)); \(origins.joined(separator: ", and "))"
    }

    /// The origins for programs.
    static func json(of inventory: Inventory) -> JSONValue {
        .array(
            inventory.clusters.filter { $0.follow != nil }.map { cluster in
                let values = ClusterFacts.Key.allCases.map { key in
                    (key: key.rawValue, value: JSONValue.array(cluster.origins(of: key).map(\.json)))
                }
                let report = ServerStatus.Followed(cluster, factsFolder: FactsFolder.path)
                return .object([
                    ("cluster", .string(cluster.key)), ("context", .optional(cluster.follow?.context)),
                    ("found", .boolean(cluster.facts != nil)), ("state", .string(report.state)),
                    ("reason", .optional(report.reason)), ("origins", .object(values)),
                ])
            })
    }
}

extension ValueOrigin {
    /// The origin for programs.
    fileprivate var json: JSONValue {
        switch self {
        case .file: .object([("origin", .string("file"))])
        case .cluster(let source, let since):
            .object([
                ("origin", .string("cluster")), ("from", .string(source)),
                ("since", .string(WallClock.text(max(0, since)))),
            ])
        }
    }
}

extension Cluster {
    /// A value in short.
    fileprivate func text(of key: ClusterFacts.Key) -> String {
        func list(_ values: [some CustomStringConvertible]) -> String {
            values.isEmpty ? "none" : values.map(\.description).joined(separator: ", ")
        }
        switch key {
        case .domain: return domain.description
        case .dns: return list(dns)
        case .pods: return list(pods)
        case .services: return list(services)
        case .cni: return cni?.rawValue ?? "not known"
        case .kubeProxy: return kubeProxy.mode.rawValue
        case .cilium: return cilium?.routingMode.rawValue ?? "not known"
        case .calico: return calico.usesBPF ? "with eBPF" : "without eBPF"
        case .nodes: return "\(nodes.count)"
        }
    }
}
