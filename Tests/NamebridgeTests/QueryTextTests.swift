import DNSServer
import DomainNames
import Foundation
import IPAddressing
import Inventory
import InventoryFile
import TestSupport
import Testing

@testable import namebridge

/// The words of `namebridge query`, and what people read of its answer.
@Suite struct QueryTextTests {
    @Test(
        arguments: [
            (["web.shop"], "web.shop", nil, nil),
            (["web.shop", "AAAA"], "web.shop", "AAAA", nil),
            (["aaaa", "web.shop"], "web.shop", "aaaa", nil),
            (["SRV", "@10.0.0.1", "web.shop"], "web.shop", "SRV", "10.0.0.1"),
            (["+short", "web.shop", "IN", "TXT", "@::1"], "web.shop", "TXT", "::1"),
            (["web.shop", "TYPE65", "+TCP"], "web.shop", "TYPE65", nil),
            (["ns", "a"], "ns", "a", nil),
            (["+noall", "+answer", "+nocmd", "web.shop", "@localhost:5300"], "web.shop", nil, "localhost:5300"),
            (["a"], "a", nil, nil),
        ] as [([String], String, String?, String?)])
    func `words may stand in any order`(words: [String], name: String, type: String?, server: String?) throws {
        let read = try QueryWords(words)
        #expect(read.name == name && read.type == type && read.server == server)
    }

