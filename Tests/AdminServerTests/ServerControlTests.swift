import AdminServer
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
import Time

/// What is asked and ordered over the control socket, with a running server behind it.
@Suite struct ServerControlTests {
    @Test func `the status of a running server says what it did`() throws {
        let setting = try Setting()
        defer { setting.stop() }
        for _ in 0..<3 { try setting.ask("web.shop.svc.prod.cluster.local") }
        try setting.ask("www.example.com")
        let status = try setting.status { $0.total.questions == 4 }
        #expect(status.version == "1" && status.workers.count == 2)
        let total = status.total
        #expect(total.questions == 4 && total.hits == 2 && total.answered == 1 && total.refused == 1)
        #expect(total.failed == 0 && total.inFlight == 0)
        #expect(status.recentQuestions == 4 && status.recentMilliseconds > 0)
        #expect(status.cache?.entries == 1 && status.cache?.limit == 4 << 20)
        let prod = try #require(status.groups.first)
        #expect(status.groups.count == 1 && prod.name == "prod" && prod.domain == "cluster.local")
        #expect(prod.replies == 3 && prod.latency.count == 1)
        let server = try #require(prod.servers.first)
        #expect(prod.servers.count == 1 && server.address == "\(setting.cluster.endpoint)" && server.state == "full")
        #expect(server.asked == 1 && server.answered == 1 && server.failures == 0 && server.latency.count == 1)
        #expect(status.responseCodes == [.init("NOERROR", "", 3), .init("REFUSED", "", 1)])
        #expect(status.extendedErrors == [.init("20", "Not Authoritative", 1)])
        #expect(status.troubles == [])
    }

    @Test(
        arguments: [
            (.everything, 3, "nothing is kept"),
            (.cluster("prod"), 3, "suffix, plain and reverse names are the cluster's"),
            (.below(.clusterLocal), 2, "both suffixes lie below the domain"),
        ] as [(FlushScope, Int, String)])
    func `a flushed name is asked again`(scope: FlushScope, flushed: Int, reason: String) throws {
        let setting = try Setting()
        defer { setting.stop() }
        let names = ["web.shop.svc.prod.cluster.local", "web.shop.svc.cluster.local", "7.12.96.10.in-addr.arpa"]
        for name in names + names { try setting.ask(name) }
        #expect(setting.cluster.questions == 3, "each is kept")
        #expect(try setting.flush(scope) == flushed, "\(reason)")
        for name in names { try setting.ask(name) }
        #expect(setting.cluster.questions == 3 + flushed, "\(reason)")
    }

    @Test func `flushing one name ignores letter case and flushes no other`() throws {
        let setting = try Setting()
        defer { setting.stop() }
        let name = "web.shop.svc.prod.cluster.local"
        for name in [name, "a." + name] { try setting.ask(name) }
        #expect(try setting.flush(.name(DomainName(parsing: "WEB.shop.svc.prod.cluster.local"))) == 1)
        #expect(try setting.flush(.name(DomainName(parsing: name))) == 0, "it is gone")
        #expect(try setting.flush(.below(DomainName(parsing: name))) == 1, "its neighbour below was not")
    }

    @Test func `the names of a service are flushed by every suffix, with all below them, and no others`() throws {
        let setting = try Setting()
        defer { setting.stop() }
        let meant = [
            "web.shop.svc.prod.cluster.local", "Web.Shop.svc.cluster.local", "pod1.web.shop.svc.prod.cluster.local",
            "_http._tcp.web.shop.svc.prod.cluster.local",
        ]
        let others = [
            "db.shop.svc.prod.cluster.local", "web.test.svc.prod.cluster.local", "shop.svc.prod.cluster.local",
            "7.12.96.10.in-addr.arpa",
        ]
        for name in meant + others { try setting.ask(name) }
        #expect(try setting.flush(.services(cluster: "prod", ["no.shop", "web.shop"])) == meant.count)
        #expect(try setting.flush(.services(cluster: "prod", ["web.shop"])) == 0)
        try setting.ask("web.shop.svc.prod.cluster.local")
        #expect(try setting.flush(.services(cluster: "prod", [], gone: ["web.shop"])) == 1)
    }

