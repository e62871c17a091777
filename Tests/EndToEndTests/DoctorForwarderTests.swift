import Glibc
import Testing

extension EndToEnd {
    /// `namebridge doctor` on the forwarder's host.
    @Suite struct DoctorsAtForwarders {
        private func configuration(_ port: Int, _ clusters: String, in folder: TemporaryFolder) throws -> String {
            try folder.write(
                "dns: { listen: [\"127.0.0.1:\(port)\"], workers: 1 }\nclusters:\n\(clusters)\n", to: "doctor.yaml")
        }

        @Test func `a running forwarder and its clusters are examined, dead ones reported`() throws {
            let network = try OfficeNetwork.running()
            let report = try DoctorReport(["--config", network.folder.path + "/namebridge.yaml"])
            let listening = report.findings.filter { $0.check == "listening" }
            #expect(listening.count == 2 && listening.allSatisfy { $0.severity == "ok" }, "\(report.text)")
            for cluster in ["prod", "staging"] {
                let own = report.findings.filter { $0.subject.hasPrefix("cluster \(cluster)") }
                #expect(!own.isEmpty && own.allSatisfy { $0.severity == "ok" }, "\(report.text)")
            }
            let dead = report.problems.filter { $0.subject.hasPrefix("cluster dead") }
            #expect(dead.map(\.check) == ["reachable", "reachable"], "\(report.text)")
            #expect(report.status == 1)
        }

        @Test(.enabled(if: geteuid() == 0 && Tool.areInstalled("setpriv"), "only root can be another user"))
        func `a user who is not root finds a healthy server well, and its upstream looked at`() throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let text = """
                dns: { listen: ["127.0.0.1:\(port)"], workers: 1, upstream: ["127.0.0.1:\(network.namedPort)"] }
                clusters: { prod: { dns: ["127.0.0.1:\(network.prodPort)"] } }

                """
            let server = try RealServers.namebridge("namebridge", text, port: port, in: folder)
            defer { server.end() }
            let report = try DoctorReport(
                ["--config", folder.path + "/namebridge.yaml"], prefix: ["setpriv", "--reuid=65534", "--clear-groups"])
            #expect(report.status == 0, "\(report.text)")
            #expect(report.findings.contains { $0.check == "listening" && $0.severity == "ok" }, "\(report.text)")
            #expect(report.findings.contains { $0.subject.hasPrefix("dns.upstream, server ") }, "\(report.text)")
        }

        @Test func `a dead server beside a living one is a warning, and a server of another cluster a problem`() throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let text = """
                  prod: { dns: ["127.0.0.1:\(network.prodPort)", "127.0.0.1:9"] }
                """
            let file = try configuration(port, text, in: folder)
            let server = try RealServers.started(
                "namebridge", [#require(Tool.namebridge), "serve", "--config", file], port, "ready.invalid", in: folder)
            let report = try DoctorReport(["--config", file])
            #expect(report.status == 0, "\(report.text)")
            #expect(report.trouble.map(\.check) == ["reachable"], "\(report.text)")
            let mixed = """
                  prod: { dns: ["127.0.0.1:\(network.prodPort)", "127.0.0.1:\(network.stagingPort)"] }
                """
            let second = try DoctorReport(["--config", configuration(port, mixed, in: folder)])
            server.end()
            #expect(second.problems.map(\.check) == ["agreement"], "\(second.text)")
        }

        @Test(.enabled(if: Tool.areInstalled("dnsmasq") && geteuid() == 0, "root sees who has a port, and dnsmasq has it"))
        func `a port that dnsmasq has is free once its line is there`() throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let clusters = "  prod: { dns: [\"127.0.0.1:\(network.prodPort)\"] }"
            let file = try configuration(port, clusters, in: folder)
            func dnsmasq(_ lines: String) throws -> [String] {
                let own = "listen-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
                let path = try folder.write(own + lines, to: "dnsmasq.conf")
                return ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=\(path)", "--user=", "--pid-file="]
            }
            let other = try RealServers.started("dnsmasq", dnsmasq("port=\(port)\n"), port, "localhost", in: folder)
            let report = try DoctorReport(["--config", file])
            other.end()
            let taken = try #require(report.problems.first { $0.check == "listening" }, "\(report.text)")
            #expect(taken.summary.contains("dnsmasq (process \(other.identifier))"), "\(report.text)")
            let lines = try #require(taken.remedies.first { $0.software == "dnsmasq" }).lines
            // Without DNS and DHCP it does not listen.
            let mended = try ServerProcess("dnsmasq", dnsmasq(lines.joined(separator: "\n") + "\n"), in: folder)
            let server = try RealServers.started(
                "namebridge", [#require(Tool.namebridge), "serve", "--config", file], port, "ready.invalid", in: folder)
            let second = try DoctorReport(["--config", file])
            #expect(!mended.hasEnded)
            server.end()
            mended.end()
            #expect(second.status == 0 && second.trouble.isEmpty, "\(second.text)")
        }

        @Test func `no server listens, and wrong files and words have the exit code 2`() throws {
            let folder = try TemporaryFolder()
            let file = try configuration(FreePort.next(), "  prod: { dns: [\"127.0.0.1:9\"] }", in: folder)
            let report = try DoctorReport(["--config", file])
            #expect(report.status == 1)
            #expect(report.problems.map(\.check) == ["listening", "reachable"], "\(report.text)")
            #expect(try DoctorReport(["--config", "/nonexistent.yaml"]).status == 2)
            #expect(try DoctorReport(["web.prod.cluster.local"]).status == 2)
        }

        private static let mayMakeNamespaces =
            geteuid() == 0 && Tool.areInstalled("ip", "nft", "nsenter", "unshare")
            && (try? Tool.run(["unshare", "--net", "true"]).status) == 0

        @Test(
            .enabled(if: mayMakeNamespaces, "network namespaces need root, iproute2, nftables and util-linux"),
            arguments: [("tcp dport { 5300, 5301 } drop", "tcp"), ("udp length > 1200 drop", "packet-size")])
        func `packets that a firewall drops are found before the forwarder and behind it`(rule: String, check: String) throws {
            let folder = try TemporaryFolder()
            let host = try Namespace("host", in: folder)
            let cluster = try RealServers.nsd(ClusterZone(name: "prod", number: 234), port: 5301, in: folder, inside: host)
            let file = try configuration(5300, "  prod: { dns: [\"127.0.0.1:5301\"] }", in: folder)
            let program = try #require(Tool.namebridge)
            let server = try RealServers.started(
                "namebridge", [program, "serve", "--config", file], 5300, "ready.invalid", in: folder, inside: host)
            try host.run("nft", "add table inet f; add chain inet f i { type filter hook input priority 0; }")
            try host.run("nft", "add rule inet f i \(rule)")
            let report = try DoctorReport(["--config", file], prefix: host.prefix)
            let behind = report.problems.filter { $0.subject.hasPrefix("cluster prod") }
            #expect(behind.map(\.check) == [check], "\(report.text)")
            let client = try DoctorReport(
                ["--suffix", "prod.cluster.local", "--forwarder", "127.0.0.1:5300", "--resolver", "127.0.0.1:5300"],
                prefix: host.prefix)
            #expect(client.problems.map(\.check) == [check], "\(client.text)")
            server.end()
            cluster.end()
        }
    }
}
