import DNSServer
import DomainNames
import Forwarding
import HTTP
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import PathHealth
import Synchronization
import TestSupport
import Testing

@testable import AdminServer

/// `namebridge browse`: which names are known, from which source, and which clients see them.
@Suite struct NameCatalogueTests {
    @Test func `a walk finds the names of a service range`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        let names = try setting.walk("prod")
        #expect(
            names.map { "\($0.name) \($0.address.map { "\($0)" } ?? "") \($0.source.rawValue)" } == [
                "api.pay.svc.prod.cluster.local 10.208.0.9 walk", "db.shop.svc.prod.cluster.local 10.208.0.8 walk",
                "web.shop.svc.prod.cluster.local 10.208.0.7 walk",
            ])
        #expect(setting.control.names(in: "prod/shop").count == 2)
        #expect(setting.control.names(in: "*/pay").map { "\($0.name)" } == ["api.pay.svc.prod.cluster.local"])
        #expect(setting.control.names(in: "staging").isEmpty)
        let walk = try #require(setting.control.answer(.names(NameScope(), from: 0))["walks"]?.elements?.first)
        #expect(walk["addresses"]?.integer == 16)
    }

    @Test func `the questions of a walk are not those of clients, and fill no cache`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        let before = setting.control.status.cache?.entries
        _ = try setting.walk("prod")
        _ = try setting.walk("prod")
        setting.control.server.stop()  // then its counts are exact
        let statistics = setting.control.server.statistics
        // On a busy machine the one question may be asked again.
        #expect(statistics.sum { $0.engine.messages } == 1 && statistics.sum { $0.engine.sent } < 100)
        #expect(setting.control.status.cache?.entries == before)
        let metrics = setting.control.metrics
        for line in [
            "namebridge_questions_total 1", "namebridge_walk_questions_total 32",
            "namebridge_walk_answers_total{result=\"name\"} 6", "namebridge_walk_answers_total{result=\"none\"} 26",
            "namebridge_walk_answers_total{result=\"error\"} 0", "namebridge_walk_answers_total{result=\"lost\"} 0",
        ] {
            #expect(metrics.contains("\n\(line)\n"), "\(line)")
        }
    }

    @Test func `a reload during a walk holds for the rest of it`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        #expect(setting.control.answer(.walk(cluster: "prod", perSecond: 2))["error"] == nil)
        // From here on this host may ask nothing of the cluster.
        var inventory = setting.control.inventory
        inventory.dns.views[0].allow = Access(clusters: ["staging"])
        let policy = ForwardingPolicy(inventory, after: setting.control.server.policy)
        let change = DNSServerChange(
            listen: inventory.dns.listen, policy: policy, settings: DNSServerSettings(), cookieSecrets: [])
        #expect(try setting.control.server.replace(change).isEmpty)
        // Ends: a question comes each half second; the bound is for a fault.
        for _ in 0..<6_000 where setting.control.catalogue.walkCounts.failed == 0 { ThisProcess.sleep(milliseconds: 10) }
        #expect(setting.control.catalogue.walkCounts.failed > 0)
        #expect(setting.control.catalogue.walksJSON(for: setting.control.catalogue.hostClient) == .array([]))
    }

    @Test func `names that clients have asked for are known, and no longer than the cache keeps them`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        // A no is no name.
        try setting.ask("missing.shop.svc.prod.cluster.local", from: "127.0.0.9")
        let names = setting.control.names(in: "*")
        #expect(names.map { "\($0.name)" } == ["web.shop.svc.prod.cluster.local"])
        #expect(names.first?.source == .cache && names.first?.cluster == "prod" && names.first?.address == nil)
        _ = setting.control.answer(.flush(.everything))
        #expect(setting.control.names(in: "*").isEmpty)
    }

    @Test func `a plain name is listed with the cluster that has answered it`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        try setting.ask("web.shop.svc.cluster.local", from: "127.0.0.9")
        let client = try #require(IPAddress("127.0.0.9"))
        let names = setting.control.catalogue.names(NameScope(), for: client)
        #expect(names.map { "\($0.name) \($0.cluster)" } == ["web.shop.svc.cluster.local prod"])
        #expect(setting.control.catalogue.names(NameScope(cluster: "staging"), for: client).isEmpty)
        // No cluster answers plain names for this host.
        #expect(setting.control.names(in: "*").isEmpty)
    }

    @Test func `a client is shown nothing that it may not ask`() throws {
        // This host may ask one namespace of one cluster.
        let setting = try NamedServices(hostMayAsk: Access(clusters: ["prod"], namespaces: ["shop"]))
        defer { setting.stop() }
        for name in ["web.shop", "api.pay"] {
            for cluster in ["prod", "staging"] {
                try setting.ask("\(name).svc.\(cluster).cluster.local", from: "127.0.0.9")
            }
        }
        #expect(setting.control.names(in: "*").map { "\($0.name)" } == ["web.shop.svc.prod.cluster.local"])
        for scope in ["staging", "prod/pay", "*/pay", "staging/shop"] {
            #expect(setting.control.names(in: scope).isEmpty, "\(scope)")
        }
        // Reverse names are refused to it, so a walk finds nothing.
        let walked = try setting.walk("prod")
        #expect(walked.allSatisfy { $0.source == .cache })
        let walk = try #require(setting.control.answer(.names(NameScope(), from: 0))["walks"]?.elements?.first)
        #expect(walk["found"]?.integer == 0 && walk["failed"]?.integer == 16)
    }

    @Test func `a search finds by name, cluster and address, all words together`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        _ = try setting.walk("prod")
        try setting.ask("web.shop.svc.staging.cluster.local", from: "127.0.0.9")
        func found(_ find: String) throws -> [String] {
            try setting.find(find, from: "127.0.0.1")["names"]?.elements?.compactMap { $0["name"]?.string } ?? []
        }
        #expect(try found("").count == 4)
        #expect(try found("WEB").count == 2)
        #expect(try found("web+prod") == ["web.shop.svc.prod.cluster.local"])
        #expect(try found("10.208.0.9") == ["api.pay.svc.prod.cluster.local"])
        #expect(try found("10.208.0.%20shop").count == 2)
        #expect(try found("stag") == ["web.shop.svc.staging.cluster.local"])
        #expect(try found("nothing").isEmpty)
        let answer = try setting.find("shop&limit=2", from: "127.0.0.1")
        #expect(answer["names"]?.elements?.count == 2 && answer["total"]?.integer == 3)
        #expect(answer["find"]?.string == "shop" && answer["walks"]?.elements?.first?["lost"]?.integer == 0)
        for wrong in ["a&limit=0", "a&limit=101", "a&limit=x", "a&b=c", "a&find=b", "%zz", "%ff", "%+1"] {
            #expect(throws: (any Error).self, "\(wrong)") { try setting.find(wrong, from: "127.0.0.1") }
        }
    }

    @Test func `a search is for the clients of browse alone, and shows each what it may ask`() throws {
        let setting = try NamedServices(
            hostMayAsk: Access(clusters: ["prod"], namespaces: ["shop"]), browse: ["127.0.0.1/32", "127.0.0.9/32"])
        defer { setting.stop() }
        for name in ["web.shop", "api.pay"] {
            for cluster in ["prod", "staging"] {
                try setting.ask("\(name).svc.\(cluster).cluster.local", from: "127.0.0.9")
            }
        }
        _ = setting.control.answer(.walk(cluster: "prod", perSecond: 5_000))
        _ = setting.control.answer(.walk(cluster: "staging", perSecond: 5_000))
        for find in ["", "api", "pay", "staging", "web", "cluster.local"] {
            let seen = try setting.find(find, from: "127.0.0.1")
            let names = seen["names"]?.elements?.compactMap { $0["name"]?.string } ?? []
            #expect(Set(names).subtracting(["web.shop.svc.prod.cluster.local"]).isEmpty, "\(find)")
            #expect(seen["total"]?.integer == names.count)
            #expect("\(seen["walks"] ?? .null)".contains("staging") == false)
        }
        #expect(try setting.find("", from: "127.0.0.9")["total"]?.integer == 4)
        for client in ["127.0.0.2", "192.0.2.1"] {
            let refused = try setting.find("web", from: client)
            #expect(refused["allowed"] == .boolean(false) && refused["names"]?.elements?.isEmpty == true)
            #expect(refused["reason"]?.string == "\(client) is not in browse.clients")
        }
        let usual = try NamedServices()
        defer { usual.stop() }
        #expect(try usual.find("", from: "127.0.0.2")["allowed"] == .boolean(true))
        #expect(try usual.find("", from: "192.0.2.1")["reason"]?.string?.hasPrefix("only this host") == true)
    }

    @Test func `services whose endpoints a follower has seen come first`() throws {
        let setting = try NamedServices(hostMayAsk: Access(clusters: ["prod"]))
        defer { setting.stop() }
        func seen(_ services: [String], gone: [String] = [], of cluster: String = "prod") {
            _ = setting.control.answer(.flush(.services(cluster: cluster, services, gone: gone)))
        }
        func listed() -> [String] {
            setting.control.names(in: "*").map {
                "\($0.name) \($0.address.map { "\($0)" } ?? "-") \($0.source.rawValue)"
            }
        }
        seen(["db.shop", "new.shop"])
        seen(["web.shop"], of: "staging")
        #expect(listed() == ["db.shop.svc.prod.cluster.local - facts", "new.shop.svc.prod.cluster.local - facts"])
        _ = try setting.walk("prod")
        try setting.ask("db.shop.svc.prod.cluster.local", from: "127.0.0.9")
        #expect(
            listed() == [
                "api.pay.svc.prod.cluster.local 10.208.0.9 walk", "db.shop.svc.prod.cluster.local 10.208.0.8 facts",
                "new.shop.svc.prod.cluster.local - facts", "web.shop.svc.prod.cluster.local 10.208.0.7 walk",
            ])
        // What is gone is known no more, from whatever source; events that were missed leave what a walk has found.
        seen([], gone: ["new.shop", "web.shop"])
        #expect(listed().count == 2)
        // To empty the cache takes nothing from the source.
        let before = listed()
        _ = setting.control.answer(.flush(.cluster("prod")))
        #expect(listed() == before)
        _ = setting.control.answer(.flush(.missed("prod")))
        #expect(listed().allSatisfy { $0.hasSuffix("walk") } && listed().count == 2)
    }

    @Test(arguments: [(true, "down"), (false, "up")])
    func `names are shown with the state of the path to their cluster`(isDead: Bool, state: String) throws {
        let target = ProbeTarget(Endpoint(address: IPAddress(v4: 0x0A60_000A), port: 53), mayRefuse: true)
        let path = ProbedPath(from: "office", to: "prod", relays: ["relay"], targets: [target], onDown: .servfail)
        var network = SimulatedNetwork([path], seed: 1)
        network.pass(5_000)
        if isDead {
            network.weather[0] = SimulatedNetwork.Weather()
            network.weather[0]?.fate = .silent
            network.pass(5_000)
        }
        let verdicts = network.engine.verdicts
        let setting = try NamedServices(reports: HostReports(pathVerdicts: { verdicts }))
        defer { setting.stop() }
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        try setting.ask("web.shop.svc.staging.cluster.local", from: "127.0.0.9")
        let found = try setting.find("web", from: "127.0.0.1")["names"]?.elements ?? []
        #expect(found.map { $0["path"]?.string } == [state, nil])
        #expect(setting.control.answer(.names(NameScope(), from: 0))["paths"] == .object([("prod", .string(state))]))
    }

    @Test func `what is not answered is said to be lost, and a walk asks as fast as it is answered`() throws {
        // No question of this host is answered.
        var inventory = Inventory()
        inventory.dns.clients = [try IPPrefix(parsing: "10.0.0.0/8")]
        inventory.dns.refuse = .drop
        let policy = ForwardingPolicy(inventory)
        let board = HealthBoard(servers: 0, groups: policy.groups.count, isProbed: false)
        let walk = AddressWalk(
            [try IPPrefix(parsing: "10.0.0.0/30")], as: IPAddress(v4: 0x7F00_0001),
            AddressWalk.Pace(perSecond: 100_000), serving: { (policy, board) }, found: { _, _ in })
        let thread = try walk.start()
        thread.join()
        #expect(walk.progress.isOver && walk.progress.asked == 4)
        #expect(walk.progress.lost == 4 && walk.progress.answered == 0)
    }

    @Test(arguments: [true, false])
    func `a walk of a cluster that fails ends early, and waits for no server that is known as dead`(
        isKnown: Bool
    ) throws {
        let upstream = try TestUpstream { octets, _ in isKnown ? [] : [Array(octets[..<2]) + [0x81, 0x82] + octets[4...]] }
        var inventory = Inventory()
        let range = try IPPrefix(parsing: "10.96.0.0/16")
        inventory.clusters = [Cluster(key: "prod", dns: [upstream.endpoint], services: [range])]
        let policy = ForwardingPolicy(inventory)
        let board = HealthBoard(servers: policy.servers.count, groups: policy.groups.count, isProbed: true)
        if isKnown { board.servers[0].markDead("no answer") }
        let walk = AddressWalk(
            [range], as: IPAddress(v4: 0x7F00_0001), AddressWalk.Pace(perSecond: 1_000, failingMilliseconds: 300),
            serving: { (policy, board) }, found: { _, _ in })
        try walk.start().join()
        let progress = walk.progress
        #expect(progress.isOver && progress.isGivenUp && progress.asked < progress.total)
        #expect(progress.failed >= 64 && progress.lost == 0, "\(progress)")
    }

    @Test func `a walk asks as the host's address, and its forwarder is on loopback alone`() throws {
        // This host's address in another network stands for one that is not loopback.
        let host = try #require(IPAddress("127.0.0.77"))
        let upstream = try TestUpstream { _, _ in [] }
        var inventory = Inventory()
        inventory.dns.clients = [IPPrefix(only: host)]
        let range = try IPPrefix(parsing: "10.96.0.0/30")
        inventory.clusters = [Cluster(key: "prod", dns: [upstream.endpoint], services: [range])]
        let policy = ForwardingPolicy(inventory)
        let board = HealthBoard(servers: policy.servers.count, groups: policy.groups.count, isProbed: true)
        board.servers[0].markDead("no answer")
        let walk = AddressWalk(
            [range], as: host, AddressWalk.Pace(perSecond: 1_000), serving: { (policy, board) }, found: { _, _ in })
        #expect(walk.listener.address == IPAddress(v4: 0x7F00_0001))
        try walk.start().join()
        // A client that may not ask would get no answer but REFUSED; both are errors, and this one says which.
        #expect(walk.progress.answered == 4 && walk.progress.isOver)
    }

    @Test func `clients of one view share a listing, and those of others do not disturb it`() throws {
        let setting = try NamedServices(browse: ["127.0.0.0/24"])
        defer { setting.stop() }
        let catalogue = setting.control.catalogue
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        func listed(_ client: String) throws -> Int { catalogue.names(for: try #require(IPAddress(client))).count }
        #expect(try listed("127.0.0.9") == 1 && listed("127.0.0.1") == 1)
        try setting.ask("api.pay.svc.prod.cluster.local", from: "127.0.0.9")
        // What was listed a moment ago is shown to a neighbour too, though the other view has searched since.
        #expect(try listed("127.0.0.8") == 1)
        #expect(catalogue.names(NameScope(), for: try #require(IPAddress("127.0.0.8"))).count == 2)
    }

    @Test(arguments: [
        ("nosuch", "no cluster \"nosuch\" is asked here, expected one of: prod, staging"),
        ("staging", "cluster staging has no IPv4 \"services\" in the file"),
    ])
    func `a walk that can't be is refused with the reason`(cluster: String, reason: String) throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        #expect(setting.control.answer(.walk(cluster: cluster, perSecond: 1_000))["error"]?.string == reason)
    }

    @Test func `a page has no more octets than a client reads, and pages make up the whole`() throws {
        // The longest names, of octets that text and JSON escape.
        let names = try (0..<6_000).map { number in
            let digits = Array("\(number)".utf8)
            let label = [63] + Array(repeating: UInt8(1), count: 63)
            let end = [UInt8(digits.count)] + digits + [0]
            return KnownName(
                name: try DomainName(wire: label + label + label + end), cluster: "prod", source: .cache,
                ageSeconds: 7)
        }
        var read: [KnownName] = []
        while read.count < names.count {
            let page = NameCatalogue.page(of: names.dropFirst(read.count))
            try #require(!page.isEmpty && page.count <= NameCatalogue.pageSize)
            #expect(JSONValue.array(page).description.utf8.count < ControlClient.longestAnswer / 2)
            read += page.compactMap(KnownName.init(json:))
        }
        #expect(read == names)
        #expect(NameCatalogue.page(of: []).isEmpty)
    }

    @Test func `the pages behind the first are of the same listing`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        let catalogue = setting.control.catalogue
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        #expect(catalogue.listing(NameScope(), from: 0).count == 1)
        try setting.ask("api.pay.svc.prod.cluster.local", from: "127.0.0.9")
        #expect(catalogue.listing(NameScope(), from: 1).count == 1)
        #expect(catalogue.listing(NameScope(cluster: "prod"), from: 1).count == 2)
        #expect(catalogue.listing(NameScope(), from: 0).count == 2)
        catalogue.tick()
        #expect(catalogue.listing(NameScope(), from: 1).count == 2)
    }

    @Test(arguments: [
        ("prod", "prod"), ("prod/shop", "prod/shop"), ("*/shop", "*/shop"), ("*", "*"), ("a b", nil), ("", nil),
        ("a/b/c", nil), ("/shop", nil), ("prod/", nil),
    ])
    func `a scope is a cluster and a namespace`(text: String, read: String?) {
        #expect(NameScope(text)?.text == read)
    }
}

