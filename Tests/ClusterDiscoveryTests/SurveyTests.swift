import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory
import InventoryFile
import JSON
import Testing

/// What a cluster's answers say, without kubectl in between.
@Suite struct SurveyTests {
    @Test(arguments: DiscoveryCase.all)
    func `a cluster's network is found, and the file has no mistake`(_ row: DiscoveryCase) throws {
        let findings = try survey(row.cluster).findings(key: "prod")
        let text = inventoryText(of: [findings])
        #expect(values(text) == ["clusters:", "prod:"] + row.lines)
        for comment in row.comments { #expect(flat(text).contains(comment), "\(comment): \(text)") }
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "found.yaml")
        #expect(inventory?.clusters == [findings.cluster], "\(problems)")
        #expect(ClusterDifference(from: findings.cluster, to: findings).rows.isEmpty)
    }

    @Test(arguments: [
        ("10.96.0.0/12", false, ["10.96.0.0/12"]), ("fd00:20::/112", true, ["fd00:20::/112"]),
    ])
    func `where nothing names the service prefixes, a refused dry run does`(
        range: String, isIPv6: Bool, prefixes: [String]
    ) throws {
        var cluster = StandInCluster()
        cluster.serviceRange = range
        cluster.addNode("node1", [isIPv6 ? "2001:db8::1" : "10.0.0.1"])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.services?.value.map(\.description) == prefixes)
        #expect(findings.services?.source.contains("dry run") == true)
    }

    @Test func `a port of every node takes the place of a ClusterIP that does not answer`() throws {
        var cluster = StandInCluster()
        cluster.addNode("node1", ["172.18.14.11"])
        cluster.addDNS(["10.96.0.10"], pods: ["10.244.1.5"])
        let ports: [JSONValue] = ["UDP", "TCP"].map { name in
            .object(["protocol": .string(name), "port": .integer(53), "nodePort": .integer(30053)])
        }
        cluster.append(
            StandInCluster.system + "/services",
            .object([
                "metadata": StandInCluster.metadata("dns-outside"),
                "spec": .object(["type": .string("NodePort"), "clusterIP": .string("10.96.9.9"), "ports": .array(ports)]),
            ]))
        var findings = try survey(cluster).findings(key: "prod")
        #expect(findings.dns?.value.map(\.shortText) == ["10.96.0.10"])
        let outside = try #require(Endpoint("172.18.14.11:30053", defaultPort: 53))
        #expect(findings.otherDNS.contains(outside) && findings.otherDNS.contains { "\($0.address)" == "10.244.1.5" })
        var near = findings
        #expect(near.choose(among: Set(findings.dns?.value ?? []).union([outside])) == .asFound && near == findings)
        #expect(near.choose(among: []) == .nowhere && near == findings)
        #expect(findings.choose(among: [outside]) == .atOthers)
        #expect(findings.dns?.value == [outside])
        #expect(flat(inventoryText(of: [findings])).contains("what answers this host (10.96.0.10 in the cluster"))
    }

    @Test func `k3s is recognised by the annotation of its servers`() throws {
        var cluster = StandInCluster()
        let arguments =
            #"["server","--cluster-cidr","10.42.0.0/16","--service-cidr=10.43.0.0/16","--cluster-domain","k3s.local"]"#
        cluster.addNode(
            "one", ["10.0.0.1"], pods: ["10.42.0.0/24"],
            annotations: [
                "k3s.io/node-args": arguments, "flannel.alpha.coreos.com/backend-type": "wireguard",
            ])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.pods?.value.map(\.description) == ["10.42.0.0/16"])
        #expect(findings.services?.value.map(\.description) == ["10.43.0.0/16"])
        #expect(findings.domain?.value.description == "k3s.local")
        #expect(findings.cni?.value == .other && findings.cni?.source.hasSuffix(": wireguard") == true)
        #expect(findings.kubeProxy?.value == KubeProxySettings())
    }

    @Test func `prefixes of nodes outside of what is declared are taken in`() throws {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.addNode("later", ["192.168.0.9"], pods: ["10.245.0.0/24"])
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.pods?.value.map(\.description) == ["10.244.0.0/16", "10.245.0.0/24"])
        let text = inventoryText(of: [findings])
        #expect(InventoryFile.read(Array(text.utf8), name: "found.yaml").inventory != nil)
    }

    @Test func `without any declaration the prefixes of the nodes are joined`() throws {
        var cluster = StandInCluster()
        for number in 0..<3 { cluster.addNode("n\(number)", ["10.0.0.\(number + 1)"], pods: ["10.1.\(number).0/24"]) }
        let findings = try survey(cluster).findings(key: "prod")
        #expect(findings.pods?.value.map(\.description) == ["10.1.0.0/23", "10.1.2.0/24"])
    }

    @Test func `an endless list is abandoned`() {
        let page = Array(#"{"items": [], "metadata": {"continue": "x"}}"#.utf8)
        var survey = ClusterSurvey(context: "prod") { YAMLValues.read($0) }
        for _ in 0..<200 { for topic in survey.next() { survey.take(page, for: topic) } }
        #expect(survey.next().isEmpty)
    }

    @Test func `a server that answers nonsense causes no failure`() throws {
        for text in ["", "[]", "null", "{\"items\": 5}", "{\"items\": [1, {\"metadata\": []}], \"spec\": \"\"}"] {
            var survey = ClusterSurvey(context: "prod") { YAMLValues.read($0) }
            for _ in 0..<20 { for topic in survey.next() { survey.take(Array(text.utf8), for: topic) } }
            #expect(survey.next().isEmpty)
            let file = inventoryText(of: [survey.findings(key: "prod")])
            #expect(InventoryFile.read(Array(file.utf8), name: "found.yaml").inventory != nil, "\(text): \(file)")
        }
    }
}