    @Test(
        arguments: [
            ([], "There is no name"), (["web.shop", "AAAAA"], "Did you mean AAAA?"), (["a.b", "+shrot"], "did you mean +short?"),
            (["a.b", "c.d"], "is not a record type"), (["+bufsize=4096", "a.b"], "known are +short, +trace and +tcp"),
            (["a.b", "A", "AAAA"], "One type at a time: \"A\" stands beside another one"),
        ] as [([String], String)])
    func `words that make no question are named`(words: [String], expected: String) {
        #expect {
            _ = try QueryWords(words)
        } throws: { "\($0)".contains(expected) }
    }

    /// What the command prints of the demo.
    private func demo(_ words: String...) throws -> Program.Result { try Program.run(Program.demo("query", words)) }

    @Test func `a type may follow its letter without a space`() throws {
        let (joined, apart) = (
            try demo("-tSRV", "_http._tcp.web.shop.svc.prod.cluster.local", "+short"),
            try demo("-t", "SRV", "_http._tcp.web.shop.svc.prod.cluster.local", "+short")
        )
        #expect(joined.code == 0 && joined.output == apart.output && !joined.output.isEmpty, "\(joined.output)")
    }

    @Test func `the answer comes first, in columns, and where it came from`() throws {
        let result = try demo("web.shop.svc.prod.cluster.local")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(
            lines.first == "web.shop.svc.prod.cluster.local.  A  30 s  10.208.12.7  10.96.12.7 inside prod", "\(result.output)")
        #expect(lines.count == 2 && lines.last?.hasPrefix("from prod 127.0.0.1:") == true, "\(result.output)")
        #expect(!result.output.contains("\u{1B}"))
        let three = try demo("-t", "A", "db.shop.svc.prod.cluster.local").output.split(separator: "\n")
        #expect(
            three.count == 4 && Set(three.prefix(3).map { $0.firstRange(of: "  A  ")?.lowerBound.utf16Offset(in: $0) }).count == 1
        )
    }

    @Test func `+short prints data alone`() throws {
        #expect(try demo("+short", "AAAA", "web.shop.svc.prod.cluster.local").output == "fd00:10:208::c07\n")
        #expect(try demo("--short", "-x", "10.209.12.7").output == "web.shop.svc.staging.cluster.local.\n")
        #expect(try demo("+short", "nosuch.shop.svc.prod.cluster.local").output.split(separator: "\n").isEmpty)
    }

    @Test(arguments: [
        (["web.shop.svc.prdo.cluster.local"], "did you mean web.shop.svc.prod.cluster.local, which exists?"),
        (["web.shop.prod.cluster.local"], "did you mean web.shop.svc.prod.cluster.local, which exists?"),
        (["web.svc.shop.prod.cluster.local"], "did you mean web.shop.svc.prod.cluster.local, which exists?"),
        (["web.shop.svc.prod"], "did you mean web.shop.svc.prod.cluster.local, which exists?"),
        (
            ["shop.web.svc.prod.cluster.local"],
            "did you mean web.shop.svc.prod.cluster.local, with service and namespace exchanged? It exists"
        ),
        (["docs.preview.svc.prod.cluster.local"], "staging has this name: docs.preview.svc.staging.cluster.local"),
        (["cart.shop.svc.prod.cluster.local", "AAAA"], "the name has records of type A"),
        (["web.shop"], "\"namebridge who-has --demo web.shop\" asks every cluster"),
        (["web.prod.cluster.local"], "a service is asked for as SERVICE.NAMESPACE.svc"),
    ])
    func `what was probably meant is said`(words: [String], hint: String) throws {
        let result = try Program.run(Program.demo("query", words))
        #expect(result.output.contains(hint), "\(result.output)")
        let json = try Program.run(Program.demo("query", ["-o", "json"] + words))
        let read = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let hints = try #require(read?["hints"] as? [String])
        #expect(hints.contains { $0.contains(hint) }, "\(hints)")
    }

    @Test(arguments: [["web.shop.svc.prod"], ["+trace", "web.shop.svc.prod"]])
    func `what was probably meant is said once`(words: [String]) throws {
        let lines = try Program.run(Program.demo("query", words)).output.split(separator: "\n")
        let ours = lines.filter { !$0.contains("EDE: ") && !$0.contains("EDNS") }
        #expect(ours.count { $0.contains("did you mean") } == 1, "\(lines)")
    }

    @Test func `of a server that was asked alone, the name that it knows is said, or that it is no cluster's`() throws {
        let (read, _) = InventoryFile.read(
            Array("clusters: { prod: { dns: 10.96.0.10 } }\ndns: { listen: \"127.0.0.1:5300\" }\n".utf8), name: "x")
        let inventory = try #require(read)
        let name = try DomainName(parsing: "web.shop.svc.prod.cluster.local")
        func hints(_ server: String) throws -> [String] {
            let server = try #require(Endpoint(server, defaultPort: 53))
            return DirectHints(server: server, inventory: inventory).hints(for: name, nil)
        }
        #expect(
            try hints("10.96.0.10") == [
                "10.96.0.10 is a server of prod itself, which knows this name as web.shop.svc.cluster.local"
            ])
        #expect(try hints("127.0.0.1:5300") == [])
        #expect(try hints("10.96.0.11").first?.hasPrefix("10.96.0.11 is no server of a cluster") == true)
    }

    @Test func `without an answer, the reason in words and the way are shown`() throws {
        let file = try TemporaryFile("clusters: { prod: { dns: [\"127.0.0.1:9\"] } }\n")
        let result = try Program.run(["query", "--config", file.path, "web.shop.svc.prod.cluster.local"])
        #expect(result.code == 1)
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.first == "no answer: web.shop.svc.prod.cluster.local. A (SERVFAIL)", "\(result.output)")
        #expect(lines.dropFirst().first?.hasPrefix("  reason: prod: 127.0.0.1:9 ") == true, "\(result.output)")
        #expect(lines.contains { $0.hasPrefix(";; asked      prod 127.0.0.1:9 over UDP") }, "\(result.output)")
    }

    @Test func `JSON has the records and what there was before`() throws {
        let json = try demo("-o", "json", "web.shop.svc.prod.cluster.local", "A")
        let read = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let keys: Set = [
            "question", "client", "transport", "view", "route", "exchanges", "addresses", "microseconds", "reply", "hints",
        ]
        #expect(Set(read.keys) == keys)
        let reply = try #require(read["reply"] as? [String: Any])
        #expect(Set(reply.keys) == ["rcode", "truncated", "answers", "records", "extendedError", "text", "wire"])
        let record = try #require((reply["records"] as? [[String: Any]])?.first)
        #expect(record["section"] as? String == "answer" && record["type"] as? String == "A")
        #expect(record["name"] as? String == "web.shop.svc.prod.cluster.local.")
        #expect((record["ttl"] as? Int).map { (1...30).contains($0) } == true)
        #expect(record["data"] as? String == "10.208.12.7")
    }

    @Test func `a server is asked directly, and over TCP for a truncated answer`() throws {
        let upstream = try TestUpstream { question, _ in [TestMessage.answer(to: question)] }
        let endpoint = upstream.endpoint
        let result = try Program.run(["query", "@\(endpoint)", "web.example"])
        #expect(result.code == 0 && result.output.contains("from server \(endpoint) over UDP"), "\(result.output)")
        for server in ["localhost:\(endpoint.port)", "127.0.0.1#\(endpoint.port)", "localhost#\(endpoint.port)"] {
            let other = try Program.run(["query", "@\(server)", "web.example", "+noall", "+answer"])
            #expect(other.code == 0 && other.output.hasPrefix("web.example."), "\(server): \(other.output)\(other.errors)")
        }
        let silent = try Program.run(["query", "@127.0.0.1", "-p", "9", "web.example", "--trace"])
        #expect(silent.code == 1 && silent.output.contains(";; asked      server 127.0.0.1:9"), "\(silent.output)")
        #expect(try Program.run(["query", "@no/where", "web.example"]).code == 2)
        #expect(try Program.run(Program.demo("query", ["@127.0.0.1", "web.example"])).code == 2)
        #expect(try Program.run(["query", "-p", "53", "web.example"]).code == 2)
    }
}