/// A server for two clusters with a few services, which one stand-in has.
private struct NamedServices {
    let control: ServerControl
    private let server: DNSServer
    private let upstream: TestUpstream

    init(
        hostMayAsk access: Access = Access(), browse: [String]? = nil, reports: HostReports = HostReports()
    ) throws {
        let names = ["web.shop": 7, "db.shop": 8, "api.pay": 9] as [String: UInt8]
        upstream = try TestUpstream { octets, _ in
            guard var message = try? PlainMessage(decoding: octets), let question = message.questions.first else {
                return []
            }
            let asked = "\(question.name)".lowercased()
            message.additionals = []
            for (name, number) in names {
                let whole = "\(name).svc.cluster.local"
                if question.type == 1, asked.hasPrefix(whole) {
                    message.answers = [PlainRecord(question.name, type: 1, [.octets([10, 96, 0, number])])]
                } else if question.type == 12, asked.hasPrefix("\(number).0.96.10.in-addr.arpa") {
                    message.answers = [PlainRecord(question.name, type: 12, [.name(PlainName(whole))])]
                }
            }
            message.flags = message.answers.isEmpty ? 0x8583 : 0x8580
            return [message.encoded()]
        }
        var inventory = Inventory()
        inventory.dns.listen = [Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)]
        inventory.dns.bareDomain = ["prod"]
        inventory.browse.clients = try browse?.map { try IPPrefix(parsing: $0) }
        var view = View(name: "host", clients: [try IPPrefix(parsing: "127.0.0.1/32")], bareDomain: [])
        view.allow = access
        inventory.dns.views = [view]
        var prod = Cluster(
            key: "prod", dns: [upstream.endpoint], services: [try IPPrefix(parsing: "10.96.0.0/28")])
        prod.addressMap = PrefixMap(
            [
                PrefixPair(
                    inner: try IPPrefix(parsing: "10.96.0.0/28"), outer: try IPPrefix(parsing: "10.208.0.0/28"))
            ].compactMap(\.self))
        inventory.clusters = [prod, Cluster(key: "staging", dns: [upstream.endpoint])]
        server = try DNSServer(
            listen: inventory.dns.listen, policy: ForwardingPolicy(inventory), workers: 1, cacheOctets: 1 << 20)
        try server.start()
        control = ServerControl(server, version: "1", inventory: inventory, reports: reports)
    }

    func stop() {
        control.stop()
        server.stop()
    }

    /// A search with a mistake.
    struct Refused: Error {
        let text: String
    }

    /// What a client finds on the page; `find` is encoded as in a query.
    func find(_ find: String, from client: String) throws -> JSONValue {
        let address = try #require(IPAddress(client))
        let request = HTTPServer.PageRequest(path: "/names.json", query: "find=\(find)", client: address)
        let response = try #require(AdminPages(control).respond(request))
        guard response.status == .ok else { throw Refused(text: response.body) }
        return try JSONReader.read(Array(response.body.utf8))
    }

    /// Has a client ask for an address.
    func ask(_ name: String, from client: String) throws {
        let endpoint = try #require(server.boundEndpoints.first)
        let address = try #require(IPAddress(client))
        let asker = try DatagramClient(endpoint, from: address)
        asker.send(TestMessage.question(name, id: 7))
        _ = try #require(try asker.receive(milliseconds: 5_000))
    }

    /// Walks a cluster's range; gives what is known of it then.
    func walk(_ cluster: String) throws -> [KnownName] {
        let begun = control.answer(.walk(cluster: cluster, perSecond: 5_000))
        #expect(begun["error"] == nil)
        var isOver = false
        // Ends: a walk of 16 addresses is over soon; the bound is for a fault.
        for _ in 0..<6_000 where !isOver {
            let walks = control.answer(.names(NameScope(), from: .max))["walks"]?.elements ?? []
            isOver = walks.allSatisfy { $0["over"]?.boolean == true }
            if !isOver { ThisProcess.sleep(milliseconds: 10) }
        }
        #expect(isOver, "the walk does not end")
        return control.names(in: cluster)
    }
}

extension ServerControl {
    /// The names that this host is shown.
    fileprivate func names(in scope: String) -> [KnownName] {
        guard let scope = NameScope(scope) else { return [] }
        return (answer(.names(scope, from: 0))["names"]?.elements ?? []).compactMap(KnownName.init(json:))
    }
}
