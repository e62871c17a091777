import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory
import InventoryFile
import Testing

/// First configurations, each of which passes the check.
@Suite struct ConfigurationDraftTests {
    /// The values of the text without comments, once it was read without a mistake.
    private func values(_ draft: ConfigurationDraft) throws -> [String] {
        let (inventory, problems) = InventoryFile.read(Array(draft.text.utf8), name: "f")
        #expect(problems.filter { $0.severity == .error }.map(\.description) == [], "\(draft.text)")
        _ = try #require(inventory)
        for line in draft.text.split(separator: "\n") { #expect(line.count <= 115, "\(line)") }
        return draft.text.split(separator: "\n").map { $0.trimmingSpaces }.filter { !$0.hasPrefix("#") }
    }

    private func draft(_ texts: String...) -> ConfigurationDraft {
        var draft = ConfigurationDraft()
        draft.take(ForwardingRules(texts.enumerated().map { ForwardingRules(reading: $1, name: "f\($0 + 1)") }))
        return draft
    }

    private static let head = ["dns:", "admin:", "listen: [\"127.0.0.1:9153\"]", "clusters:"]

    @Test func `the line of an office's dnsmasq`() throws {
        let lines = try values(draft("server=/cluster.local/172.17.16.10\nrev-server=172.17.16.0/20,172.17.16.10\n"))
        #expect(
            lines == ["dns:", "bare-domain: [prod]"] + Self.head.dropFirst() + [
                "prod:", "dns: [172.17.16.10]", "services: [172.17.16.0/20]",
            ])
    }

