import ClusterDiscovery
import Inventory
import InventoryFile
import JSON
import Testing

/// Lists that break off half-way: begun anew, or said to be partial.
@Suite struct PartialListTests {
    /// Three nodes on two pages, of which the second fails so many times.
    private func cluster(failures: PageFailures?) -> StandInCluster {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.pageSize = 2
        cluster.laterPages = failures
        return cluster
    }

    @Test func `a list whose token expired is started again`() throws {
        let findings = try survey(cluster(failures: .expired(2))).findings(key: "prod")
        #expect(findings.nodes?.value.count == 3)
        #expect(findings.partial.isEmpty)
    }

    @Test func `a list that breaks off each time is partial, and what it lacks is not gone`() throws {
        let whole = try survey(cluster(failures: nil)).findings(key: "prod")
        let part = try survey(cluster(failures: .expired(1000))).findings(key: "prod")
        #expect(part.partial.first?.hasPrefix("partial: only a part of nodes") == true, "\(part.partial)")
        #expect(part.yaml.contains("# partial: only a part of nodes"))
        #expect(part.json.description.contains("partial: only a part of nodes"))
        let difference = ClusterDifference(from: whole.cluster, to: part)
        #expect(difference.rows.isEmpty, "\(difference.rows.map(\.text))")
        #expect(difference.unknown.contains(.nodes))
    }

    @Test func `a list of more pages than are taken is partial`() {
        let page = Array(#"{"items": [], "metadata": {"continue": "x"}}"#.utf8)
        var survey = ClusterSurvey(context: "prod") { YAMLValues.read($0) }
        for _ in 0..<200 { for topic in survey.next() { survey.take(page, for: topic) } }
        #expect(survey.findings(key: "prod").partial.contains { $0.contains("more than 20000 items") })
    }

    @Test(.enabled(if: DiscoverRun.kubectlFolder != nil, "there is no kubectl on PATH"))
    func `a partial list exits with 1 and says so, one that could be started again with 0`() throws {
        let whole = try DiscoverRun([("prod", cluster(failures: .expired(1)))]).discover()
        #expect(whole.code == 0 && whole.output.contains("worker3"), "\(whole.errors)")
        let part = try DiscoverRun([("prod", cluster(failures: .expired(1000)))]).discover()
        #expect(part.code == 1)
        #expect(part.errors.contains("prod: partial: only a part of nodes"), "\(part.errors)")
        #expect(part.errors.contains("HTTP 410"))
    }
}
