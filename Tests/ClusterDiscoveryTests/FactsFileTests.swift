import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory
import InventoryFile
import Testing

/// The file of facts, and what it does to a configuration.
@Suite struct FactsFileTests {
    private static let clusters: [(name: String, cluster: StandInCluster)] = [
        ("calico-ipip", Clusters.calico(ipip: "Always")), ("calico-bgp", Clusters.calico(ipip: "Never")),
        ("calico-vxlan", Clusters.calico(ipip: "Never", vxlan: "Always")),
        ("flannel", Clusters.flannel(backend: "vxlan")), ("cilium", Clusters.cilium(mode: "tunnel")),
        ("vpc", Clusters.vpc()),
    ]

    private static func facts(_ cluster: StandInCluster) throws -> ClusterFacts {
        var run = FollowRun(cluster)
        try run.settle()
        return try #require(run.last)
    }

    @Test(arguments: clusters.map(\.name))
    func `what is written is read`(name: String) throws {
        let cluster = try #require(Self.clusters.first { $0.name == name }?.cluster)
        let facts = try Self.facts(cluster)
        let (read, problems) = InventoryFile.readFacts(Array(facts.yaml.utf8), name: "prod.yaml")
        #expect(problems.map(\.description) == [], "\(facts.yaml)")
        #expect(read == facts)
    }

    @Test func `lines of nodes that stay are written as before`() throws {
        var facts = try Self.facts(FollowRun.flannel(nodes: 20))
        var lines = ClusterFacts.NodeLines()
        #expect(facts.yaml(&lines) == facts.yaml)
        var nodes = try #require(facts.nodes?.value)
        nodes[3].node.pods = []
        nodes[5].since += 1
        nodes.remove(at: 0)
        nodes.removeLast(2)
        var new = nodes[7]
        new.node = Node(name: "n7a", addresses: new.node.addresses)
        nodes.append(new)
        facts.nodes?.value = nodes.sorted { $0.node.name < $1.node.name }
        #expect(facts.yaml(&lines) == facts.yaml)
        facts.nodes?.value = []
        #expect(facts.yaml(&lines) == facts.yaml)
        #expect(facts.yaml(&lines) == facts.yaml)
    }

    @Test func `a file that changes again and again reads as if it were new each time`() throws {
        var facts = try Self.facts(FollowRun.flannel(nodes: 20))
        let all = try #require(facts.nodes?.value)
        let changes: [(inout [ClusterFacts.FoundNode]) -> Void] = [
            { _ in }, { $0[3].node.pods = [] }, { $0[3].since += 7 }, { $0.removeFirst() }, { $0 = Array(all.prefix(2)) },
            { $0 = all }, { $0.removeAll() }, { $0 = all }, { $0.swapAt(0, 1) }, { $0[0].node.name = "other" },
        ]
        for (number, change) in changes.enumerated() {
            var nodes = try #require(facts.nodes?.value)
            change(&nodes)
            facts.nodes?.value = nodes
            facts.version = "v1.\(number)"
            let text = Array(facts.yaml.utf8)
            let again = InventoryFile.readFacts(text, name: "changing.yaml")
            let new = InventoryFile.readFacts(text, name: "changing-\(number).yaml")
            #expect(again.facts == new.facts && again.facts?.nodes == facts.nodes, "change \(number)")
            #expect(again.problems.isEmpty && new.problems.isEmpty)
            #expect(InventoryFile.readFacts(text, name: "changing.yaml").facts == new.facts)
        }
    }

    @Test(arguments: [
        ("n4: {", "n4: { nonsense: 1,", "an unknown key"), ("n4: {", "n3: {", "a name that stands twice"),
        ("address: 192.168.0.4,", "address: 192.168.0.400,", "a wrong address"), ("n4: { ", "n4:\n      { ", "two lines"),
        ("n4: { address: 192.168.0.4,", "n4: { address: &a 192.168.0.4,", "an anchor"),
        ("    n4:", "   n4:", "a wrong indentation"),
    ])
    func `a mistake in a line that changed is found as in a new file`(old: String, wrong: String, reason: String) throws {
        let text = try Self.facts(FollowRun.flannel(nodes: 9)).yaml
        let name = "mistaken-\(reason).yaml"
        #expect(InventoryFile.readFacts(Array(text.utf8), name: name).facts != nil)
        let changed = Array(text.replacing(old, with: wrong).utf8)
        let again = InventoryFile.readFacts(changed, name: name)
        let new = InventoryFile.readFacts(changed, name: "new-\(name)")
        #expect(again.facts == new.facts && again.problems.map(\.message) == new.problems.map(\.message), "\(reason)")
        #expect(again.problems.map(\.line) == new.problems.map(\.line))
        #expect(InventoryFile.readFacts(Array(text.utf8), name: name).facts?.nodes?.value.count == 9)
    }

    private func read(_ text: String, _ facts: String...) -> (inventory: Inventory?, problems: [Diagnostic]) {
        let followed = FollowedText(
            file: Array(text.utf8),
            facts: facts.map { .init(path: "/var/lib/namebridge/clusters/prod.yaml", octets: Array($0.utf8)) })
        #expect(FollowedText(followed.whole) == followed)
        return InventoryFile.read(followed.whole, name: "n.yaml")
    }