    @Test func `an unknown cluster is reported with the known ones`() throws {
        let setting = try Setting()
        defer { setting.stop() }
        do {
            _ = try setting.flush(.cluster("pord"))
            Issue.record("there is no such cluster")
        } catch {
            #expect("\(error)".contains("\"pord\"") && "\(error)".contains("one of: prod"))
        }
    }

    @Test func `a status is unchanged after encoding and decoding`() throws {
        var status = ServerStatus()
        status.version = "1.2.3 \"x\""
        status.uptimeSeconds = 77
        var worker = ServerStatus.Worker()
        worker.questions = 5
        worker.inFlight = 2
        status.workers = [worker, ServerStatus.Worker()]
        status.groups = [
            ServerStatus.Group(
                name: "prod",
                servers: [
                    ServerStatus.Server(
                        address: "[fd00::10]:53", state: "dead", roundTripMicroseconds: 812,
                        lastError: "no answer\nat all")
                ])
        ]
        status.groups[0].map = [.init(inner: "10.244.0.0/16", outer: "10.200.0.0/16")]
        status.groups[0].translatedPackets = 9
        let text = Array(status.json.text().utf8)
        #expect(ServerStatus(json: try JSONReader.read(text)) == status)
        #expect(ServerStatus(json: .null) == ServerStatus(), "what is missing stays empty")
    }
}

/// A server in front of one cluster that is called `prod`, its control socket, and a client of each.
private struct Setting {
    let cluster: CountedUpstream
    let server: DNSServer
    let path: SocketPath
    let control: ControlServer

    init() throws {
        cluster = try CountedUpstream()
        let prod = Cluster(
            key: "prod", dns: [cluster.endpoint], services: [try IPPrefix(parsing: "10.96.0.0/16")])
        var dns = DNSSettings()
        dns.bareDomain = ["prod"]
        dns.cache.size = 4 << 20
        let inventory = Inventory(dns: dns, clusters: [prod])
        let listen = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        server = try DNSServer(
            listen: [listen], policy: ForwardingPolicy(inventory), workers: 2, cacheOctets: 4 << 20)
        try server.start()
        path = try SocketPath()
        let answers = ServerControl(server, version: "1", inventory: inventory)
        control = try ControlServer(path: path.path, tick: answers.tick, respond: answers.answer)
    }

    func stop() {
        control.stop()
        server.stop()
    }

    func ask(_ name: String) throws {
        let client = try DatagramClient(#require(server.boundEndpoints.first))
        #expect(try client.ask(name, id: 7) != nil, "\(name) is answered")
    }

    func flush(_ scope: FlushScope) throws -> Int? {
        try ControlClient.ask(.flush(scope), at: [path.path]).answer["flushed"]?.integer
    }

    /// The status once `isReached`, or the last one: numbers may be a tenth of a second old.
    func status(until isReached: (ServerStatus) -> Bool) throws -> ServerStatus {
        let deadline = MonotonicClock.now.advanced(milliseconds: 2000)
        while true {  // ends at the deadline
            let status = ServerStatus(json: try ControlClient.ask(.status, at: [path.path]).answer)
            if isReached(status) || MonotonicClock.now > deadline { return status }
        }
    }
}

/// A name server on loopback that answers every question and counts them.
private final class CountedUpstream: Sendable {
    private let upstream: TestUpstream
    private let count = Count()
    var endpoint: Endpoint { upstream.endpoint }
    var questions: Int { count.value.load(ordering: .relaxed) }

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    init() throws {
        upstream = try TestUpstream { [count] question, _ in
            count.value.add(1, ordering: .relaxed)
            return [TestMessage.answer(to: question)]
        }
    }
}
