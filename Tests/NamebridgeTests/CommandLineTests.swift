import Foundation
import JSON
import Testing

/// The built program, run as people and scripts do.
@Suite struct CommandLineTests {
    @Test(
        arguments: [
            (["--version"], 0, "the version is not a problem"),
            (["check", "--help"], 0, "nor is help"),
            (["no-such-command"], 2, "wrong usage"),
            (["check", "--no-such-option"], 2, "wrong usage"),
            (["check", "/nonexistent.yaml"], 2, "a file that is not there"),
            (["check", "a.yaml", "--config", "b.yaml"], 2, "the file named twice"),
            (["query", "a..b"], 2, "a name that is none"),
            (["query", "a.b", "NOTYPE"], 2, "a type that is none"),
            (["query", "-x", "10.0.0"], 2, "an address that is none"),
            (["query", "10.209.12.7"], 2, "an address without -x"),
            (["query", "http://web.shop.svc.prod.cluster.local/"], 2, "a URL"),
            (["query", "web.shop.svc.prod.cluster.local:80"], 2, "a name with a port"),
            (Program.demo("who-has", ["web"]), 2, "a name that no cluster can have"),
            (["serve", "--demo", "--config", "x.yaml"], 2, "two configurations"),
            (["serve", "--config", "/nonexistent.yaml"], 2, "no configuration"),
            (Program.demo("query", ["www.example.com"]), 1, "a question that is refused"),
            (Program.demo("query", ["web.shop.svc.prod.cluster.local"]), 0, "an answer"),
            (Program.demo("query", ["nosuch.shop.svc.prod.cluster.local"]), 0, "a 'no' is an answer"),
        ] as [([String], Int32, String)])
    func `the exit code reports the outcome`(arguments: [String], code: Int32, reason: String) throws {
        #expect(try Program.run(arguments).code == code, "\(reason)")
    }

    @Test(arguments: [
        (["chek", "x.yaml"], "did you mean \"check\"?"), (["net", "paln"], "did you mean \"plan\"?"),
        (["xyzzy"], "Commands: init, serve, check, "),
    ])
    func `a mistyped command gets the nearest one suggested`(arguments: [String], words: String) throws {
        let result = try Program.run(arguments)
        #expect(result.code == 2 && result.errors.contains(words), "\(result.errors)")
    }

