import DomainNames
import IPAddressing
package import Inventory
import JSON
import Time

extension ClusterFacts {
    /// The file of these facts, as `InventoryFile.readFacts` reads it: equal facts have equal texts.
    package var yaml: String {
        var lines = NodeLines()
        return yaml(&lines)
    }

    /// The file of these facts.
    ///
    /// - Parameter lines: Those of nodes in the text before, which most changes leave as they are.
    package func yaml(_ lines: inout NodeLines) -> String {
        var text = """
            # What "namebridge follow" has found of the cluster \(plainText(cluster)). It writes this file again
            # whenever the cluster changes. Values of the configuration file win: namebridge.yaml(5).
            facts: 1
            cluster: \(scalar(cluster))
            context: \(scalar(context))

            """
        if let version = values.version { text += "kubernetes: \(scalar(version))\n" }
        text += Self.line("domain", values.domain) { scalar($0.description) }
        text += Self.line("dns", values.dns) { list($0.map(\.shortText)) }
        text += Self.line("pods", values.pods) { list($0.map(\.description)) }
        text += Self.line("services", values.services) { list($0.map(\.description)) }
        text += Self.line("cni", values.cni) { scalar($0.rawValue) }
        text += Self.line("kube-proxy", values.kubeProxy) { ClusterFindings.kubeProxyText($0) }
        text += Self.line("cilium", values.cilium) { Self.mapping($0.values) }
        text += Self.line("calico", values.calico) { Self.mapping($0.values) }
        guard let nodes else { return text }
        text += "nodes:\n  from: \(JSONValue.quote(nodes.source))\n  since: \(Self.time(nodes.since))\n"
        if nodes.value.isEmpty { return text + "  value: {}\n" }
        text += "  value:\n"
        for line in lines.update(to: nodes.value) { text += line }
        return text
    }

    /// The lines of nodes, which are written anew only for nodes that have changed.
    package struct NodeLines: Sendable {
        /// The nodes in the order of their names.
        private var nodes: [FoundNode] = []
        /// Their lines.
        private var lines: [String] = []

        package init() {}

        /// The lines of `new`, which are in the order of their names.
        mutating func update(to new: [FoundNode]) -> [String] {
            var position = 0
            let written = new.map { found in
                while position < nodes.count, nodes[position].node.name < found.node.name { position += 1 }
                if position < nodes.count, nodes[position] == found { return lines[position] }
                return Self.line(of: found)
            }
            (nodes, lines) = (new, written)
            return written
        }

        /// The line of one node.
        private static func line(of found: FoundNode) -> String {
            let name = scalar(found.node.name)
            return "    \(name): { \(found.node.membersText), since: \(ClusterFacts.time(found.since)) }\n"
        }
    }

    /// The line of one fact; empty if it was never found.
    private static func line<Value>(
        _ key: String, _ fact: Fact<Value>?, _ text: (Value) -> String
    ) -> String {
        guard let fact else { return "" }
        let source = JSONValue.quote(fact.source)
        return "\(key): { value: \(text(fact.value)), since: \(time(fact.since)), from: \(source) }\n"
    }

    /// Members on one line.
    private static func mapping(_ values: [(key: String, text: String)]) -> String {
        "{ \(values.map { "\($0.key): \($0.text)" }.joined(separator: ", ")) }"
    }

    /// A time as a scalar.
    fileprivate static func time(_ seconds: Int?) -> String {
        scalar(UTCTime(seconds: max(0, seconds ?? 0)).description)
    }
}
