import DNSServer
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import Telemetry
import TestSupport
import Testing
import Time

@testable import AdminServer
@testable import Forwarding

/// What `status` says of causes that lie in no cluster: a shortage on this host, and answers that may be forged.
@Suite struct SymptomTests {
    @Test(arguments: [
        (LocalFailure.descriptors, "LimitNOFILE="), (.memory, "MemoryMax="), (.ports, "ip_local_port_range"),
        (.firewall, "nft list ruleset"),
    ])
    func `a shortage is a problem with its cause, its age and a remedy`(failure: LocalFailure, remedy: String) throws {
        let (control, server) = try control(of: TestUpstream())
        #expect(control.status.troubles == [])
        let start = MonotonicClock.now.advanced(milliseconds: -125_000)
        for step in 0..<3 {
            let time = start.advanced(milliseconds: 60_000 * step)
            server.board.shortages.note(failure, for: server.policy.servers[0], at: time)
        }
        let problem = try #require(control.status.troubles.first)
        #expect(control.status.troubles.count == 1)
        for part in ["3 times in 2 min 5 s", "\(server.policy.servers[0]) 5 s ago", remedy] {
            #expect(problem.contains(part), "\(part) is missing in: \(problem)")
        }
        #expect(control.metrics.contains("namebridge_local_shortages_total{reason=\"\(failure.label)\"} 3\n"))
        let shown = ServerStatus(json: try JSONReader.read(Array(control.status.json.text().utf8)))
        #expect(shown.troubles == [problem], "the command shows it as well")
    }

    @Test func `a shortage of clients' connections names no server`() throws {
        let (control, server) = try control(of: TestUpstream())
        server.board.shortages.note(.descriptors, for: nil, at: MonotonicClock.now)
        #expect(control.status.troubles.first?.contains("once in") == true)
        #expect(control.status.troubles.first?.contains("client's connection") == true)
    }

    @Test func `a shortage is over five minutes after it was last met, and its metric stays`() throws {
        let (control, server) = try control(of: TestUpstream())
        server.board.shortages.note(.memory, for: nil, at: MonotonicClock.now.advanced(milliseconds: -301_000))
        #expect(control.status.troubles == [])
        #expect(control.metrics.contains("namebridge_local_shortages_total{reason=\"memory\"} 1\n"))
    }

    @Test func `a buffer that is full for a moment is counted, and no problem`() throws {
        let (control, server) = try control(of: TestUpstream())
        server.board.shortages.note(.buffer, for: nil, at: MonotonicClock.now)
        #expect(control.status.troubles == [] && control.status.shortages.count == 1)
    }

    @Test func `what was short is known after a reload`() throws {
        let (control, server) = try control(of: TestUpstream())
        try server.start()
        defer { server.stop() }
        server.board.shortages.note(.ports, for: nil, at: MonotonicClock.now)
        let inventory = Inventory(clusters: [Cluster(key: "other", dns: [Self.any])])
        _ = try server.replace(
            DNSServerChange(
                listen: [Self.any], policy: ForwardingPolicy(inventory, after: server.policy),
                settings: DNSServerSettings(), cookieSecrets: []))
        #expect(control.status.troubles.count { $0.contains("local ports") } == 1)
    }

    // MARK: - Answers that match no question

    @Test func `answers that match no question are a problem that names the server`() throws {
        let doubling = try TestUpstream { question, _ in
            Array(repeating: TestMessage.answer(to: question), count: 8)
        }
        let (control, server) = try control(of: doubling)
        try server.start()
        defer { server.stop() }
        let client = try DatagramClient(#require(server.boundEndpoints.first))
        for number in 0..<4 { #expect(try client.ask("a\(number).shop.svc.c0.cluster.local", id: 7) != nil) }
        let problem = try #require(try wait(for: control).first)
        for part in ["that match no question", "\(doubling.endpoint)", "forged", "twice", "tcpdump"] {
            #expect(problem.contains(part), "\(part) is missing in: \(problem)")
        }
        let shown = ServerStatus(json: try JSONReader.read(Array(control.status.json.text().utf8)))
        #expect(shown.troubles.count == 1, "the command shows it as well")
        #expect(control.metrics.contains("namebridge_answers_unmatched_total{cluster=\"c0\""))
    }

    @Test(arguments: [
        ([0, 5, 0, 5], 0, "one a second may be a resend"), ([0, 5, 6, 5], 6, "above it they count"),
        ([40, 0, 50, 0], 90, "of one run"),
    ])
    func `only a rate of answers that match no question is one`(counts: [Int], total: Int, reason: String) {
        let start = MonotonicTime(nanoseconds: 0)
        var history = StatusHistory(start: start)
        let policy = ForwardingPolicy(Inventory())
        var worker = WorkerStatistics()
        for (step, count) in counts.enumerated() {
            worker.engine.unmatched += count
            let now = start.advanced(milliseconds: 5_000 * (step + 1))
            history.tick(ServerStatistics(workers: [worker], policy: policy), at: now)
        }
        let now = start.advanced(milliseconds: 5_000 * (counts.count + 1))
        let sample = StatusHistory.Sample(ServerStatistics(workers: [worker], policy: policy), at: now)
        #expect(history.unmatched(upTo: sample).count == total, "\(reason)")
    }

    /// The problems once there are any: numbers are up to a tenth of a second old.
    private func wait(for control: ServerControl) throws -> [String] {
        for _ in 0..<200 {
            let troubles = control.status.troubles
            guard troubles.isEmpty else { return troubles }
            try Self.pause()
        }
        return []
    }

    private static func pause() throws {
        var events = EpollEvents(capacity: 1)
        _ = try Epoll().wait(into: &events, milliseconds: 20)
    }

    private static let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)

    /// A server in front of one cluster.
    private func control(of upstream: TestUpstream) throws -> (ServerControl, DNSServer) {
        let inventory = Inventory(clusters: [Cluster(key: "c0", dns: [upstream.endpoint])])
        let server = try DNSServer(listen: [Self.any], policy: ForwardingPolicy(inventory), workers: 1)
        return (
            ServerControl(server, version: "1", inventory: inventory, reports: HostReports(agentFile: "/nonexistent")), server
        )
    }
}