    @Test func `check reports every mistake with its place`() throws {
        let file = try TemporaryFile("dns:\n  listen: [no-address]\nclusters:\n  prod: { dsn: [10.96.0.10] }\n")
        let result = try Program.run(["check", file.path])
        #expect(result.code == 1)
        #expect(result.output.contains("\(file.path):2:12: "))
        #expect(result.output.contains("\(file.path):4:11: "))
        #expect(result.output.contains("did you mean \"dns\"?"))
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test func `the plans of all hosts are written for programs too`() throws {
        let file = try TemporaryFile(
            """
            sites: { office: { networks: [172.16.0.0/16], router: 172.16.0.1, hosts: { relay1: { address: 172.16.0.5 } } } }
            clusters:
              prod: { dns: [10.96.0.10], pods: [10.244.0.0/16], nodes: { n1: { address: 172.17.0.1 } } }
            paths: [{ from: office, to: prod, via: relay, relays: [relay1] }]
            """)
        for words in [["--all"], ["--all", "--full"], ["--desired", "--host", "office/relay1"]] {
            let result = try Program.run(["net", "plan", "--config", file.path, "-o", "json"] + words)
            #expect(result.code == 0, "\(result.errors)")
            let json = try JSONReader.read(Array(result.output.utf8))
            let hosts = json["hosts"]?.elements ?? [json]
            let relay = try #require(hosts.first { $0["host"]?.string == "office/relay1" })
            #expect(relay["refused"]?.boolean == false && (relay["objects"]?.integer ?? 0) > 0)
            #expect((relay["steps"]?.elements?.isEmpty == false) == (words != ["--all"]), "\(words)")
            let commands = (relay["steps"]?.elements ?? []).map { ($0["commands"]?.elements ?? []).compactMap(\.string) }
            #expect(commands.count { $0.first?.hasPrefix("nft") == true } <= 1, "\(commands)")
            if words[0] == "--all" { #expect(json["others"]?.elements?.isEmpty == false, "\(result.output)") }
        }
    }

    @Test(
        "no command shows a control character that stands in a file",
        arguments: [
            ["check"], ["check", "--output", "json"], ["serve"], ["query", "web.prod.cluster.local"], ["doctor"],
            ["net", "plan"], ["net", "render", "--host", "h", "--format", "unbound"], ["net", "status"],
        ])
    func escapes(arguments: [String]) throws {
        // ESC, CSI of eight bits and an override of the direction in keys, a value and a list.
        let file = try TemporaryFile(
            #"""
            "\e]0;title\a": 1
            "dns\x9b2J": {}
            "two\nlines": 2
            clusters: { "pr\u202eod": { dns: ["\e[31m"], "\e[2J": 1 } }
            """# + "\n")
        let result = try Program.run(arguments, environment: ["NAMEBRIDGE_CONFIG": file.path])
        let text = result.output + result.errors
        #expect(result.code != 0 && text.contains("title"), "\(text)")
        let bad = text.unicodeScalars.filter {
            $0 != "\n" && ($0.properties.generalCategory == .control || $0.properties.generalCategory == .format)
        }
        #expect(bad.isEmpty, "\(bad.map(\.value)) in \(text)")
        #expect(!text.contains("two\nlines"), "a key stays on its line")
    }

    @Test func `a file's name is shown without its control characters`() throws {
        let result = try Program.run(["check", "/nonexistent/\u{1B}[31m\nfile: fine"])
        #expect(result.code == 2 && !result.errors.contains("\u{1B}"), "\(result.errors)")
    }

    @Test func `check reports what an apply would refuse, at its path`() throws {
        let file = try TemporaryFile(
            """
            clusters:
              near: { pods: [10.1.0.0/16], nodes: { a: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
              far: { pods: [10.2.0.0/16], nodes: { b: { address: 10.2.7.9, pods: [10.2.7.0/24] } } }
            paths:
              - { between: [near, far], via: routed }

            """)
        let result = try Program.run(["check", file.path])
        #expect(result.code == 1)
        #expect(
            result.output.contains(
                "\(file.path):5:5: paths[0]: path near <-> far routed: the route to 10.2.7.0/24 would cover 10.2.7.9,"
                    + " its own next hop: take that address out of the prefixes of the inventory"), "\(result.output)")
    }

    @Test func `check accepts the sample configuration`() throws {
        let sample = Program.package.appending(path: "config/namebridge.yaml").path
        let result = try Program.run(["check"], environment: ["NAMEBRIDGE_CONFIG": sample])
        #expect(result.code == 0)
        #expect(result.output.hasPrefix("\(sample): fine: 1 cluster, "))
    }

    @Test func `query shows the way of a plain name through two clusters`() throws {
        let result = try Program.run(Program.demo("query", ["--trace", "docs.preview.svc.cluster.local"]))
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains(";; decision   bare-domain"))
        #expect(
            lines.contains { $0.hasPrefix(";; asked      prod 127.0.0.1:") })
        #expect(lines.contains { $0.hasPrefix(";; answered   NXDOMAIN, 0 answer records") })
        #expect(lines.contains { $0.hasPrefix(";; asked      staging 127.0.0.1:") })
        #expect(lines.contains("docs.preview.svc.cluster.local.\t30\tIN\tA\t10.209.60.4"))
    }

    @Test func `query writes JSON that a program can read`() throws {
        let result = try Program.run(Program.demo("query", ["--output", "json", "-x", "10.209.12.7"]))
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        let report = try #require(object as? [String: Any])
        let reply = try #require(report["reply"] as? [String: Any])
        #expect(reply["rcode"] as? String == "NOERROR")
        #expect((reply["text"] as? String)?.contains("PTR\tweb.shop.svc.staging.cluster.local.") == true)
        #expect((report["route"] as? [String: Any])?["kind"] as? String == "reverse")
    }

    @Test func `serve prints where it listens and stops at SIGTERM`() throws {
        let file = try TemporaryFile(
            "dns: { listen: [\"127.0.0.1:0\"] }\nclusters:\n  prod: { dns: [192.0.2.1] }\n")
        let server = try Program.start(["serve", "--config", file.path])
        let log = server.errors
        var text = ""
        while !text.contains("serving") {  // ends with the log, at the latest when the program ends
            let piece = log.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        #expect(text.contains("listening address=127.0.0.1:"))
        server.process.terminate()
        server.process.waitUntilExit()
        #expect(server.process.terminationStatus == 0)
        #expect(server.process.terminationReason == .exit)
        #expect(
            String(decoding: log.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).hasSuffix(
                "stopped\n"))
    }
}