    @Test func `a followed cluster has what was found, and its origin`() throws {
        let facts = try Self.facts(Clusters.calico(ipip: "Always"))
        let (inventory, _) = read("clusters: { prod: { follow: { context: prod } } }\n", facts.yaml)
        let cluster = try #require(inventory?.cluster("prod"))
        #expect(cluster.names.map(\.description) == ["prod.cluster.local"])
        #expect(cluster.dns == facts.dns?.value)
        #expect(cluster.nodes == facts.nodes?.value.map(\.node))
        #expect(cluster.cni == .calicoIPIP)
        #expect(cluster.kubeProxy.mode == .ipvs)
        #expect(
            cluster.origins(of: .dns) == [
                .cluster(source: "the ClusterIP of Service kube-system/kube-dns", since: 1_800_000_000)
            ])
        #expect(cluster.origins(of: .cilium) == [])
    }

    @Test func `what is written wins over what is found`() throws {
        let facts = try Self.facts(Clusters.calico(ipip: "Always"))
        let file = """
            clusters:
              prod:
                follow: { context: prod }
                dns: [192.0.2.53]
                pods: [172.17.32.0/19, 172.17.64.0/20]
                nodes:
                  master1: { address: 172.17.99.1, device: eth1 }
                  node03: { address: 172.17.14.13, pods: [172.17.54.192/26] }
                  bastion: { address: 172.17.14.99 }

            """
        let cluster = try #require(read(file, facts.yaml).inventory?.cluster("prod"))
        #expect(cluster.dns.map(\.description) == ["192.0.2.53:53"])
        #expect(cluster.pods.map(\.description) == ["172.17.32.0/19", "172.17.64.0/20"])
        #expect(cluster.services == facts.services?.value)
        #expect(cluster.nodes.map(\.name) == ["master1", "node03", "bastion"])
        #expect(cluster.nodes[0].addresses.map(\.description) == ["172.17.99.1"])
        #expect(cluster.nodes[0].pods.map(\.description) == ["172.17.33.0/26"])
        #expect(cluster.nodes[1].pods.map(\.description) == ["172.17.54.192/26"])
        #expect(cluster.origins(of: .dns) == [.file])
        #expect(cluster.origins(of: .nodes).count == 2)
    }

    @Test func `without facts the file is used, with a warning`() throws {
        let (inventory, problems) = read(
            "dns: { bare-domain: [prod] }\nclusters: { prod: { follow: { context: prod } } }\n")
        #expect(inventory?.cluster("prod")?.isAwaitingServers == true)
        #expect(
            problems.map(\.description) == [
                "n.yaml:2:21: warning: clusters.prod.follow: found no facts of the cluster yet: questions for its names get"
                    + " no answer, and no path leads to it, until \"namebridge follow\" has asked it"
            ])
    }

    @Test func `a path to what was not found yet keeps no follower from finding it`() {
        let file = """
            clusters:
              c1: { nodes: { a: { address: 192.0.2.1, pods: [10.1.0.0/24] } }, pods: [10.1.0.0/16] }
              prod: { follow: { context: prod } }
            paths: [{ between: [c1, prod], via: vxlan, vxlan: { id: 7, network: 10.255.0.0/16 } }]

            """
        #expect(read(file).inventory == nil)
        let (inventory, problems) = InventoryFile.readForFollower(Array(file.utf8), name: "n.yaml")
        #expect(problems == [])
        #expect(inventory?.cluster("prod")?.follow?.context == "prod")
    }

    @Test func `facts of nodes alone give a cluster without names`() {
        let facts = """
            facts: 1
            cluster: prod
            context: prod
            nodes:
              since: "2026-07-01T08:30:00Z"
              from: "a list"
              value: { a: { address: 192.0.2.1, since: "2026-07-01T08:30:00Z" } }

            """
        let bare = read("clusters: { prod: { follow: { context: prod } } }\n", facts)
        #expect(bare.problems == [])
        #expect(bare.inventory?.cluster("prod")?.names == [])
        let named = read("clusters: { prod: { follow: { context: prod }, names: [a.example] } }\n", facts)
        #expect(named.inventory?.cluster("prod")?.names.count == 1)
        #expect(named.problems.map(\.severity) == [.warning])
    }

    @Test func `facts of another cluster or context have no effect`() throws {
        let facts = try Self.facts(Clusters.calico(ipip: "Always"))
        let other = read("clusters: { prod: { follow: { context: other } } }\n", facts.yaml)
        #expect(other.inventory?.cluster("prod")?.facts == nil)
        let unfollowed = read("clusters: { prod: { dns: [192.0.2.1] } }\n", facts.yaml)
        #expect(unfollowed.inventory?.cluster("prod")?.nodes == [])
    }

    @Test func `a mistake in the facts is a warning with its place, and the file is used without them`() throws {
        let (inventory, problems) = read(
            "clusters: { prod: { follow: { context: prod } } }\n",
            "facts: 1\ncluster: prod\ncontext: prod\npods: { value: [10.0.0.1/8], since: yesterday, from: x }\n")
        #expect(inventory?.cluster("prod")?.isAwaitingServers == true)
        #expect(problems.allSatisfy { $0.severity == .warning })
        #expect(problems.contains { $0.message.contains("remove them and restart \"namebridge follow\"") })
        #expect(problems.map(\.file).contains("/var/lib/namebridge/clusters/prod.yaml"))
        #expect(problems.contains { $0.line == 4 && $0.message.contains("a time in UTC") })
    }
}
