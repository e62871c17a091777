import IPAddressing
import Inventory

extension PlanBuilder {
    /// Adds notes about doubtful pod prefixes that this host has routes to, of nodes of `cluster`.
    mutating func noteRoutes(to nodes: [Node], of cluster: Cluster, because: String) {
        let unknown = nodes.filter(\.pods.isEmpty).map(\.name)
        if !unknown.isEmpty, unknown.count < nodes.count {
            note(
                .warning,
                "\(because): the pods of \(Self.list(unknown)) are not known: give them in"
                    + " clusters.\(cluster.key).nodes, else no route leads there")
        }
        noteBlocks(of: nodes.map { ($0.name, $0.pods) }, in: cluster, because: because)
    }

    /// Adds a note for Calico's nodes whose prefixes in the file are not blocks that Calico assigns.
    mutating func noteBlocks(
        of nodes: [(name: String, pods: [IPPrefix])], in cluster: Cluster, because: String
    ) {
        guard cluster.cni?.isCalico == true else { return }
        let wide = nodes.map { node in
            (node.name, node.pods.filter { $0.length < ($0.family == .v4 ? 26 : 122) })
        }.filter { !$0.1.isEmpty }
        guard let (name, prefixes) = wide.first else { return }
        let others = wide.count - 1
        note(
            .advice,
            "\(because): \(name) has \(prefixes.map(\.description).joined(separator: ", "))"
                + (others > 0 ? " (\(others) other node\(others == 1 ? "" : "s") the like)" : "")
                + ", but Calico gives out blocks of /26 (/122), several to a node, and moves them: compare"
                + " with \"kubectl get blockaffinities\" and write what you find there")
    }

    /// The first of `names`, and how many more there are.
    private static func list(_ names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
    }
}
