import Foundation
import TestSupport
import Testing

/// A router of ours leads packets to the relay that works: the hosts are
/// `pc - r - lan - relay1, relay2 - wan - n1 - p1`, where `lan` and `wan` are switches.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct FailoverTests {
    @Test func `another relay takes over when one dies, is cut off, or loses its rules`() throws {
        let lab = try Self.lab("fover", answering: [])
        let file = try lab.file("two.yaml", Self.configuration(source: "snat"))
        let before = try lab.snapshot("r")
        for result in try lab.net(each: ["relay1", "relay2"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agent = try RunningAgent(on: "r", of: lab, file: file)
        try agent.waits(forAll: ["relay1", "relay2"].map { "path up path=\"office -> prod via \($0)\"" }, lab)
        try lab.waits(for: stream)

        for (what, command, next) in [
            ("relay dies", "ip -n ${P}relay1 link set lan down; ip -n ${P}relay1 link set dmz down", "relay2"),
            ("cut off", "ip -n ${P}lan link set relay2 down", "relay1"),
            ("rules flushed", "on relay1 nft flush ruleset", "relay2"),
            ("far side cut", "ip -n ${P}wan link set relay2 down", "relay1"),
        ] {
            let other = next == "relay1" ? "relay2" : "relay1"
            try lab.script(command)
            // With the reason, and what to look at, once there is time to find it out.
            try agent.waits(forNew: ["routes moved", "path reason path=\"office -> prod via \(other)\""], lab)
            #expect(agent.lastLine(with: "relay moved").contains(" carries=\(next) "), "\(agent.text)")
            try lab.waits(for: stream)
            print("\(what): no datagram for \(stream.takeGap()) ms; \(agent.lastLine(with: "relay moved"))")
            let reasoned = try lab.net("r", "status --config \(file)")
            #expect(reasoned.output.contains("\(other) is down") && reasoned.output.contains("; fix: "), "\(reasoned.output)")
            try lab.mend(other, file)
            try agent.waits(for: "path up path=\"office -> prod via \(other)\"", lab)
            let status = try lab.net("r", "status --config \(file)")
            #expect(status.code == 0 && status.output.contains("\(next) carries for"), "\(status.output)")
            _ = stream.takeGap()
        }

        // Both at once: the fault is behind them, and no other relay is better.
        try lab.script("ip -n ${P}wan link set n1 down")
        try agent.waits(for: "path down", lab)
        try lab.script("sleep 2; ip -n ${P}wan link set n1 up")
        try lab.waits(for: stream)
        try lab.script("sleep 1")
        #expect(agent.lastLine(with: "relay moved").contains(" carries=relay1 "), "\(agent.text)")

        // A dead agent changes nothing, and the next one goes on where it ended.
        try agent.kill()
        #expect(try lab.on("r", "ip route show 10.32.0.0/16").output.contains("via 10.14.0.61"), "\(agent.text)")
        try lab.script("ip -n ${P}wan link set relay1 down")
        let next = try RunningAgent(on: "r", of: lab, file: file)
        try next.waits(for: "routes moved", lab)
        try lab.waits(for: stream)
        #expect(try next.end().contains("stopped"))
        #expect(try lab.on("r", "ip route show 10.32.0.0/16").output.contains("via 10.14.0.62"))
        let apply = try lab.net("r", "apply --config \(file)")
        #expect(apply.code == 0 && apply.output.hasSuffix("nothing to do\n"), "\(apply.output)")
        #expect(try lab.net("r", "remove").code == 0)
        #expect(try lab.snapshot("r") == before)
    }

    @Test func `lost probes and an own link that is cut move nothing, and two relays that die at once move back alike`() throws {
        let lab = try Self.lab("fstay", answering: [])
        let file = try lab.file("two.yaml", Self.configuration(source: "snat"))
        for result in try lab.net(each: ["relay1", "relay2"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agent = try RunningAgent(on: "r", of: lab, file: file)
        try agent.waits(forAll: ["relay1", "relay2"].map { "path up path=\"office -> prod via \($0)\"" }, lab)
        try lab.waits(for: stream)

        // Of all packets of probes one in five is lost, each way.
        let lost = "tcp dport \(Stream.port) numgen random mod 100 < 20 counter drop"
        let back = "tcp sport \(Stream.port) numgen random mod 100 < 20 counter drop"
        try lab.script(
            """
            on r nft 'table inet loss { chain o { type filter hook output priority 0; \(lost); }; chain i { \
                type filter hook input priority 0; \(back); }; }'
            sleep 30
            """)
        let counters = try lab.on("r", "nft list table inet loss").output
        #expect(!counters.contains("packets 0 "), "\(counters)")
        try lab.script("on r nft delete table inet loss")
        #expect(!agent.text.contains("path down") && !agent.text.contains("relay moved"), "\(agent.text)")

        // The link of this host: nothing is known of the relays, and nothing moves.
        try lab.script("ip -n ${P}r link set lan down")
        try agent.waits(for: "path unknown", lab)
        try lab.script("sleep 3; ip -n ${P}r link set lan up")
        try agent.waits(for: "path up", lab)
        try lab.waits(for: stream)
        #expect(!agent.text.contains("path down") && !agent.text.contains("relay moved"), "\(agent.text)")

        // Two die at once, and the second one comes back first.
        try lab.script("ip -n ${P}lan link set relay1 down; ip -n ${P}lan link set relay2 down")
        try agent.waits(forNew: ["relay1", "relay2"].map { "path down path=\"office -> prod via \($0)\"" }, lab)
        try lab.script("ip -n ${P}lan link set relay2 up")
        // It may have been chosen already, between the two verdicts.
        try lab.waits(for: stream)
        #expect(agent.lastLine(with: "relay moved").contains(" carries=relay2 "), "\(agent.text)")
        print("two die at once, one is back: \(agent.lastLine(with: "relay moved"))")
        #expect(try agent.end().contains("stopped"))
    }

    /// Sources are translated, so that connections would end if they moved.
    @Test func `a drained relay keeps its connections and gets no new ones`() throws {
        let lab = try Self.lab("fdrain", answering: ["p1"])
        let file = try lab.file("two.yaml", Self.configuration(source: "snat"))
        for result in try lab.net(each: ["relay1", "relay2"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agent = try RunningAgent(on: "r", of: lab, file: file)
        try agent.waits(forAll: ["relay1", "relay2"].map { "path up path=\"office -> prod via \($0)\"" }, lab)
        try lab.waits(for: stream)
        let held = try HeldConnections(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        #expect(held.exchange(serverFirst: false) == HeldConnections.count)
        let probe = Probe(host: "pc", address: "10.32.1.10")
        #expect(try lab.probe([probe]).allSatisfy { $0.outcome.isWhole(from: ["192.168.10.1"]) })

        #expect(try lab.net("r", "drain gone --config \(file)").code == 2)
        let drain = try lab.net("r", "drain relay1 --config \(file)")
        #expect(drain.code == 0 && drain.output.contains("relay1 gets no new connections, "), "\(drain.output)")
        for serverFirst in [false, true] {
            let alive = held.exchange(serverFirst: serverFirst)
            #expect(alive == HeldConnections.count, "\(alive)")
        }
        #expect(try lab.probe([probe]).allSatisfy { $0.outcome.isWhole(from: ["192.168.10.2"]) })
        let again = try lab.net("r", "drain relay1 --config \(file) --wait 1s")
        #expect(again.code == 1 && again.output.contains("\(HeldConnections.count) are left"), "\(again.output)")

        // It holds for the next agent as well.
        #expect(try agent.end().contains("stopped"))
        let next = try RunningAgent(on: "r", of: lab, file: file)
        try next.waits(forAll: ["relay1", "relay2"].map { "path up path=\"office -> prod via \($0)\"" }, lab)
        let status = try lab.net("r", "status --config \(file)")
        #expect(status.output.contains("relay2 carries") && status.output.contains("relay1 is drained for"), "\(status.output)")
        #expect(held.exchange(serverFirst: false) == HeldConnections.count)

        // Undrained it is there again when the other one dies.
        #expect(try lab.net("r", "undrain relay1 --config \(file)").output.contains("may carry again"))
        try lab.script("ip -n ${P}relay2 link set lan down")
        try next.waits(for: "routes moved", lab)
        #expect(next.lastLine(with: "relay moved").contains(" carries=relay1 "), "\(next.text)")
        #expect(held.exchange(serverFirst: false) == HeldConnections.count)
        _ = try next.end()
        #expect(try lab.net("r", "remove").code == 0)
    }

    /// The router and the cluster's node each choose by themselves; the relays keep nothing that the other one needs.
    @Test func `connections whose source is kept live on when their relay dies`() throws {
        let lab = try Self.lab("fkeep", answering: ["p1"])
        let file = try lab.file("keep.yaml", Self.configuration(source: "keep"))
        for result in try lab.net(each: ["relay1", "relay2"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let agents = try ["r", "n1"].map { try RunningAgent(on: $0, of: lab, file: file) }
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.200.1.10")
        for (agent, ends) in zip(agents, ["office -> prod", "prod -> office"]) {
            try agent.waits(forAll: ["relay1", "relay2"].map { "path up path=\"\(ends) via \($0)\"" }, lab)
        }
        try lab.waits(for: stream)
        let held = try HeldConnections(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.200.1.10")
        #expect(held.exchange(serverFirst: false) == HeldConnections.count)
        // A relay that is cut off from the office alone still answers the node, and one whose far side is cut the router.
        let both = "link set lan down; ip -n ${P}relay1 link set dmz down"
        for (what, dies, next, serverFirst) in [
            ("ip -n ${P}relay1 \(both)", "relay1", "relay2", false),
            ("ip -n ${P}lan link set relay2 down", "relay2", "relay1", true),
            ("ip -n ${P}wan link set relay1 down", "relay1", "relay2", true),
        ] {
            _ = stream.takeGap()
            try lab.script(what)
            for agent in agents {
                try agent.waits(for: "routes moved", lab)
                #expect(agent.lastLine(with: "relay moved").contains(" carries=\(next) "), "\(agent.text)")
            }
            try lab.waits(for: stream)
            print("\(what), sources kept: no datagram for \(stream.takeGap()) ms")
            let alive = held.exchange(serverFirst: serverFirst)
            #expect(alive == HeldConnections.count, "\(alive) live on after \(what)")
            try lab.mend(dies, file)
            try agents[0].waits(for: "path up path=\"office -> prod via \(dies)\"", lab)
            try agents[1].waits(for: "path up path=\"prod -> office via \(dies)\"", lab)
        }
        for agent in agents { _ = try agent.end() }
    }

    // MARK: - The network

    static func lab(_ name: String, answering: [String]) throws -> Lab {
        try Lab(
            name, hosts: ["pc", "r", "lan", "relay1", "relay2", "wan", "n1", "p1"],
            script: """
                for b in lan wan; do ip -n $P$b link add br0 type bridge; ip -n $P$b link set br0 up; done
                port() { wire $1 $2 $3 $1; ip -n $P$3 link set $1 master br0; }
                wire pc eth0 r office; port r lan lan
                for h in relay1 relay2; do port $h lan lan; port $h dmz wan; done
                port n1 eth0 wan
                address pc eth0 172.16.0.100/18; address r office 172.16.0.1/18; address r lan 10.14.0.1/24
                address n1 eth0 192.168.10.11/24; forward r office lan; forward n1 eth0
                for i in 1 2; do
                    address relay$i lan 10.14.0.6$i/24; address relay$i dmz 192.168.10.$i/24
                    ip -n ${P}relay$i route add 172.16.0.0/18 via 10.14.0.1
                done
                ip -n ${P}pc route add default via 172.16.0.1
                pod n1 p1 10.32.1.1 10.32.1.10

                """, answering: answering, nesting: ["relay1", "relay2"])
    }

    static func configuration(source: String, path: String = "", isShared: Bool = false) -> String {
        let isKept = source == "keep"
        let target = isKept ? "10.200.1.10" : "10.32.1.10"
        return RelayOffice(
            cluster: isKept ? ["map: { 10.32.0.0/16: 10.200.0.0/16 }"] : [],
            path: [
                "relays: [{ host: relay1, priority: \(isShared ? 100 : 200) }, relay2]", "source: \(source)",
                "probe: { hold: 1s, targets: [\"\(target):\(Stream.port)\"] }", path,
            ]
        ).yaml
    }
}

extension Lab {
    /// Waits until datagrams come through.
    func waits(for stream: Stream, seconds: Int = 20) throws {
        for _ in 0..<seconds * 50 {
            if stream.flows { return }
            Thread.sleep(forTimeInterval: 0.02)
        }
        throw LabFailure(text: "no datagrams come through")
    }

    /// Brings a relay of `FailoverTests` back to what it was.
    func mend(_ relay: String, _ file: String) throws {
        let number = relay.suffix(1)
        try script(
            """
            for d in lan dmz; do ip -n ${P}\(relay) link set $d up; done
            for b in lan wan; do ip -n $P$b link set \(relay) up; done
            ip -n ${P}\(relay) route replace 172.16.0.0/18 via 10.14.0.1
            ip -n ${P}\(relay) addr replace 10.14.0.6\(number)/24 dev lan
            """)
        let result = try net(relay, "apply --config \(file)")
        #expect(result.code == 0, "\(result.output)")
    }
}