    @Test func `an office with three clusters, two of which call themselves the same`() throws {
        let lines = try values(
            draft(
                """
                server=/cluster.local/10.96.0.10
                server=/corp.example.com/10.96.0.10
                server=/staging.cluster.local/10.97.0.10#1053
                server=/intranet.example.com/10.1.1.1
                """,
                """
                k8s.lab.example:53 {
                  rewrite name suffix .k8s.lab.example .cluster.local
                  forward . 10.98.0.10 10.98.0.11
                }
                """
            ))
        #expect(
            lines == ["dns:", "bare-domain: [prod, k8s]"] + Self.head.dropFirst() + [
                "prod:", "dns: [10.96.0.10]", "also: [corp.example.com]",
                "staging:", "domain: staging.cluster.local", "dns: [\"10.97.0.10:1053\"]",
                "k8s:", "dns: [10.98.0.10, 10.98.0.11]", "names: [k8s.cluster.local, k8s.lab.example]",
            ])
    }

    @Test func `lines for the services and pods of a cluster lead to its domain`() throws {
        let lines = try values(
            draft("server=/svc.cluster.local/pod.cluster.local/10.96.0.10\nserver=/svc.lab.k8s/10.98.0.10\n"))
        #expect(
            lines == ["dns:", "bare-domain: [prod]"] + Self.head.dropFirst() + [
                "prod:", "dns: [10.96.0.10]",
                "lab:", "domain: lab.k8s", "dns: [10.98.0.10]", "names: [lab.cluster.local, lab.k8s]",
            ])
    }

    @Test func `several lines for one zone are one cluster's servers, and the file says so`() throws {
        let several = draft("server=/cluster.local/10.96.0.10\nserver=/cluster.local/10.97.0.10\n")
        #expect(try values(several).contains("dns: [10.96.0.10, 10.97.0.10]"))
        let words = "# Each of these servers has a line for the same zone"
        #expect(several.text.contains(words))
        let corefile = draft("cluster.local {\n forward . 10.98.0.10 10.98.0.11\n}\n")
        #expect(!corefile.text.contains(words), "one line names them together")
        #expect(draft("server=/cluster.local/10.96.0.10", "server=/cluster.local/10.97.0.10").keys == ["prod", "prod-2"])
    }

    @Test func `the reason for other addresses to listen on stands above them`() throws {
        var draft = draft("server=/cluster.local/10.96.0.10")
        draft.listen = [try #require(Endpoint("127.0.0.1:5300", defaultPort: 53))]
        draft.listenReason = "Port 53 is taken."
        #expect(draft.text.contains("  # Port 53 is taken.\n  listen: [\"127.0.0.1:5300\"]\n"))
        #expect(try values(draft).contains("listen: [\"127.0.0.1:5300\"]"))
    }

    @Test func `a cluster of another domain alone, with the usual addresses to listen on`() throws {
        let lines = try values(draft("server=/prod.k8s/10.98.0.10\n"))
        #expect(
            lines == ["dns:", "listen: [\"0.0.0.0:53\", \"[::]:53\"]"] + Self.head.dropFirst() + [
                "prod:", "domain: prod.k8s", "dns: [10.98.0.10]", "names: [prod.cluster.local, prod.k8s]",
            ])
    }

    @Test func `rules of other names are told, and taken over if a person says so`() throws {
        let text = "server=/apps.example.com/10.5.0.10\nserver=/cluster.local/10.96.0.10\n"
        let one = draft(text)
        #expect(one.keys == ["prod"])
        #expect(one.remarks.first?.hasPrefix("f1:1: apps.example.com leads to 10.5.0.10, which looks like no cluster's") == true)
        #expect(one.text.contains("# Not taken over: f1:1: apps.example.com"))
        var other = ConfigurationDraft()
        let apps = try DomainName(parsing: "apps.example.com")
        other.take(ForwardingRules(reading: text, name: "f")) { $0 == apps }
        #expect(other.keys == ["apps", "prod"] && other.remarks == [])
        #expect(try values(other).contains("names: [apps.cluster.local, apps.example.com]"))
    }

    @Test(arguments: [
        ("127.0.0.1#5301", "10.96.0.0/16", "services: [10.96.0.0/16]", "a range of kubeadm's"),
        ("172.17.16.10", "172.17.16.0/20", "services: [172.17.16.0/20]", "the server's own address is a service's"),
        ("172.17.14.11#30053", "172.17.32.0/19", "pods: [172.17.32.0/19]", "any other"),
    ])
    func `prefixes of reverse names are of services or pods`(server: String, prefix: String, line: String, reason: String) throws
    {
        let lines = try values(draft("server=/cluster.local/\(server)\nrev-server=\(prefix),\(server)\n"))
        #expect(lines.contains(line), "\(reason): \(lines)")
    }

    @Test func `names, addresses and servers that a person has given`() throws {
        var draft = ConfigurationDraft()
        let server = try #require(Endpoint("fd00::10", defaultPort: 53))
        draft.clusters = [DraftCluster(key: "blue", dns: [server], source: "--cluster")]
        draft.listen = [try #require(Endpoint("[fd00::5]:53", defaultPort: 53))]
        draft.upstream = [try #require(Endpoint("192.0.2.1", defaultPort: 53))]
        let lines = try values(draft)
        #expect(lines.contains("listen: [\"[fd00::5]:53\"]") && lines.contains("upstream: [192.0.2.1]"))
        #expect(lines.contains("dns: [\"fd00::10\"]") && lines.contains("bare-domain: [blue]"))
    }

    @Test func `a cluster that was also found by its API server is in the file once`() throws {
        var draft = draft("server=/cluster.local/10.96.0.10")
        var found = ClusterFindings(key: "admin", context: "admin@x")
        found.dns = Fact([try #require(Endpoint("10.96.0.10", defaultPort: 53))], "a test")
        found.domain = Fact(.clusterLocal, "a test")
        draft.take([found])
        #expect(draft.keys == ["prod"] && draft.clusters.isEmpty)
        #expect(try values(draft).contains("bare-domain: [prod]"))
    }

    @Test(arguments: [
        ("cluster.local", true), ("a.b.cluster.local", true), ("k8s.example.com", true), ("kube-prod.lan", true),
        ("prod-k8s.lan", true), ("corp.example.com", false), ("kubelet.example", false), ("local", false),
    ])
    func `what looks like a cluster's suffix`(name: String, isLikely: Bool) throws {
        #expect(ConfigurationDraft.isLikelyCluster(try DomainName(parsing: name)) == isLikely)
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String { String(drop { $0 == " " }) }
}
