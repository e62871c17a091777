import DNSServer
import IPAddressing
import Inventory
import Testing

@testable import AdminServer
@testable import Forwarding

/// What `/metrics` says of the name servers.
@Suite struct ServerMetricsTests {
    @Test(
        arguments: [
            (#"m{path="office -> prod"} 1"#, true), (#"m{cluster="dev"} 1"#, false),
            (#"m{reason="a \\",cluster="prod"} 1"#, true), (#"m{reason="\"a\\\"",cluster="prod"} 1"#, true),
            (#"m{reason="no \"",cluster="prod"} 1"#, true), (#"m{reason="no \"",prod="dev"} 1"#, false),
            (#"m{reason="of \"prod\""} 1"#, true), (#"# HELP prod "prod""#, false),
        ])
    func `a line about a hidden cluster is found, whatever its labels hold`(line: String, isAbout: Bool) {
        #expect(line[...].namesCluster(of: ["prod"]) == isAbout)
    }

    @Test func `a server that was never asked has its metrics`() throws {
        let (control, server) = try control(of: 2)
        server.board.servers[1].markDead("no answer")
        let lines = Set(control.metrics.split(separator: "\n"))
        #expect(lines.contains(#"namebridge_server_up{cluster="c0",server="10.0.0.0:53"} 1"#))
        #expect(lines.contains(#"namebridge_server_up{cluster="c1",server="10.0.0.1:53"} 0"#))
        let questions = #"namebridge_server_questions_total{cluster="c1",server="10.0.0.1:53",transport="udp"} 0"#
        #expect(lines.contains(Substring(questions)))
        #expect(lines.contains(#"namebridge_lookup_seconds_count{cluster="c0"} 0"#))
    }

    @Test func `a removed server disappears, whatever the workers reported last`() throws {
        let (control, server) = try control(of: 2)
        try server.start()
        defer { server.stop() }
        let policy = ForwardingPolicy(inventory(of: 1), after: server.policy)
        _ = try server.replace(
            DNSServerChange(
                listen: [Self.any], policy: policy, settings: DNSServerSettings(), cookieSecrets: []))
        #expect(!control.metrics.contains("c1"))
        #expect(control.metrics.contains(#"namebridge_server_up{cluster="c0",server="10.0.0.0:53"}"#))
    }

    @Test func `a page of 2,000 clusters has a state of each and stays small`() throws {
        let (control, server) = try control(of: 2_000)
        server.board.servers[1_234].markDead("no answer")
        let metrics = control.metrics
        #expect(metrics.utf8.count < 2 << 20)
        let lines = metrics.split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("namebridge_server_up{") } == 2_000)
        #expect(lines.contains(#"namebridge_server_up{cluster="c1234",server="10.0.4.210:53"} 0"#))
        #expect(lines.contains(#"namebridge_server_answer_seconds_count{cluster="",server=""} 0"#))
    }

    private static let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)

    private func control(of count: Int) throws -> (ServerControl, DNSServer) {
        let inventory = inventory(of: count)
        let server = try DNSServer(listen: [Self.any], policy: ForwardingPolicy(inventory), workers: 2)
        return (ServerControl(server, version: "1", inventory: inventory), server)
    }

    private func inventory(of count: Int) -> Inventory {
        Inventory(
            clusters: (0..<count).map { number in
                let server = Endpoint(address: IPAddress(v4: 0x0A00_0000 | UInt32(number)), port: 53)
                return Cluster(key: "c\(number)", dns: [server])
            })
    }
}
