import Foundation
import IPAddressing
import Inventory
import InventoryFile
import PacketPath
import PathExplanation
import Testing

/// Clusters of other kinds, clusters with outer addresses, and what a user may name.
@Suite struct CodeTests {
    @Test func `every code is in the manual page, with its cause, how to see it by hand, and what mends it`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "config/man/namebridge-explain.8"), encoding: .utf8)
        let part = try #require(page.components(separatedBy: "\n.Sh CODES\n").last?.components(separatedBy: "\n.Sh ").first)
        var sections: [String: String] = [:]
        for section in part.components(separatedBy: "\n.It Li ").dropFirst() {
            let name = String(section.prefix { $0 != "\n" })
            sections[name] = section
        }
        #expect(Set(sections.keys) == Set(PathCode.allCases.map(\.rawValue)))
        for code in PathCode.allCases {
            let text = try #require(sections[code.rawValue], "\(code.rawValue)")
            // The cause stands first, then what a reader types, then what mends it.
            let parts = text.components(separatedBy: "\nBy hand")
            #expect(parts.count == 2 && parts[0].count > code.rawValue.count + 20, "\(code.rawValue)")
            let isFixed = parts.last?.contains("\nFix:") == true
            #expect(isFixed || code == .sourceBecomes, "\(code.rawValue) has no fix")
            let isTyped = parts.last?.contains("\n.Dl ") == true || parts.last?.contains("capture ") == true
            #expect(isTyped, "\(code.rawValue) does not say what to type")
        }
    }

    /// A cluster behind a node, whose services a program translates.
    private static func cluster(_ lines: String) -> String {
        """
        clusters:
          prod:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
        \(lines)
            nodes:
              n1: { address: 192.168.5.11, pods: [10.244.1.0/24] }
              n2: { address: 192.168.5.12, pods: [10.244.2.0/24] }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [n1] }
        """
    }

    @Test func `Cilium serves insiders alone, unless it is told otherwise`() throws {
        let kind = "    cni: cilium\n    kube-proxy: { mode: none }"
        let refused = try explain(Self.cluster(kind), "office", "prod/services")
        #expect(refused.verdict == .unreachable && refused.code == .clusterIPExternalOff)
        #expect(try explain(Self.cluster(kind), "prod/10.244.1.7", "prod/services").verdict == .reachable)
        let served = kind + "\n    cilium: { bpf-lb-external-clusterip: true }"
        #expect(try explain(Self.cluster(served), "office", "prod/services").verdict == .reachable)
    }

    @Test func `services are unknown if the file does not say what translates them`() throws {
        let kind = "    cni: calico-bgp\n    kube-proxy: { mode: none }"
        let explanation = try explain(Self.cluster(kind), "office", "prod/services")
        #expect(explanation.verdict == .unknown && explanation.code == .proxyModeUnknown)
        #expect(explanation.fix.contains("clusters.prod"))
    }

    @Test func `a packet for an address that the sender's network has as well stays there`() throws {
        let text = """
            clusters:
              prod:
                pods: [172.17.0.0/16]
                nodes:
                  n1: { address: 192.168.5.11, pods: [172.17.1.0/24] }
            sites:
              office: { networks: [172.17.0.0/20], router: 172.17.0.1 }
            """
        let explanation = try explain(text, "office", "prod/pods")
        #expect(explanation.verdict == .unreachable && explanation.code == .overlap)
        #expect(explanation.fix.contains("map"))
    }

    @Test(arguments: [
        ("equal-clusters", "office", "blue"), ("equal-clusters", "office", "green"), ("mapped-node", "office", "prod"),
        ("office-to-cluster", "branch", "prod"), ("one-link", "flannel", "calico"), ("one-link", "laboratory", "calico"),
        ("vxlan-mesh", "c1", "c2"), ("relay-between-clusters", "new", "old"), ("office-over-vpn", "shanghai", "shop"),
    ])
    func `what the planner's own networks carry is reachable`(_ name: String, _ from: String, _ to: String) throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appending(path: "InventoryFileTests/Networks/\(name).yaml")
        let explanation = try explain(String(decoding: try Data(contentsOf: file), as: UTF8.self), from, to)
        let text = ExplanationText(explanation).lines.map(\.text).joined(separator: "\n")
        #expect(explanation.verdict == .reachable, "\(text)")
    }

    @Test func `a large packet tells where the way is too narrow`() throws {
        let inventory = try PlannedNetworkTests.inventory("n3-fixed")
        let from = try #require(ExplainedEnd("c1", in: inventory))
        let to = try #require(ExplainedEnd("c2/pods", in: inventory))
        let explanation = Explanation(ExplainedQuestion(from: from, to: to, size: 1500), in: inventory)
        #expect(explanation.verdict == .reachable && explanation.code == .mtu)
        #expect(explanation.notes.contains { $0.contains("1450") })
    }

    @Test(arguments: [
        ("office", "office"), ("prod", "prod"), ("prod/pods", "prod"), ("prod/n1", "prod"), ("n2", "prod"),
        ("10.244.1.7", "prod"), ("172.16.3.50", "office"), ("prod/10.244.1.7", "prod"), ("8.8.8.8", ""),
    ])
    func `places, hosts and addresses are understood`(_ text: String, _ place: String) throws {
        let inventory = try Self.inventory(Self.cluster("    cni: flannel-host-gw"))
        #expect(ExplainedEnd(text, in: inventory)?.place == place)
        #expect(ExplainedEnd("web.shop", in: inventory) == nil)
    }

    // MARK: - Tools

    private func explain(_ yaml: String, _ from: String, _ to: String) throws -> Explanation {
        try explain(Self.inventory(yaml), from, to)
    }

    private func explain(_ inventory: Inventory, _ from: String, _ to: String) throws -> Explanation {
        let question = ExplainedQuestion(
            from: try #require(ExplainedEnd(from, in: inventory)), to: try #require(ExplainedEnd(to, in: inventory)))
        return Explanation(question, in: inventory)
    }

    static func inventory(_ yaml: String) throws -> Inventory {
        let (inventory, problems) = InventoryFile.read(Array(yaml.utf8), name: "test.yaml")
        return try #require(inventory, "\(problems)")
    }
}
