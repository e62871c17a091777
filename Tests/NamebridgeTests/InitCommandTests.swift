import ClusterDiscovery
import DemoClusters
import DomainNames
import Foundation
import IPAddressing
import Inventory
import LDNSBridge
import Testing

@testable import namebridge

/// A first configuration from what is there.
@Suite struct InitCommandTests {
    /// A folder that is gone at the end of this value's life.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appending(path: "namebridge-init-\(UUID().uuidString)").path

        func write(_ text: String, to name: String) throws -> String {
            let file = URL(filePath: path).appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
            return file.path
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test func `dnsmasq's line becomes a file that passes check, and three commands follow`() throws {
        let folder = Folder()
        let source = try folder.write("no-resolv\nserver=/cluster.local/192.0.2.10\n", to: "dnsmasq.conf")
        let file = folder.path + "/new/namebridge.yaml"
        let result = try Program.run(["init", "--from", source, "--config", file])
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.first == "\(file): written, with prod. Next:")
        #expect(lines.count == 4 && lines[1].contains("namebridge query --config \(file) kubernetes.default.svc.prod"))
        #expect(lines[2] == "  sudo namebridge serve --config \(file)")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        // A long path stands on a line of its own.
        #expect(text.contains("\(source):2.\n") && text.contains("dns: [192.0.2.10]"))
        #expect(try Program.run(["check", file]).code == 0)
    }

    @Test func `a file that is there stays, unless it is to be replaced`() throws {
        let folder = Folder()
        let file = try folder.write("mine: 1\n", to: "namebridge.yaml")
        let words = ["init", "--from", "none", "--cluster", "blue=192.0.2.1,192.0.2.2:1053", "--config", file]
        let refused = try Program.run(words)
        #expect(refused.code == 2 && refused.errors.contains("is there already; it stays as it is"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine: 1\n")
        #expect(try Program.run(words + ["--force"]).code == 0)
        #expect(try String(contentsOfFile: file, encoding: .utf8).contains("dns: [192.0.2.1, \"192.0.2.2:1053\"]"))
        #expect(try String(contentsOfFile: file + ".old", encoding: .utf8) == "mine: 1\n")
    }

    /// Clusters that are the same inside have their DNS at one address, and so have two contexts of one cluster.
    @Test func `an address that several clusters have shows of none of them that it answers`() throws {
        let shared = try #require(Endpoint("10.96.0.10", defaultPort: 53))
        let own = try #require(Endpoint("10.97.0.10", defaultPort: 53))
        let found = [("blue", shared), ("green", shared), ("red", own)].map { key, server in
            var findings = ClusterFindings(key: key, context: key)
            findings.values.dns = Fact([server], "a test")
            return findings
        }
        let (chosen, remarks) = ReachableServers.choose(for: found, among: [shared, own])
        #expect(chosen == found)
        #expect(remarks.count == 1, "\(remarks)")
        #expect(remarks[0].hasPrefix("blue, green: 10.96.0.10 answers here, and each of them has its DNS there"), "\(remarks)")
        let silent = ReachableServers.choose(for: found, among: [own]).remarks
        #expect(silent.filter { $0.contains("does not answer here") }.count == 2, "\(silent)")
    }

    @Test func `it can be printed instead`() throws {
        let result = try Program.run([
            "init", "--dry-run", "--from", "none", "--cluster", "a=192.0.2.1", "--listen", "127.0.0.1:5300", "--upstream",
            "192.0.2.9",
        ])
        #expect(result.code == 0)
        for line in [
            "  listen: [\"127.0.0.1:5300\"]", "  upstream: [192.0.2.9]", "  bare-domain: [a]", "  a:", "    dns: [192.0.2.1]",
        ] {
            #expect(result.output.contains(line + "\n"), "\(line)")
        }
    }

