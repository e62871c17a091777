import DNSWire
import DomainNames
import Forwarding
import Foundation
import Glibc
import IPAddressing
import Inventory
import InventoryFile
import Synchronization
import TestSupport
import Testing

@testable import namebridge

/// `namebridge who-has`: which clusters have a name, and what it is there.
@Suite struct NameSearchTests {
    @Test func `each cluster is shown with what the name is there`() throws {
        let clusters = try StandIns()
        let search = try clusters.search()
        let labels = try #require(search.labels(of: DomainName(parsing: "web.shop")))
        let found = search.findings(labels)
        #expect(found.map(\.cluster) == ["prod", "staging", "west", "north", "sick"])
        #expect(found.map(\.kind) == [.clusterIP, .headless, .externalName, nil, nil])
        let prod = try #require(found.first)
        #expect("\(prod.name)" == "web.shop.svc.prod.cluster.local")
        #expect(prod.addresses.map { "\($0.outer)" } == ["10.208.0.80"])
        #expect(prod.addresses.map { $0.inner.map { "\($0)" } } == ["10.96.0.80"])
        #expect(prod.ports == [80, 443])
        #expect(found[1].addresses.map { "\($0.outer)" } == ["10.245.1.7", "10.245.1.8"])
        #expect(found[1].addresses.allSatisfy { $0.inner == nil })
        #expect(found[2].target.map { "\($0)" } == "www.example.com")
        #expect(found[3].failure == nil)
        #expect(found[4].failure?.contains("answered SERVFAIL") == true, "\(found[4].failure ?? "")")
        let text = NameFindings(
            name: "web.shop.svc", findings: found, paths: ["prod": "up", "west": "down"], ages: ["staging": 61]
        )
        .text().rendered(for: nil)
        #expect(
            text == """
                CLUSTER  KIND          ADDRESS                          PORTS   PATH        AGE
                prod     ClusterIP     10.208.0.80 (10.96.0.80 inside)  80,443  up          now
                staging  headless      10.245.1.7                       -       -     1 min 1 s
                                       10.245.1.8
                west     ExternalName  alias of www.example.com         -       down        now
                sick: no answer: \((found[4].failure ?? "").replacing("sick: ", with: ""))
                """, "\(text)")
    }

    @Test(arguments: [
        ("web.shpo", "did you mean web.shop.svc?"), ("docs.wep", "did you mean docs.web.svc?"),
        ("db.production", "there is db.shop.svc"), ("nothing.atall", nil),
        (
            "www.example.com",
            "www.example.com is below no name of a cluster; \"namebridge query www.example.com\" asks for it as it is"
        ),
        ("www.example.svc.prod.cluster.local", nil),
    ])
    func `a name that no cluster has leads to the nearest one`(typed: String, hint: String?) throws {
        let search = try StandIns().search()
        let known = try [
            "web.shop.svc.prod.cluster.local", "db.shop.svc.staging.cluster.local", "docs.web.svc.staging.cluster.local",
        ].map { try DomainName(parsing: $0) }
        let name = try DomainName(parsing: typed)
        let labels = try #require(search.labels(of: name))
        #expect(search.hint(for: name, labels, known: known) == hint)
    }

    @Test func `no name is suggested that the client may not ask for`() throws {
        let search = try StandIns().search(as: "127.0.0.5")
        let known = try ["web.shop.svc.prod.cluster.local", "docs.web.svc.staging.cluster.local"].map {
            try DomainName(parsing: $0)
        }
        func hint(_ text: String) throws -> String? {
            let name = try DomainName(parsing: text)
            return search.hint(for: name, try #require(search.labels(of: name)), known: known)
        }
        #expect(try hint("web.shpo") == nil)
        #expect(try hint("web.production") == nil)
        #expect(try hint("docs.wep") == "did you mean docs.web.svc?")
    }

    @Test func `a client finds nothing that it may not ask, and nothing is asked for it`() throws {
        let clusters = try StandIns()
        let search = try clusters.search(as: "127.0.0.5")
        for name in ["web.shop", "no.shop", "web.shop.svc.prod.cluster.local", "10-244-1-7.shop.pod"] {
            let labels = try #require(search.labels(of: DomainName(parsing: name)))
            #expect(search.findings(labels).isEmpty, "\(name)")
        }
        #expect(clusters.asked == 0)
        // Its own namespace, in the cluster that it may ask.
        let labels = try #require(search.labels(of: DomainName(parsing: "docs.web")))
        #expect(search.findings(labels).map(\.cluster) == ["staging"])
        #expect(clusters.asked == 3)
    }

    @Test(arguments: [
        ("web.shop", "web.shop.svc"), ("web.shop.svc", "web.shop.svc"), ("db-0.db.shop", "db-0.db.shop.svc"),
        ("web.shop.svc.prod.cluster.local", "web.shop.svc"), ("web.shop.svc.cluster.local.", "web.shop.svc"),
        ("WEB.shop.SVC.all.cluster.local", "WEB.shop.SVC"), ("10-244-1-7.shop.pod", "10-244-1-7.shop.pod"),
        ("_http._tcp.web.shop", "_http._tcp.web.shop.svc"), ("main.shop.gw", "main.shop.gw"), ("web", nil),
        ("shop.svc", nil), ("svc.prod.cluster.local", nil),
    ])
    func `a name may be written short or whole`(name: String, labels: String?) throws {
        let search = try StandIns().search()
        let found = search.labels(of: try DomainName(parsing: name))
        #expect(found?.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".") == labels)
    }

    @Test(
        arguments: [
            (["web.shop"], 0, "both have it"), (["docs.preview"], 0, "one has it"), (["no.such"], 1, "none has it"),
            (["web"], 2, "no name of a cluster"), (["a..b"], 2, "no name"), (["web.shop", "--client", "x"], 2, "no address"),
            (["web.shop", "--client", "192.0.2.1"], 1, "a client that may not ask"),
        ] as [([String], Int32, String)])
    func `the exit code says whether a cluster has it`(arguments: [String], code: Int32, reason: String) throws {
        let result = try Program.run(Program.demo("who-has", arguments))
        #expect(result.code == code, "\(reason): \(result.errors)")
    }

    @Test func `a watch prints each change, and a cluster that has become silent as it was`() throws {
        let state = LastOctet()
        let server = try TestUpstream { octets, _ in
            guard var message = try? PlainMessage(decoding: octets), let question = message.questions.first else {
                return []
            }
            let octet = UInt8(state.value.load(ordering: .relaxed))
            message.additionals = []
            if octet > 0, question.type == 1 {
                message.answers = [PlainRecord(question.name, type: 1, [.octets([10, 96, 0, octet])])]
            }
            message.flags = octet == 0 ? 0x8182 : 0x8580
            return [message.encoded()]
        }
        let file = try TemporaryFile("clusters: { prod: { dns: [\"\(server.endpoint)\"], services: [10.96.0.0/16] } }\n")
        let output = Pipe()
        let running = try Program.start(
            ["who-has", "--watch", "web.shop", "--config", file.path, "--control", file.path + ".sock"],
            output: output.fileHandleForWriting)
        try output.fileHandleForWriting.close()
        defer {
            // Foundation starts programs with all signals blocked, and this one waits for none.
            _ = kill(running.process.processIdentifier, SIGKILL)
            running.process.waitUntilExit()
        }
        var text = ""
        func read(until words: String) {
            while !text.contains(words) {  // ends with the output, at the latest when the program ends
                let piece = output.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                text += String(decoding: piece, as: UTF8.self)
            }
            #expect(text.contains(words), "\(text)")
        }
        read(until: "10.96.0.7")
        state.value.store(8, ordering: .relaxed)
        read(until: "10.96.0.8")
        #expect(text.components(separatedBy: "10.96.0.7").count == 2, "what has not changed is not repeated")
        state.value.store(0, ordering: .relaxed)
        read(until: "prod: no answer")
        #expect(text.components(separatedBy: "10.96.0.8").count == 3, "the last address stays: \(text)")
    }

    @Test(arguments: ["who-has", "browse"])
    func `a shell that completes a name that is not known gets nothing`(command: String) throws {
        let words = ["positional@0", "2", "1", "namebridge", command, "no-such-name-here"]
        let result = try Program.run(["---completion", command, "--"] + words)
        #expect(result.code == 0 && result.output.allSatisfy(\.isNewline), "\(result.output)\(result.errors)")
    }

    @Test func `programs get JSON`() throws {
        let result = try Program.run(Program.demo("who-has", ["--output", "json", "web.shop"]))
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(report["found"] as? Bool == true && report["name"] as? String == "web.shop.svc")
        let clusters = try #require(report["clusters"] as? [[String: Any]])
        #expect(clusters.map { $0["cluster"] as? String } == ["prod", "staging"])
        #expect(clusters.map { $0["kind"] as? String } == ["ClusterIP", "ClusterIP"])
        let addresses = try #require(clusters[0]["addresses"] as? [[String: String]])
        #expect(addresses.contains { $0["address"] == "10.208.12.7" && $0["inner"] == "10.96.12.7" }, "\(addresses)")
    }
}

