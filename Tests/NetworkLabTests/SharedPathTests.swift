import Foundation
import Testing

/// Relays that carry together, in the network of `FailoverTests`: sources are translated, so that each connection
/// that is led to another relay ends.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "ss", "socat")), .serialized) struct SharedPathTests {
    @Test func `a relay that leaves takes its own connections alone, and one that joins takes none`() throws {
        let lab = try FailoverTests.lab("fshare", answering: ["p1"])
        let file = try lab.file("two.yaml", FailoverTests.configuration(source: "snat", isShared: true))
        let before = try lab.snapshot("r")
        for result in try lab.net(each: ["relay1", "relay2"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agent = try RunningAgent(on: "r", of: lab, file: file)
        try agent.waits(for: "routes moved", lab)
        #expect(agent.lastLine(with: "relay moved").contains(" carries=relay1,relay2 "), "\(agent.text)")
        try lab.waits(for: stream)
        let objects = try lab.on("r", "ip nexthop").output
        #expect(objects.contains("type resilient buckets 1024 idle_timer 60"), "\(objects)")
        try lab.explains(by: file, sources: ["192.168.10.1", "192.168.10.2"])
        let held = try HeldConnections(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        #expect(held.exchange(serverFirst: false) == HeldConnections.count)
        let own = try Self.connections(lab, by: 2)
        #expect(own > 40 && own < 160, "\(own) of \(HeldConnections.count) have relay 2")

        let routes = try lab.on("r", "ip route show proto 78").output
        try lab.script("ip -n ${P}relay1 link set lan down; ip -n ${P}relay1 link set dmz down")
        try agent.waits(for: "routes moved", lab)
        try lab.waits(for: stream)
        let alive = held.exchange(serverFirst: false, milliseconds: 1_500)
        #expect(alive == own, "\(alive) of the \(own) of relay 2 live on after relay 1 has died")
        print("one of two relays that share a path dies: \(alive) of \(own) connections of the other one live on")

        try lab.explains(by: file, sources: ["192.168.10.2"])
        try lab.mend("relay1", file)
        try agent.waits(for: "routes moved", lab)
        #expect(agent.lastLine(with: "relay moved").contains(" carries=relay1,relay2 "), "\(agent.text)")
        #expect(
            try lab.on("r", "ip route show proto 78").output.split(separator: "\n").first == routes.split(separator: "\n").first)
        let still = held.exchange(serverFirst: true, milliseconds: 1_500)
        #expect(still == own, "\(still) of the \(own) of relay 2 live on after relay 1 is back")
        let new = try lab.newConnections(to: "10.32.1.10", by: 1)
        #expect(new > 5, "\(new) of 40 new connections reach relay 1")

        // What another program takes away comes back.
        try lab.script("on r ip nexthop flush proto 78")
        try agent.waits(for: "put back", lab)
        try lab.waits(for: stream)
        #expect(try lab.on("r", "ip nexthop").output.contains("resilient"))
        let status = try lab.net("r", "status --config \(file)")
        #expect(status.code == 0 && status.output.contains("nexthop id 781"), "\(status.output)")
        #expect(try agent.end().contains("stopped"))
        #expect(try lab.net("r", "remove").code == 0)
        #expect(try lab.snapshot("r") == before)
    }

    /// How many held connections the pod sees from a relay.
    private static func connections(_ lab: Lab, by relay: Int) throws -> Int {
        let result = try lab.on("p1", "ss -Htn state established sport = :9600 dst 192.168.10.\(relay)")
        return result.output.split(separator: "\n").count
    }
}

extension Lab {
    /// What `explain` says of a packet from the office to the pod: it goes by the group of next hops, and arrives from
    /// these relays, one of which a real packet shows.
    fileprivate func explains(by file: String, sources: [String]) throws {
        try observe(["r", "relay1", "relay2", "n1"])
        let probe = Probe(host: "pc", address: "10.32.1.10")
        let said = try explain(probe, by: file)
        #expect(said.verdict == "reachable" && said.sources.sorted() == sources, "\(said)")
        let text = try on("pc", "\(Shell.program) explain 172.16.0.100 10.32.1.10 --config \(file) --state \(path("observed"))")
        #expect(text.output.contains("by nexthop 781"), "\(text.output)")
        let seen = try #require(try self.probe([probe]).first?.outcome.tcp)
        #expect(sources.contains(seen), "\(seen)")
    }

    /// Opens 40 connections, and counts those that the pod sees from a relay.
    fileprivate func newConnections(to address: String, by relay: Int) throws -> Int {
        let text = try script(
            """
            on p1 socat TCP-LISTEN:9650,fork,reuseaddr,backlog=64 PIPE </dev/null >/dev/null 2>&1 &
            sleep 0.3
            on pc bash -c 'for i in {10..49}; do eval "exec $i<>/dev/tcp/\(address)/9650"; done; sleep 2' &
            held=$!
            sleep 1
            on p1 ss -Htn state established sport = :9650 dst 192.168.10.\(relay) | wc -l
            wait $held
            """)
        return Int(text.filter(\.isNumber)) ?? 0
    }
}
