import Foundation
import Testing

/// `namebridge discover` with the real kubectl, against API servers that are played.
@Suite(.enabled(if: DiscoverRun.kubectlFolder != nil, "there is no kubectl on PATH"))
struct DiscoverTests {
    @Test(arguments: DiscoveryCase.all.filter(\.isForKubectl))
    func `a cluster's network is found, and the file passes the check`(_ row: DiscoveryCase) throws {
        let run = try DiscoverRun([("prod", row.cluster)])
        let result = try run.discover()
        #expect(result.code == 0, "\(result.errors)")
        #expect(values(result.output) == ["clusters:", "prod:"] + row.lines)
        for comment in row.comments { #expect(flat(result.output).contains(comment), "\(comment): \(result.output)") }
        let check = try run.check(result.output)
        #expect(check.code == 0, "\(check.output)\(check.errors)")
    }

    @Test func `lists of many pages are read to their end`() throws {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.pageSize = 1
        let result = try DiscoverRun([("prod", cluster)]).discover()
        #expect(values(result.output) == ["clusters:", "prod:"] + DiscoveryCase.flannel("flannel-vxlan"))
    }

    // MARK: - Several clusters

    @Test func `several contexts make one file, with keys from their names`() throws {
        let run = try DiscoverRun([
            ("arn:aws:eks:eu-west-1:123456789012:cluster/Prod_A", Clusters.flannel(backend: "vxlan")),
            ("admin@staging", Clusters.calico(ipip: "Always")),
        ])
        let result = try run.discover(
            "--context", "arn:aws:eks:eu-west-1:123456789012:cluster/Prod_A", "--context", "admin@staging")
        #expect(result.code == 0, "\(result.errors)")
        let lines = values(result.output)
        #expect(lines.contains("prod-a:") && lines.contains("staging:"))
        #expect(try run.check(result.output).code == 0)
        let chosen = try run.discover("--context", "admin@staging", "--key", "old")
        #expect(values(chosen.output).prefix(2) == ["clusters:", "old:"])
    }

    @Test func `clusters that overlap get a map proposed, and the file passes check`() throws {
        let run = try DiscoverRun([
            ("a", Clusters.flannel(backend: "vxlan")), ("b", Clusters.flannel(backend: "host-gw")),
        ])
        let result = try run.discover("--context", "a", "--context", "b")
        #expect(result.code == 0)
        #expect(result.errors.contains("pods 10.244.0.0/16 of a and pods 10.244.0.0/16 of b overlap"))
        #expect(result.errors.contains("services 10.96.0.0/12 of a and services 10.96.0.0/12 of b overlap"))
        #expect(result.output.components(separatedBy: "    map: { 10.244.0.0/16: 10.").count == 3)
        let checked = try run.check(result.output)
        #expect(checked.code == 0, "the file passes: \(checked.output)")
    }

    // MARK: - Beside a file

    @Test func `the difference to the file in use is shown, value by value`() throws {
        let run = try DiscoverRun([
            ("gke_project_europe-west1_prod", Clusters.flannel(backend: "vxlan")),
            ("new", Clusters.calico(ipip: "Always")),
        ])
        let file = try run.write(
            """
            clusters:
              shop:
                dns: [10.96.0.10]
                pods: [10.244.0.0/16]
                services: [10.96.0.0/16]
                cni: flannel-host-gw
                nodes:
                  worker1: { address: 192.168.0.1, pods: [10.244.1.0/24] }
                  worker2: { address: 192.168.0.22, pods: [10.244.2.0/24] }
                  worker9: { address: 192.168.0.9 }
              away: { dns: [10.1.0.10] }
            """, to: "use.yaml")
        let result = try run.discover(
            "--context", "gke_project_europe-west1_prod", "--context", "new", "--merge", file)
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("clusters.shop (context gke_project_europe-west1_prod): 6 differences"), "\(lines)")
        for line in [
            "  ~ services: 10.96.0.0/16 -> 10.96.0.0/12", "  ~ cni: flannel-host-gw -> flannel-vxlan",
            "  + kube-proxy.cluster-cidr: 10.244.0.0/16", "  ~ nodes.worker2.address: 192.168.0.22 -> 192.168.0.2",
            "  + nodes.worker3: 192.168.0.3; pods 10.244.3.0/24", "  - nodes.worker9: 192.168.0.9",
            "+     pods: [172.17.32.0/19]", "clusters.away: not asked for: no context of it was named",
        ] {
            #expect(lines.contains(line), "\(line): \(result.output)")
        }
        #expect(lines.contains { $0.hasPrefix("clusters.new (context new): not in ") })
    }

    @Test func `a site of the file that overlaps a cluster is reported`() throws {
        let run = try DiscoverRun([("prod", Clusters.flannel(backend: "vxlan"))])
        let file = try run.write("sites:\n  office: { networks: [10.244.8.0/24] }\n", to: "use.yaml")
        let result = try run.discover("--merge", file)
        #expect(result.code == 0, "a map is proposed")
        #expect(result.output.contains("map: { 10.244.0.0/16: "), "\(result.output)")
        #expect(result.errors.contains("pods 10.244.0.0/16 of prod and networks 10.244.8.0/24 of office overlap"))
    }

    @Test func `programs get the same as JSON`() throws {
        let run = try DiscoverRun([("prod", Clusters.vpc())])
        let result = try run.discover("--output", "json")
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        let report = try #require(object as? [String: Any])
        let cluster = try #require((report["clusters"] as? [[String: Any]])?.first)
        #expect((cluster["services"] as? [String: Any])?["value"] as? [String] == ["172.20.0.0/16"])
        #expect((cluster["pods"] as? [String: Any])?["value"] is NSNull)
        #expect(((cluster["pods"] as? [String: Any])?["by-hand"] as? String)?.contains("kubectl --context prod") == true)
    }
}