/// The last octet of an address that changes; 0: the answer is SERVFAIL.
private final class LastOctet: Sendable {
    let value = Atomic(7)
}

/// Stand-ins for the DNS servers of five clusters.
private struct StandIns {
    private let servers: [TestUpstream]
    private let count = Count()
    private let inventory: Inventory

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    /// Questions that came to them.
    var asked: Int { count.value.load(ordering: .relaxed) }

    init() throws {
        let web = "web.shop.svc.cluster.local"
        let tables: [[String: [PlainRecord]]] = [
            [
                "\(web) 1": [PlainRecord(PlainName(web), type: 1, [.octets([10, 96, 0, 80])])],
                "\(web) 28": [],
                "\(web) 33": [443, 80].map { (port: UInt16) in
                    PlainRecord(
                        PlainName(web), type: 33,
                        [.octets([0, 0, 0, 50, UInt8(port >> 8), UInt8(port & 0xFF)]), .name(PlainName(web))])
                },
            ],
            [
                "\(web) 1": [7, 8].map { PlainRecord(PlainName(web), type: 1, [.octets([10, 245, 1, $0])]) },
                "\(web) 28": [], "\(web) 33": [], "docs.web.svc.cluster.local 1": [],
            ],
            Dictionary(
                uniqueKeysWithValues: [1, 28, 33].map { type in
                    ("\(web) \(type)", [PlainRecord(PlainName(web), type: 5, [.name(PlainName("www.example.com"))])])
                }),
            [:],
        ]
        let count = count
        servers = try (0..<5).map { index in
            try TestUpstream { octets, _ in
                count.value.add(1, ordering: .relaxed)
                guard var message = try? PlainMessage(decoding: octets), let question = message.questions.first else {
                    return []
                }
                message.additionals = []
                let name = "\(question.name)".lowercased()
                let known =
                    index < 4 ? tables[index]["\(name.hasSuffix(".") ? String(name.dropLast()) : name) \(question.type)"] : nil
                message.answers = known ?? []
                message.flags = index == 4 ? 0x8182 : known == nil ? 0x8583 : 0x8580
                return [message.encoded()]
            }
        }
        let keys = ["prod", "staging", "west", "north", "sick"]
        let lines = zip(keys, servers).map { key, server in
            "  \(key): { dns: [\"\(server.endpoint)\"]\(Self.prefixes[key] ?? "") }"
        }
        let text = """
            dns:
              listen: ["127.0.0.1:0"]
              extra-labels: [gw]
              views:
                - { clients: [127.0.0.5/32], allow: { clusters: [staging], namespaces: [web] } }
            merge: { all.cluster.local: { clusters: [prod, staging] } }
            clusters:
            \(lines.joined(separator: "\n"))
            """
        let read = InventoryFile.read(Array(text.utf8), name: "test")
        inventory = try #require(read.inventory, "\(read.problems)")
    }

    private static let prefixes = [
        "prod": ", services: [10.96.0.0/16], map: { 10.96.0.0/16: 10.208.0.0/16 }",
        "staging": ", pods: [10.245.0.0/16], services: [10.97.0.0/16]",
    ]

    /// A search as a client sees it.
    func search(as client: String = "127.0.0.1") throws -> NameSearch {
        NameSearch(
            inventory: inventory, policy: ForwardingPolicy(inventory), client: try #require(IPAddress(client)))
    }
}
