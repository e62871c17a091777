import Diagnosis
import DomainNames
import IPAddressing
import Testing

/// What is made of a forwarder's sockets and of its host.
@Suite struct ForwarderTests {
    private static func listener(
        _ text: String, _ holders: [ForwarderObservation.Holder]
    ) throws -> ForwarderObservation.Listener {
        let endpoint = try #require(Endpoint(text, defaultPort: 53))
        return ForwarderObservation.Listener(
            endpoint: endpoint, datagrams: holders, streams: holders, answers: ServerObservation(server: endpoint))
    }

    private static func holder(_ text: String, _ name: String?) throws -> ForwarderObservation.Holder {
        ForwarderObservation.Holder(
            endpoint: try #require(Endpoint(text, defaultPort: 53)), process: name == nil ? nil : 7, name: name,
            isOurs: name == "namebridge")
    }

    @Test(arguments: [
        ("systemd-resolve", "127.0.0.53", "DNSStubListener=no"), ("dnsmasq", "0.0.0.0", "port=0  # no DNS; DHCP stays"),
        ("unbound", "127.0.0.1", "    port: 5353"), ("named", "127.0.0.1", "listen-on port 5353 { 127.0.0.1; };"),
    ])
    func `the holder of port 53 is reported with how to free it`(name: String, address: String, line: String) throws {
        var seen = ForwarderObservation()
        seen.listeners = [try Self.listener("0.0.0.0", [Self.holder(address, name)])]
        let finding = try #require(ForwarderDiagnosis(seen).findings.first)
        #expect(finding.severity == .problem && finding.summary.contains("\(name) (process 7)"))
        #expect(finding.remedies.flatMap(\.lines).contains(line), "\(finding.remedies)")
    }

    @Test(arguments: [
        ("10.96.0.10", "no answer in time", true), ("10.96.0.10", "connection refused", false),
        ("172.17.0.1:30053", "no answer in time", false),
    ])
    func `a ClusterIP that is not reached has what lets the cluster answer elsewhere`(
        server: String, reason: String, isTold: Bool
    ) throws {
        let endpoint = try #require(Endpoint(server, defaultPort: 53))
        let findings = Finding.ofDeadServer(
            endpoint, cluster: "prod", domain: try DomainName(parsing: "cluster.local"), reason: reason)
        let lines = findings.flatMap(\.remedies).flatMap(\.lines)
        #expect(lines.contains("kubectl apply -f /usr/share/namebridge/dns-outside.yaml") == isTold, "\(findings)")
    }

    @Test func `a path that is down has its reason and what mends it`() throws {
        var seen = ForwarderObservation()
        seen.host.downPaths = [
            ForwarderObservation.DownPath(
                name: "office -> prod via relay1", cause: "no answer from 10.96.0.10:53",
                reason: "the host does not forward packets (FORWARDING_OFF) at relay1", fix: "namebridge net apply on relay1"),
            ForwarderObservation.DownPath(name: "lab -> prod", cause: "no answer", reason: "", fix: ""),
        ]
        let findings = ForwarderDiagnosis(seen).findings.filter { $0.check == .path }
        #expect(findings.map(\.severity) == [.problem, .problem])
        #expect(findings[0].meaning.contains("FORWARDING_OFF") && findings[0].summary.contains("no answer from 10.96.0.10:53"))
        #expect(findings[0].remedies.map(\.file) == ["namebridge net apply on relay1"])
        #expect(findings[1].remedies.isEmpty)
    }

    @Test func `a process that is hidden still has the port`() throws {
        var seen = ForwarderObservation()
        seen.listeners = [try Self.listener("127.0.0.1", [Self.holder("127.0.0.1", nil)])]
        let finding = try #require(ForwarderDiagnosis(seen).findings.first)
        #expect(finding.severity == .problem && finding.summary.contains("only root can see"))
    }

    @Test func `answers show what a user without root cannot read`() throws {
        var seen = ForwarderObservation()
        seen.listeners = [try Self.listener("127.0.0.1", [Self.holder("127.0.0.1", nil)])]
        func finding(_ rcode: Int) throws -> Finding {
            var answer = ProbeAnswer()
            answer.rcode = rcode
            for probe in [Probe.zone, .zoneOverTCP] { seen.listeners[0].answers.outcomes[probe] = .answer(answer) }
            return try #require(ForwarderDiagnosis(seen).findings.first)
        }
        #expect(try finding(0).severity == .ok)
        #expect(try finding(ProbeAnswer.serverFailure).severity == .warning)
    }

