import IPAddressing
import Inventory

extension ClusterFacts {
    /// These facts, with what was found now. What was not found stays: it may only be unreadable.
    ///
    /// - Parameters:
    ///   - hasNoNodes: True if the list of nodes was read, and is empty.
    ///   - now: Seconds since 1970, the age of what is new.
    func updated(by findings: ClusterFindings, hasNoNodes: Bool, at now: Int) -> ClusterFacts {
        var new = self
        new.version = findings.version ?? values.version
        new.domain = Self.updated(values.domain, findings.domain, at: now)
        new.dns = Self.updated(values.dns, findings.dns, at: now)
        new.pods = Self.updated(values.pods, findings.pods.map(sorted), at: now)
        new.services = Self.updated(values.services, findings.services.map(sorted), at: now)
        new.cni = Self.updated(values.cni, findings.cni, at: now)
        new.kubeProxy = Self.updated(values.kubeProxy, findings.kubeProxy, at: now)
        new.cilium = Self.updated(values.cilium, findings.cilium, at: now)
        new.calico = Self.updated(values.calico, findings.calico, at: now)
        if let found = findings.nodes {
            new.nodes = updatedNodes(found, knowsPrefixes: findings.knowsNodePrefixes, at: now)
        } else if hasNoNodes, let old = nodes, !old.value.isEmpty {
            new.nodes = Fact([], old.source, since: now)
        }
        return new
    }

    /// The nodes by name.
    private func updatedNodes(
        _ found: Fact<[Node]>, knowsPrefixes: Bool, at now: Int
    ) -> Fact<[FoundNode]> {
        let old = Dictionary((nodes?.value ?? []).map { ($0.node.name, $0) }) { first, _ in first }
        let value = found.value.sorted { $0.name < $1.name }.map { node -> FoundNode in
            guard let before = old[node.name] else { return FoundNode(node, since: now) }
            var node = node
            if node.pods.isEmpty, !knowsPrefixes { node.pods = before.node.pods }
            return before.node == node ? before : FoundNode(node, since: now)
        }
        let isSame = nodes.map { $0.value == value } ?? false
        return Fact(value, found.source, since: isSame ? nodes?.since ?? now : now)
    }

    /// A value with its age: as before if it is the same.
    private static func updated<Value>(
        _ old: Fact<Value>?, _ found: Fact<Value>?, at now: Int
    ) -> Fact<Value>? {
        guard let found else { return old }
        let since = old.flatMap { $0.value == found.value ? $0.since : nil } ?? now
        return Fact(found.value, found.source, since: since)
    }

    /// Prefixes in order: a list's order changes with its objects.
    private func sorted(_ found: Fact<[IPPrefix]>) -> Fact<[IPPrefix]> {
        Fact(found.value.sorted(), found.source)
    }

    /// The nodes that `new` lacks, or has without pod prefixes although they had some.
    func lostNodes(in new: ClusterFacts) -> Int {
        let after = Dictionary((new.nodes?.value ?? []).map { ($0.node.name, $0.node) }) { first, _ in first }
        return (nodes?.value ?? []).count { before in
            guard let node = after[before.node.name] else { return true }
            return node.pods.isEmpty && !before.node.pods.isEmpty
        }
    }
}
