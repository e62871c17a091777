import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import JSON
import LinuxSystem
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
        #expect(walk["addresses"]?.integer == 256)
    }

    @Test func `names that clients have asked for are known, and no longer than the cache keeps them`() throws {
        let setting = try NamedServices()
        defer { setting.stop() }
        try setting.ask("web.shop.svc.prod.cluster.local", from: "127.0.0.9")
        // A plain name says nothing of one cluster, and a no is no name.
        try setting.ask("web.shop.svc.cluster.local", from: "127.0.0.9")
        try setting.ask("missing.shop.svc.prod.cluster.local", from: "127.0.0.9")
        let names = setting.control.names(in: "*")
        #expect(names.map { "\($0.name)" } == ["web.shop.svc.prod.cluster.local"])
        #expect(names.first?.source == .cache && names.first?.cluster == "prod" && names.first?.address == nil)
        _ = setting.control.answer(.flush(.everything))
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
        #expect(walk["found"]?.integer == 0 && walk["failed"]?.integer == 256)
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

    init(hostMayAsk access: Access = Access()) throws {
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
        var view = View(name: "host", clients: [try IPPrefix(parsing: "127.0.0.1/32")], bareDomain: [])
        view.allow = access
        inventory.dns.views = [view]
        var prod = Cluster(
            key: "prod", dns: [upstream.endpoint], services: [try IPPrefix(parsing: "10.96.0.0/24")])
        prod.addressMap = PrefixMap(
            [
                PrefixPair(
                    inner: try IPPrefix(parsing: "10.96.0.0/24"), outer: try IPPrefix(parsing: "10.208.0.0/24"))
            ].compactMap(\.self))
        inventory.clusters = [prod, Cluster(key: "staging", dns: [upstream.endpoint])]
        server = try DNSServer(
            listen: inventory.dns.listen, policy: ForwardingPolicy(inventory), workers: 1, cacheOctets: 1 << 20)
        try server.start()
        control = ServerControl(server, version: "1", inventory: inventory)
    }

    func stop() {
        control.stop()
        server.stop()
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
        // Ends: a walk of 256 addresses is over soon; the bound is for a fault.
        for _ in 0..<1_000 {
            let walks = control.answer(.names(NameScope(), from: .max))["walks"]?.elements ?? []
            if walks.allSatisfy({ $0["over"]?.boolean == true }) { break }
            ThisProcess.sleep(milliseconds: 10)
        }
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