    @Test(
        arguments: [
            (["--from", "none"], 2, "no cluster was found here; name one:"),
            (["--from", "/nonexistent"], 2, "/nonexistent: cannot be read"),
            (["--cluster", "prod"], 2, "prod"), (["--cluster", "Prod=192.0.2.1"], 2, "Prod"),
            (["--listen", "x"], 2, "is no address"), (["--listen", "192.0.2.1:70000"], 2, "a port is 1 to 65535"),
            (["--cluster", "dns=192.0.2.1"], 2, "\"dns\" is a word of names inside of clusters"),
            (["--cluster", "a=kube-dns"], 2, "\"kube-dns\" is no address"),
            (["--cluster", "a=192.0.2.1:70000"], 2, "a port is 1 to 65535"),
            (["--cluster", "a=192.0.2.1", "--cluster", "a=192.0.2.2"], 2, "a key of its own"),
            (["--suffix", "a..b"], 2, "is no domain name"),
        ] as [([String], Int32, String)])
    func `what cannot be done is told`(words: [String], code: Int32, text: String) throws {
        let folder = Folder()
        let result = try Program.run(["init", "--config", folder.path + "/x.yaml"] + words)
        #expect(result.code == code && result.errors.contains(text), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test func `the usual files are read, and what editors leave is not`() throws {
        let folder = Folder()
        _ = try folder.write("conf-dir=/etc/dnsmasq.d\n", to: "etc/dnsmasq.conf")
        _ = try folder.write("server=/cluster.local/192.0.2.1\n", to: "etc/dnsmasq.d/k8s")
        _ = try folder.write("server=/cluster.local/192.0.2.66\n", to: "etc/dnsmasq.d/k8s~")
        _ = try folder.write("[Resolve]\nDNS=192.0.2.2\nDomains=~k8s.lan\n", to: "etc/systemd/resolved.conf.d/k8s.conf")
        _ = try folder.write("[Network]\nDNS=192.0.2.3\nDomains=~k3s.lan\n", to: "etc/systemd/network/10-wg.network")
        _ = try folder.write("lab.local {\n forward . 192.0.2.4\n}\n", to: "etc/coredns/Corefile")
        let found = ForwardingRules(ImportSources(root: folder.path).found())
        #expect(found.rules.map(\.suffix.description) == ["lab.local", "cluster.local", "k8s.lan", "k3s.lan"])
        #expect(found.rules.flatMap(\.servers).map(\.shortText) == ["192.0.2.4", "192.0.2.1", "192.0.2.2", "192.0.2.3"])
    }

    @Test func `an address of this host that was given is taken with a warning`() throws {
        let result = try Program.run([
            "init", "--dry-run", "--from", "none", "--listen", "127.0.0.1:5300", "--cluster", "a=127.0.0.1",
        ])
        #expect(result.code == 0 && result.output.contains("    dns: [127.0.0.1]\n"), "\(result.errors)")
        #expect(result.errors.contains("namebridge: warning: 127.0.0.1 is "), "\(result.errors)")
    }

    @Test func `each named server is asked what only a cluster's DNS knows`() throws {
        func server(_ zone: String) throws -> DemoServer {
            let soa = "\(zone) 5 IN SOA ns.\(zone) hostmaster.\(zone) 1 7200 1800 86400 5\n"
            let records = try ZoneFile.read(
                Array((soa + "kubernetes.default.svc.cluster.local. 5 IN A 10.96.0.1\n").utf8), origin: .root)
            return try DemoServer(ZoneResponder(records), on: Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0))
        }
        let cluster = try server("cluster.local.")
        let other = try server("example.com.")
        let closed = "127.0.0.1:1"
        let result = try Program.run([
            "init", "--dry-run", "--from", "none", "--listen", "127.0.0.1:5300", "--cluster", "a=\(cluster.endpoint)",
            "--cluster", "b=\(other.endpoint)", "--cluster", "c=\(closed)",
        ])
        let said = result.errors.split(separator: "\n")
        #expect(result.code == 0)
        for line in [
            "a: \(cluster.endpoint) is the DNS of a cluster: kubernetes.default.svc.cluster.local is 10.96.0.1",
            "b: \(other.endpoint) answers, but does not serve cluster.local (REFUSED): it is no cluster's DNS server,",
            "c: \(closed) reaches a host where nothing listens at that port (",
        ] { #expect(said.contains { $0.hasPrefix(line) }, "\(line)\n\(result.errors)") }
    }

