import AdminServer
import DNSServer
import DomainNames
import Forwarding
import HTTP
import IPAddressing
import Inventory
import InventoryFile
import JSON
import LinuxSystem
import TestSupport
import Testing

@testable import namebridge

/// A client of another view learns no name, cluster or zone that it may not ask, whichever way it tries.
@Suite struct NameLeakTests {
    @Test func `a client of another view learns nothing by any exit`() throws {
        let setting = try TwoViews()
        defer { setting.stop() }
        try setting.fill()
        // Insiders see all of it: what follows is no test of an empty server.
        let inside = try setting.page("/names.json?find=zsecret", for: TwoViews.insider)
        for name in ["zsecret-a.shop.svc.zprod.", "zsecret-d.shop.svc.zall.", "zsecret-f.shop.svc.zset.", "walk"] {
            #expect(inside.contains(name), "\(name)")
        }
        let status = try setting.page("/status.json", for: TwoViews.insider)
        for word in ["zsecret-a.shop", "zcorp.internal", "zall.cluster.local", "zsick"] {
            #expect(status.contains(word), "\(word)")
        }
        let reasons = setting.control.status.failures.filter { $0.name == TwoViews.failedInBoth }.map(\.reason)
        #expect(reasons.count == 1 && reasons.allSatisfy { $0.contains("zprod: ") && $0.contains("; dev: ") }, "\(reasons)")
        try setting.restrictThisHost()
        for client in [TwoViews.outsider, TwoViews.host] {
            var exits: [(String, String)] = []
            for find in ["", "zsecret", "zprod", "shop", "10.211", "zcorp", "svc", "web"] {
                let found = try setting.page("/names.json?find=\(find)", for: client)
                // What was looked for comes back.
                exits.append(("search \(find)", found.replacing("\"find\": \"\(find)\"", with: "")))
            }
            let status = try setting.page("/status.json", for: client)
            #expect(status.contains(TwoViews.failedInBoth), "it may ask for the name: without the reason it is shown")
            exits.append(("status", status))
            for path in ["/", "/metrics", "/ready"] { exits.append((path, try setting.page(path, for: client))) }
            #expect(try setting.page("/metrics", for: client).contains("cluster=\"dev\""))
            exits += try setting.answers(for: client)
            exits += try setting.searches(as: client)
            for (exit, text) in exits {
                for word in TwoViews.forbidden {
                    #expect(!text.lowercased().contains(word), "\(word) by \(exit) for \(client)")
                }
            }
            // What it may ask is there.
            #expect(try setting.page("/names.json?find=docs", for: client).contains("docs.web.svc.dev.cluster.local"))
        }
        // Lists and completion of this host.
        let listed = setting.control.answer(.names(NameScope(), from: 0)).description
        #expect(listed.contains("docs.web.svc.dev.cluster.local"))
        for word in TwoViews.forbidden { #expect(!listed.lowercased().contains(word), "\(word) by browse") }
        // One that browse.clients does not have is shown no names at all, and others' clients neither.
        for path in ["/names.json?find=", "/status.json", "/"] {
            let text = try setting.page(path, for: TwoViews.stranger)
            #expect(!text.contains("svc.") && !text.contains(TwoViews.insider), "\(path)")
        }
        // One that no prefix of dns.clients has may ask nothing, and is shown no cluster.
        for path in ["/names.json?find=", "/status.json", "/"] {
            let text = try setting.page(path, for: TwoViews.outside).lowercased()
            for word in TwoViews.forbidden + ["\"dev\"", ">dev<"] { #expect(!text.contains(word), "\(word) by \(path)") }
        }
        #expect(try setting.page("/metrics", for: TwoViews.outside).contains("cluster=\"zprod\""))
    }
}

/// Two clusters, whose names clients of two views have asked for.
private struct TwoViews {
    static let insider = "127.0.0.9"
    static let outsider = "127.0.0.5"
    static let host = "127.0.0.1"
    /// An insider of whose bare domain both clusters are.
    static let insiderOfBoth = "127.0.0.7"
    /// May ask for everything, but not list names.
    static let stranger = "127.0.1.7"
    /// May ask for nothing.
    static let outside = "192.0.2.1"

    /// A name that an outsider may ask for, and no cluster of `insiderOfBoth` answers.
    static let failedInBoth = "sick.web.svc.cluster.local"

    /// What is in no reply to an outsider: a cluster, a namespace, zones, services and addresses.
    static let forbidden = [
        "zprod", "zpay", "zcorp", "zlab", "zother", "zonly", "zset", "zsecret", "zsick", "10.211.", "10.96.",
    ]

    let control: ServerControl
    private let server: DNSServer
    private let upstreams: [TestUpstream]
    private let restricted: Inventory

    init() throws {
        upstreams = try [96, 97].map { (range: UInt8) in
            try TestUpstream { octets, _ in
                guard var message = try? PlainMessage(decoding: octets), let question = message.questions.first else {
                    return []
                }
                let asked = "\(question.name)".lowercased()
                message.additionals = []
                if question.type == 12, asked.hasPrefix("7.0.96.10.") {
                    let name = PlainName("zsecret-w.zpay.svc.cluster.local")
                    message.answers = [PlainRecord(question.name, type: 12, [.name(name)])]
                } else if question.type == 1,
                    ["zsecret", "docs.web"].contains(where: asked.hasPrefix) || range == 96 && asked.hasPrefix("db.web")
                {
                    message.answers = [PlainRecord(question.name, type: 1, [.octets([10, range, 0, 7])])]
                }
                let isFailed = ["zsick", "sick.web"].contains(where: asked.hasPrefix)
                message.flags = isFailed ? 0x8182 : message.answers.isEmpty ? 0x8583 : 0x8580
                return [message.encoded()]
            }
        }
        let open = try Self.inventory(upstreams.map(\.endpoint), outsiders: [Self.outsider])
        restricted = try Self.inventory(upstreams.map(\.endpoint), outsiders: [Self.outsider, Self.host])
        server = try DNSServer(
            listen: open.dns.listen, policy: ForwardingPolicy(open), workers: 1, cacheOctets: 1 << 20,
            queryLog: try QueryLog(QueryLogSettings()) { _, _ in })
        try server.start()
        let next = restricted
        let running = server
        control = ServerControl(server, version: "1", inventory: open) { _, _, _ in
            do throws(DNSServerError) {
                let policy = ForwardingPolicy(next, after: running.policy)
                _ = try running.replace(
                    DNSServerChange(
                        listen: next.dns.listen, policy: policy, settings: DNSServerSettings(), cookieSecrets: [],
                        queryLog: running.queryLog))
                return .success(ReloadedConfiguration(inventory: next, warnings: []))
            } catch {
                return .failure(ReloadProblems(["\(error)"]))
            }
        }
    }

    func stop() {
        control.stop()
        server.stop()
    }

    /// The configuration.
    private static func inventory(_ servers: [Endpoint], outsiders: [String]) throws -> Inventory {
        let text = """
            dns:
              listen: ["127.0.0.1:0"]
              bare-domain: [zprod]
              views:
                - { clients: [\(outsiders.joined(separator: ", "))], bare-domain: [dev],
                    allow: { clusters: [dev], namespaces: [web] } }
                - { clients: [\(insiderOfBoth)], bare-domain: [zprod, dev] }
            browse: { clients: ["127.0.0.0/24"] }
            merge:
              zall.cluster.local: { clusters: [zprod, dev] }
              zonly.cluster.local: { clusters: [zprod, zother] }
            clustersets: { zset: { members: [zprod] } }
            clusters:
              zprod:
                dns: ["\(servers[0])"]
                services: [10.96.0.0/28]
                map: { 10.96.0.0/28: 10.211.0.0/28 }
                also: [zcorp.internal]
              zother: { dns: ["\(servers[0])"] }
              dev: { dns: ["\(servers[1])"], also: [zlab.internal] }
            """
        let read = InventoryFile.read(Array(text.utf8), name: "test")
        return try #require(read.inventory, "\(read.problems)")
    }

    /// Has insiders ask for names of all kinds, and walks the service range.
    func fill() throws {
        for name in [
            "zsecret-a.shop.svc.zprod.cluster.local", "zsecret-b.zpay.svc.dev.cluster.local",
            "zsecret-c.shop.svc.cluster.local", "zsecret-d.shop.svc.zall.cluster.local",
            "zsecret-e.shop.svc.zonly.cluster.local", "zsecret-f.shop.svc.zset.clusterset.local",
            "zsecret-g.zcorp.internal", "zsecret-h.zlab.internal", "zsick.shop.svc.zprod.cluster.local",
            "zsick.zpay.svc.dev.cluster.local", "db.web.svc.zprod.cluster.local", "docs.web.svc.dev.cluster.local",
        ] {
            _ = try ask(TestMessage.question(name, id: 7), from: Self.insider)
        }
        _ = try ask(TestMessage.question(Self.failedInBoth, id: 7), from: Self.insiderOfBoth)
        _ = try ask(TestMessage.question("docs.web.svc.dev.cluster.local", id: 7), from: Self.outsider)
        #expect(control.answer(.walk(cluster: "zprod", perSecond: 1_000))["error"] == nil)
        var isFull = false
        // Ends: both are over soon; the bound is for a fault.
        for _ in 0..<6_000 where !isFull {
            let walks = control.answer(.names(NameScope(), from: .max))["walks"]?.elements ?? []
            isFull = walks.allSatisfy { $0["over"]?.boolean == true } && control.status.latestAnswers.count >= 14
            if !isFull { ThisProcess.sleep(milliseconds: 10) }
        }
        #expect(isFull, "the server is not filled: \(control.status.latestAnswers.count) answers")
    }

    /// From now on this host is of the outsiders' view.
    func restrictThisHost() throws { #expect(control.reload().problems == []) }

    /// What a client gets of the status pages.
    func page(_ path: String, for client: String) throws -> String {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        let request = HTTPServer.PageRequest(
            path: parts[0], query: parts.count > 1 ? parts[1] : "", client: try #require(IPAddress(client)))
        return try #require(AdminPages(control).respond(request)).body
    }

    /// The replies to a client's questions, without the questions: names that are near to others', or lead to them.
    func answers(for client: String) throws -> [(String, String)] {
        let questions: [(String, UInt8)] = [
            ("docs.web.svc.zprdo.cluster.local", 1), ("db.web.svc.dev.cluster.local", 1), ("web.db.svc.dev.cluster.local", 1),
            ("docs.web.svc.zal.cluster.local", 1), ("docs.web.svc.cluster.local", 1), ("www.zcrop.internal", 1),
            ("docs.web.zet.clusterset.local", 1), ("7.0.211.10.in-addr.arpa", 12), ("7.0.96.10.in-addr.arpa", 12),
            ("docs.shop.svc.dev.cluster.local", 1), ("docs.web.svc.dev.cluster.local", 33), ("svc.dev.cluster.local", 16),
            ("web.docs.dev.cluster.local", 1), ("docs.web.dev.cluster.local", 1),
        ]
        return try questions.map { name, type in
            var question = TestMessage.question(name, id: 9)
            question[question.count - 3] = type
            question[11] = 1
            let reply = try ask(question + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0], from: client)
            return ("question \(name)", String(decoding: reply.dropFirst(question.count), as: UTF8.self))
        }
    }

    /// What `who-has` prints for a client.
    func searches(as client: String) throws -> [(String, String)] {
        let search = NameSearch(
            inventory: restricted, policy: server.policy, client: try #require(IPAddress(client)))
        let known = try ["zsecret-a.shop.svc.zprod.cluster.local", "db.web.svc.zprod.cluster.local"].map {
            try DomainName(parsing: $0)
        }
        return try ["db.web", "docs.web", "dbb.web", "shop.db", "zecret-a.shop", "zecret-b.zay"].map { text in
            let name = try DomainName(parsing: text)
            let labels = try #require(search.labels(of: name))
            let findings = search.findings(labels)
            #expect(findings.allSatisfy { $0.cluster == "dev" })
            let hint = search.hint(for: name, labels, known: known) ?? ""
            return ("who-has \(text)", findings.map { "\($0.cluster) \($0.name) \($0.failure ?? "")" }.joined() + hint)
        }
    }

    /// The reply to a question of a client.
    private func ask(_ question: [UInt8], from client: String) throws -> [UInt8] {
        let endpoint = try #require(server.boundEndpoints.first)
        let address = try #require(IPAddress(client))
        let asker = try DatagramClient(endpoint, from: address)
        asker.send(question)
        return try #require(try asker.receive(milliseconds: 5_000))
    }
}