    @Test(arguments: [(0, Finding.Severity.ok), (ProbeAnswer.serverFailure, .warning), (ProbeAnswer.refused, .problem)])
    func `the servers of dns_upstream are looked at`(rcode: Int, severity: Finding.Severity) throws {
        var seen = ForwarderObservation()
        var answer = ProbeAnswer()
        answer.rcode = rcode
        answer.hasEDNS = true
        let outcomes = Dictionary(
            uniqueKeysWithValues: [Probe.zone, .zonePlain, .zoneOverTCP].map {
                ($0, ProbeOutcome.answer(answer))
            })
        let server = Endpoint(address: try #require(IPAddress("172.16.1.1")), port: 53)
        seen.upstream = [ServerObservation(server: server, outcomes: outcomes)]
        #expect(ForwarderDiagnosis(seen).findings.map(\.severity) == [severity])
        seen.upstream[0].outcomes = outcomes.mapValues { _ in .silence }
        #expect(ForwarderDiagnosis(seen).findings.first?.severity == .problem)
    }

    @Test func `a server that is asked at an outer address is shown with the inner one`() throws {
        let servers = [
            ServerObservation(
                server: try #require(Endpoint("10.208.0.10", defaultPort: 53)),
                innerAddress: IPAddress("10.96.0.10")),
            ServerObservation(server: try #require(Endpoint("10.96.0.10", defaultPort: 53))),
        ]
        var seen = ForwarderObservation()
        seen.clusters = [ForwarderObservation.ClusterServers(key: "prod", domain: "cluster.local", servers: servers)]
        #expect(
            ForwarderDiagnosis(seen).findings.map(\.subject) == [
                "cluster prod, server 10.208.0.10:53 (10.96.0.10 inside)", "cluster prod, server 10.96.0.10:53",
            ])
    }

    @Test func `others at addresses of their own do no harm`() throws {
        var seen = ForwarderObservation()
        let holders = [try Self.holder("0.0.0.0", "namebridge"), try Self.holder("192.168.122.1", "dnsmasq")]
        seen.listeners = [try Self.listener("0.0.0.0", holders)]
        let finding = try #require(ForwarderDiagnosis(seen).findings.first)
        #expect(finding.severity == .ok && finding.summary.contains("192.168.122.1 belongs to others"))
    }

    @Test(arguments: [
        (100, 262_144, Finding.Severity.ok), (209_715, 262_144, .ok), (209_716, 262_144, .warning),
        (249_036, 262_144, .warning), (262_144, 262_144, .problem),
    ])
    func `the connection table warns from four fifths on`(count: Int, limit: Int, severity: Finding.Severity) {
        var seen = ForwarderObservation()
        seen.host.trackedConnections = count
        seen.host.trackedLimit = limit
        #expect(ForwarderDiagnosis(seen).findings.map(\.severity) == [severity])
    }

    @Test func `routes that are off are a problem, and unread ones a warning`() {
        var seen = ForwarderObservation()
        seen.host.networkName = "prod/relay1"
        seen.host.networkObjects = 7
        seen.host.networkFaults = ["missing: route 172.17.33.0/24 via 172.17.14.11 proto 78"]
        var finding = ForwarderDiagnosis(seen).findings.first
        #expect(finding?.severity == .problem && finding?.remedies.first?.command == "namebridge net apply")
        seen.host.networkObstacle = "only root may do that"
        finding = ForwarderDiagnosis(seen).findings.first
        #expect(finding?.severity == .warning)
    }

    @Test func `dropped packets and few descriptors are reported where they matter`() {
        var seen = ForwarderObservation()
        seen.host.reversePathDrops = 12
        #expect(ForwarderDiagnosis(seen).findings.isEmpty, "no path goes through this host")
        seen.host.networkName = "prod/relay1"
        seen.host.descriptorLimit = 1024
        #expect(ForwarderDiagnosis(seen).findings.map(\.severity) == [.ok, .warning, .warning])
    }
}
