import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The command line, as a person or a script uses it.
    @Suite struct Commands {
        private func run(_ words: String..., environment: [String: String] = [:]) throws -> Tool.Result {
            let program = try #require(Tool.namebridge)
            return try Tool.run([program] + words, environment: environment)
        }

        private func configuration() throws -> String {
            try OfficeNetwork.running().folder.path + "/namebridge.yaml"
        }

        @Test func `query --trace shows each decision and the answer in dig's form`() throws {
            let network = try OfficeNetwork.running()
            let result = try run("query", "--trace", "--config", configuration(), "web.shop.svc.prod.k8s.example.com")
            #expect(result.status == 0, "\(result.errors)")
            for part in [
                "prod.k8s.example.com", "127.0.0.1:\(network.prodPort)", "web.shop.svc.cluster.local", "NOERROR",
                "rcode: NOERROR", "10.234.1.7",
            ] {
                #expect(result.output.contains(part), "\(part) is missing in\n\(result.output)")
            }
            #expect(!result.output.contains("\u{1B}["), "no colour where no terminal is")
        }

        @Test func `query asks as the client that is named`() throws {
            let result = try run(
                "query", "--config", configuration(), "--client", "127.0.0.2", "--trace", "web.shop.svc.cluster.local")
            #expect(result.status == 0)
            #expect(result.output.contains("west") && result.output.contains("10.235.1.7"), "\(result.output)")
        }

        @Test func `query names an address`() throws {
            let result = try run("query", "--config", configuration(), "-x", "10.234.1.7")
            #expect(result.status == 0)
            #expect(result.output.contains("web.shop.svc.prod.cluster.local."), "\(result.output)")
        }

        @Test func `query asks again over TCP where the answer is truncated`() throws {
            let result = try run("query", "--config", configuration(), "big.test.svc.prod.cluster.local", "--tcp", "--trace")
            #expect(result.status == 0)
            #expect(result.output.contains("truncated") && result.output.contains("over TCP"))
            #expect(result.output.contains("10.234.71.49"), "the last address")
        }

        @Test func `query @SERVER asks as dig does`() throws {
            let network = try OfficeNetwork.running()
            let result = try run("query", "@127.0.0.1", "-p", "\(network.prodPort)", "+short", "web.shop.svc.cluster.local")
            #expect(result.status == 0 && result.output == "10.234.1.7\n", "\(result.output)\(result.errors)")
        }

        @Test func `query --output json can be read by a program`() throws {
            let result = try run("query", "--config", configuration(), "web.shop.svc.prod.cluster.local", "--output", "json")
            let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
            let reply = try #require(json?["reply"] as? [String: Any])
            #expect(reply["rcode"] as? String == "NOERROR")
            #expect(reply["answers"] as? Int == 1)
            #expect((json?["exchanges"] as? [Any])?.count == 1)
        }

        @Test(arguments: [
            ("web.shop.svc.dead.cluster.local", 1, "SERVFAIL"), ("none.shop.svc.prod.cluster.local", 0, "NXDOMAIN"),
        ])
        func `query's exit code tells failure and negative answer apart`(name: String, status: Int32, rcode: String) throws {
            let result = try run("query", "--config", configuration(), name)
            #expect(result.status == status)
            #expect(result.output.contains(rcode), "\(result.output)")
        }

        @Test(arguments: ["web.shop.svc.prod.k8s.example.com:80", "prod/web.shop:80"])
        func `explain looks names up as query does`(target: String) throws {
            // The forwarder refuses this client.
            let refused = try run("explain", "--planned", "--config", configuration(), "staging/pods", target)
            #expect(refused.status == 2 && refused.errors.contains("not in dns.clients"), "\(refused.errors)")
            let folder = try TemporaryFolder()
            let file = try folder.write(
                """
                clusters:
                  prod:
                    names: [prod.cluster.local, prod.k8s.example.com]
                    dns: ["127.0.0.1:\(try OfficeNetwork.running().prodPort)"]
                    services: [10.234.0.0/17]
                    pods: [10.244.0.0/17]
                  staging: { dns: ["127.0.0.1:9"], services: [10.235.0.0/17], pods: [10.245.0.0/17] }
                """ + "\n", to: "explained.yaml")
            let result = try run("explain", "--planned", "--config", file, "staging/pods", target, "-o", "json")
            // The file has no path between the two.
            #expect(result.status == 1 && result.output.contains("> 10.234.1.7:80\""), "\(result.output)\(result.errors)")
            #expect(result.output.contains("NO_ROUTE"), "\(result.output)")
        }

        @Test(arguments: ["none.shop.svc.prod.cluster.local", "web.shop.svc.unknown.cluster.local"])
        func `explain says why a name has no address`(name: String) throws {
            let result = try run("explain", "--planned", "--config", configuration(), "staging/pods", name)
            #expect(result.status == 2 && result.output.isEmpty && result.errors.contains(name), "\(result.errors)")
        }

        @Test func `query with arguments that make no question has the exit code 2`() throws {
            #expect(try run("query", "--config", configuration(), "web", "NOTYPE").status == 2)
            #expect(try run("query", "--config", "/nonexistent.yaml", "web").status == 2)
        }

        @Test func `check has the exit code 0 for a file without mistakes, named in either way`() throws {
            let file = try configuration()
            let result = try run("check", file)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("4 clusters"))
            #expect(try run("check", "--config", file).status == 0)
            #expect(try run("check", environment: ["NAMEBRIDGE_CONFIG": file]).status == 0)
        }

        @Test func `check shows every mistake with its place, and has the exit code 1`() throws {
            let folder = try TemporaryFolder()
            let file = try folder.write(
                """
                dns:
                  lissten: ["127.0.0.1:5300"]
                clusters:
                  shop: { dns: [10.0.0.10], pods: [10.1.0.1/16] }
                """ + "\n", to: "wrong.yaml")
            let result = try run("check", file)
            #expect(result.status == 1)
            for place in ["\(file):2:3", "\(file):4:36"] {
                #expect(result.output.contains(place), "\(result.output)")
            }
            #expect(result.output.contains("listen"), "the nearest right spelling")
            let json = try run("check", file, "--output", "json")
            let read = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect(read?["valid"] as? Bool == false)
            #expect((read?["problems"] as? [Any])?.count == 2)
        }

        @Test func `check reads the file of cookie secrets`() throws {
            let folder = try TemporaryFolder()
            let secret = folder.path + "/secret"
            let text = "dns: { cookie-secret-file: \(secret) }\nclusters: { prod: { dns: [10.0.0.10] } }\n"
            let file = try folder.write(text, to: "namebridge.yaml")
            func check(_ status: Int32, _ words: String...) throws {
                let result = try run("check", file)
                #expect(result.status == status, "\(result.output)")
                for word in words { #expect(result.output.contains(word), "\(word) is missing in\n\(result.output)") }
            }
            try check(1, "\(file):1:28: dns.cookie-secret-file: ", "No such file or directory")
            _ = try folder.write("e5e973e5a6b2a43f\n", to: "secret")
            try check(1, "\(secret):1: expected a secret of 32 hexadecimal digits, found 16 of them", "openssl rand -hex 16")
            _ = try folder.write("e5e973e5a6b2a43f48e7dc849e37bfcg\n", to: "secret")
            try check(1, "found something else among 32 characters")
            _ = try folder.write("e5e973e5a6b2a43f48e7dc849e37bfcf\n", to: "secret")
            #expect(try Tool.run(["chmod", "644", secret]).status == 0)
            try check(0, "warning", "mode 0644: every user of this host can read it", "chmod 6", "fine")
        }

        @Test func `check has the exit code 2 where there is no file`() throws {
            #expect(try run("check", "/nonexistent.yaml").status == 2)
        }

        @Test func `serve with a wrong file says what is wrong, and does not start`() throws {
            let folder = try TemporaryFolder()
            let file = try folder.write("dns: { wrokers: 2 }\n", to: "wrong.yaml")
            let result = try run("serve", "--config", file)
            #expect(result.status == 2)
            #expect(result.errors.contains("\(file):1:8") && result.errors.contains("workers"), "\(result.errors)")
        }

        @Test func `serve on a port in use says which, and does not start`() throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let file = try folder.write(
                """
                dns: { listen: ["127.0.0.1:\(network.prodPort)"] }
                clusters: { prod: { dns: [10.0.0.10] } }
                """ + "\n", to: "taken.yaml")
            let result = try run("serve", "--config", file)
            #expect(result.status == 1, "\(result.errors)")
            #expect(result.errors.contains("127.0.0.1:\(network.prodPort)"), "\(result.errors)")
        }

        @Test func `status names refused clients and failures, and has the exit code 1`() throws {
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            func status(_ clients: String) throws -> Tool.Result {
                let file = try folder.write(
                    """
                    dns: { listen: ["127.0.0.1:\(port)"], clients: [\(clients)], workers: 1 }
                    clusters: { prod: { dns: ["127.0.0.1:9"] } }

                    """, to: "namebridge.yaml")
                let socket = folder.path + "/control.sock"
                let command = [try #require(Tool.namebridge), "serve", "--config", file, "--control", socket]
                let server = try RealServers.started("namebridge", command, port, "ready.invalid", in: folder)
                defer { server.end() }
                for _ in 0..<30 { _ = try dig("web.shop.svc.prod.cluster.local", port: port) }
                usleep(300_000)
                return try run("status", "--control", socket)
            }
            let refused = try status("10.0.0.0/8")
            #expect(refused.status == 1, "\(refused.output)")
            #expect(refused.output.contains("clients of 127.0.0.0/24 are refused"), "\(refused.output)")
            #expect(refused.output.contains("dns.clients"), "\(refused.output)")
            let failing = try status("127.0.0.0/8")
            #expect(failing.status == 1 && failing.output.contains("only 3.2 % of the 31"), "\(failing.output)")
            #expect(!failing.output.contains("are refused"), "\(failing.output)")
        }

        @Test func `serve ends with the exit code 0 at SIGTERM`() throws {
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let text = "dns: { listen: [\"127.0.0.1:\(port)\"] }\nclusters: { prod: { dns: [\"127.0.0.1:9\"] } }\n"
            let server = try RealServers.namebridge("namebridge", text, port: port, in: folder)
            #expect(server.terminate(within: 5_000) == 0, "\(server.output)")
        }

        /// The demo's port is fixed, since people type it.
        private static let demoPort = 5300
        private static var isDemoPortFree: Bool {
            (try? TestSocket(.udp, boundTo: "127.0.0.1", port: demoPort)) != nil
        }

        @Test(.enabled(if: isDemoPortFree, "another program has 127.0.0.1:5300"))
        func `serve --demo answers the names that it prints`() throws {
            let network = try OfficeNetwork.running()
            let port = Self.demoPort
            let zones = Tool.packageFile("config/demo")
            let demo = try ServerProcess(
                "demo", [try #require(Tool.namebridge), "serve", "--demo", "--demo-zones", zones], in: network.folder)
            // Its own words first: another demo may answer at that port.
            try demo.waitUntil {
                demo.output.contains("dig ")
                    && ReplyHeader(ask(question("dns-version.prod.cluster.local", 16), "127.0.0.1", port)) != nil
            }
            let lines = demo.output.split(separator: "\n").filter { $0.contains("dig ") }
            #expect(!lines.isEmpty, "\(demo.output)")
            for line in lines {
                let start = line.range(of: "dig ")?.lowerBound ?? line.startIndex
                let words = line[start...].split(separator: " ").map(String.init)
                let reply = DigReply(try Tool.run(words.map { $0.filter { $0 != "'" && $0 != "\"" } }))
                #expect(!reply.text.contains("timed out") && !reply.text.contains("no servers"), "\(line)\n\(reply.text)")
            }
            // Commands that are given --demo ask the clusters of the one that runs.
            let program = try #require(Tool.namebridge)
            let way = try Tool.run([program, "query", "--demo", "--trace", "web.shop.svc.prod.cluster.local"])
            #expect(way.output.contains("127.0.0.1:5301"), "\(way.output)")
            let names = try Tool.run([program, "browse", "--demo", "prod/shop"])
            #expect(names.output.contains("web.shop.svc.prod.cluster.local"), "\(names.output)")
            demo.end()
        }
    }
}