    @Test func `a name that every cluster has is missing from a server of something else`() throws {
        let soa = "cluster.local. 5 IN SOA ns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5\n"
        let server = try DemoServer(
            ZoneResponder(try ZoneFile.read(Array(soa.utf8), origin: .root)),
            on: Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0))
        let file = try TemporaryFile("clusters: { prod: { dns: \"\(server.endpoint)\" } }\n")
        let result = try Program.run(["query", "--config", file.path, "kubernetes.default.svc.prod.cluster.local"])
        #expect(result.output.contains("every cluster has this name: the server that answered is no DNS"), "\(result.output)")
        #expect(result.output.contains("\"namebridge doctor --config \(file.path)\""))
    }

    @Test(
        arguments: [
            (nil, .unknown), ("node-cache", .none), ("coredns", .none), ("namebridge", .forwarder), ("dnsmasq", .forwarder),
            ("systemd-resolve", .forwarder), ("docker-proxy", .unknown),
        ] as [(String?, OwnResolver)])
    func `only known forwarders of this host would ask back`(process: String?, expected: OwnResolver) throws {
        let resolver = OwnResolver(process: process)
        #expect(resolver == expected)
        let server = try #require(Endpoint("169.254.20.10", defaultPort: 53))
        let warning = resolver.warning(of: server)
        #expect((warning == nil) == (expected == .none))
        #expect(warning?.contains("this host itself") != true || expected == .forwarder)
    }

    @Test func `rules that lead to this host are left out`() {
        let rules = ForwardingRules(
            reading:
                "server=/a.local/127.0.0.1\nserver=/b.local/127.0.0.1#5353\nserver=/c.local/192.0.2.1\nserver=/d.local/192.0.2.2",
            name: "f")
        let others = rules.withoutThisHost { ["192.0.2.1", "127.0.0.1"].contains($0.shortText) }
        #expect(others.rules.map(\.suffix.description) == ["b.local", "d.local"])
        #expect(others.unusable.first == "f:1: a.local leads to 127.0.0.1, this host itself" && others.unusable.count == 2)
    }

    // MARK: - Questions

    /// Questions that get the answers of a list; what was said.
    private final class Person {
        var answers: [String]
        var heard: [String] = []

        init(_ answers: [String]) { self.answers = answers }

        var interview: InitInterview {
            InitInterview(
                ask: { question, _ in
                    self.heard.append(question)
                    return self.answers.isEmpty ? nil : self.answers.removeFirst()
                }, say: { self.heard.append($0) })
        }
    }

    @Test func `each cluster that was found gets a name, or is left out`() {
        var draft = ConfigurationDraft()
        draft.take(
            ForwardingRules(
                reading: "server=/cluster.local/192.0.2.1\nserver=/k8s.lan/192.0.2.2\nserver=/k3s.lan/192.0.2.3\n", name: "f"))
        let person = Person(["Office", "office", "-", ""])
        person.interview.nameClusters(in: &draft)
        #expect(draft.keys == ["office", "k3s"])
        #expect(person.heard.contains { $0.contains("lower-case letters, digits and hyphens: office") })
    }

    @Test func `answers are checked, Enter takes what is usual, and who has gone is not waited for`() {
        let contexts = { Person($0).interview.contexts(["prod", "staging"], usual: "prod") }
        #expect(contexts(["", "x"]) == ["prod"] && contexts(["all"]) == ["prod", "staging"] && contexts(["-"]) == [])
        #expect(contexts(["prud", "staging, prod"]) == ["staging", "prod"] && contexts([]) == [])
        let servers = { Person($0).interview.endpoints("", usual: "-") }
        #expect(servers(["192.0.2.1 192.0.2.2:1053"])?.map(\.shortText) == ["192.0.2.1", "192.0.2.2:1053"])
        let person = Person(["127.0.0.1", "192.0.2.1", ""])
        var interview = person.interview
        interview.isOwnResolver = { $0.address.isLoopback }
        #expect(interview.cluster()?.dns.map(\.shortText) == ["192.0.2.1"])
        #expect(person.heard.contains { $0.contains("127.0.0.1 is this host itself") })
        #expect(servers(["x", "192.0.2.1"])?.count == 1 && servers([""]) == nil)
        #expect(Person(["192.0.2.1", ""]).interview.cluster()?.key == "prod")
        #expect(Person(["-"]).interview.cluster() == nil)
        #expect(Person(["b"]).interview.bareDomain(of: ["a", "b"]) == ["b"])
        #expect(Person([""]).interview.bareDomain(of: ["a", "b"]) == ["a", "b"])
    }
}
