import Foundation
import Testing

/// Relays that are announced by BIRD or FRR, or have a virtual address by keepalived, while their agents say that they
/// work; the network is that of `FailoverTests`.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare")), .serialized) struct AnnouncementTests {
    @Test(.enabled(if: Lab.has("bird") && Daemons.hasFRR))
    func `the router follows what BIRD on one relay and FRR on the other announce`() throws {
        let lab = try FailoverTests.lab("fbgp", answering: [])
        let file = try lab.file("bgp.yaml", FailoverTests.configuration(source: "snat", path: "failover: bgp"))
        #expect(try lab.net("r", "apply --config \(file)").code == 0)
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agents = try ["relay1", "relay2"].map { try RunningAgent(on: $0, of: lab, file: file) }
        for agent in agents { try agent.waits(for: "path announced", lab) }
        for (host, format) in [("r", "bird"), ("relay1", "bird"), ("relay2", "frr")] {
            let rendered = try lab.net("pc", "render --config \(file) --host \(host) --format \(format)")
            #expect(rendered.code == 0, "\(rendered.output)")
            let path = try lab.file("\(host).conf", rendered.output)
            try lab.startDaemon(format, on: host, path)
        }
        try lab.waits(for: stream, seconds: 40)
        try lab.waitsForRoute(via: "10.14.0.61")

        func measure(_ what: String, _ command: String, via: String) throws {
            _ = stream.takeGap()
            try lab.script(command)
            try lab.waitsForRoute(via: via)
            try lab.waits(for: stream)
            print("bgp, \(what): no datagram for \(stream.takeGap()) ms")
        }
        try measure("far side of relay1 cut", "ip -n ${P}wan link set relay1 down", via: "10.14.0.62")
        try measure("relay1 back", "ip -n ${P}wan link set relay1 up", via: "10.14.0.61")
        try measure("relay1 cut off", "ip -n ${P}lan link set relay1 down", via: "10.14.0.62")
        try measure("relay1 back", "ip -n ${P}lan link set relay1 up", via: "10.14.0.61")
        let drain = try lab.net("relay1", "drain relay1 --config \(file)")
        #expect(drain.code == 0, "\(drain.output)")
        #expect(try lab.on("relay1", "ip route show table 78").output.isEmpty, "\(drain.output)")
        // The agent of this host does not lead packets to the other one.
        #expect(try lab.net("relay1", "drain office/relay2 --config \(file)").code == 1)
        #expect(try lab.net("relay1", "undrain relay2 --config \(file)").output.contains("may carry again"))
        try measure("relay1 drained", "true", via: "10.14.0.62")
        #expect(try lab.net("relay1", "undrain relay1 --config \(file)").code == 0)
        try lab.waitsForRoute(via: "10.14.0.61")

        try lab.expectsNothingWithdrawnWhileConntrackHangs(agents[0])
        // Nothing announced outlives the agent: hung, killed, or ended in order.
        let hung = agents[0].process.processIdentifier
        try measure("agent of relay1 hangs", "kill -STOP \(hung)", via: "10.14.0.62")
        try measure("agent of relay1 goes on", "kill -CONT \(hung)", via: "10.14.0.61")
        try measure("agent of relay1 killed", "kill -KILL \(hung)", via: "10.14.0.62")
        let next = try RunningAgent(on: "relay1", of: lab, file: file)
        try lab.waitsForRoute(via: "10.14.0.61")
        #expect(try next.end().contains("stopped"))
        try lab.waitsForRoute(via: "10.14.0.62")
        #expect(try lab.on("relay1", "ip route show table 78").output.isEmpty)

        // Nor does what FRR announces, nor a host that vanishes with all that runs there.
        try agents[1].kill()
        try lab.waitsForRoute(via: nil)
        let last = try RunningAgent(on: "relay1", of: lab, file: file)
        try lab.waitsForRoute(via: "10.14.0.61")
        let pid = last.process.processIdentifier
        try lab.script("kill -STOP \(pid) $(cat $F/run-relay1/pid); ip -n ${P}lan link set relay1 down")
        try lab.waitsForRoute(via: nil)
        try lab.script("kill -CONT \(pid)")
        _ = try last.end()
    }

    @Test(.enabled(if: Lab.has("keepalived")))
    func `keepalived gives the virtual address to a relay that works`() throws {
        let lab = try FailoverTests.lab("fvrrp", answering: [])
        let file = try lab.file(
            "vrrp.yaml",
            FailoverTests.configuration(
                source: "snat", path: "failover: vrrp\n    vrrp: { id: 78, address: 10.14.0.60, interface: lan }"))
        #expect(try lab.net("r", "apply --config \(file)").code == 0)
        #expect(try lab.on("r", "ip route show 10.32.0.0/16").output.contains("via 10.14.0.60"))
        let stream = try Stream(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.32.1.10")
        let agents = try ["relay1", "relay2"].map { try RunningAgent(on: $0, of: lab, file: file) }
        for (agent, relay) in zip(agents, ["relay1", "relay2"]) {
            try agent.waits(for: "path up", lab)
            let health = try lab.net(relay, "health office/prod")
            #expect(health.code == 0, "\(health.output)")
            let rendered = try lab.net("pc", "render --config \(file) --host \(relay) --format keepalived")
            try lab.startKeepalived(on: relay, rendered.output)
        }
        try lab.waits(for: stream, seconds: 40)
        for (what, command, holder) in [
            ("far side of relay1 cut", "ip -n ${P}wan link set relay1 down", "relay2"),
            ("relay2 cut off", "ip -n ${P}wan link set relay1 up; sleep 8; ip -n ${P}lan link set relay2 down", "relay1"),
        ] {
            _ = stream.takeGap()
            try lab.script(command)
            try lab.waitsForAddress("10.14.0.60", on: holder)
            try lab.waits(for: stream)
            print("vrrp, \(what): no datagram for \(stream.takeGap()) ms")
        }
        // The address leaves a relay whose agent is dead, and comes from a host that vanishes.
        try lab.script("ip -n ${P}lan link set relay2 up")
        try lab.waitsForHealth(0, on: "relay2", of: "office/prod")
        try agents[0].kill()
        try lab.waitsForAddress("10.14.0.60", on: "relay2")
        let next = try RunningAgent(on: "relay1", of: lab, file: file)
        try lab.waitsForHealth(0, on: "relay1", of: "office/prod")
        try lab.script("for p in $(ip netns pids ${P}relay2); do [ $p = $(cat $F/nest-relay2) ] || kill -STOP $p; done")
        try lab.waitsForAddress("10.14.0.60", on: "relay1")
        try lab.script("for p in $(ip netns pids ${P}relay2); do kill -CONT $p; done")
        // It comes back to a relay whose agent hung and goes on.
        try lab.waitsForHealth(0, on: "relay2", of: "office/prod")
        try lab.script("kill -STOP \(next.process.processIdentifier)")
        try lab.waitsForAddress("10.14.0.60", on: "relay2")
        // Its guard has said so too by now.
        try lab.script("timeout 20 sh -c 'until grep -q 1 \(lab.state(of: "relay1"))/works-office_prod; do sleep 0.1; done'")
        try lab.script("kill -CONT \(next.process.processIdentifier)")
        try lab.waitsForHealth(0, on: "relay1", of: "office/prod")
        _ = try agents[1].end()
        try lab.waitsForAddress("10.14.0.60", on: "relay1")
        _ = try next.end()
        #expect(try lab.net("relay1", "health office/prod").code != 0)
    }
}

extension Lab {
    /// An apply that waits for a program which hangs takes nothing back: the agent of relay1 goes on.
    fileprivate func expectsNothingWithdrawnWhileConntrackHangs(_ agent: RunningAgent) throws {
        let stuck = try file("conntrack", "#!/bin/sh\nexec sleep 60\n")
        try script("chmod +x \(stuck); on relay1 mount --bind \(stuck) $(readlink -f $(command -v conntrack))")
        let changed = FailoverTests.configuration(source: "snat", path: "failover: bgp\n    targets: [pods]")
        _ = try file("bgp.yaml", changed)
        try agent.waits(for: "file applied", self, seconds: 60)
        let log = try? String(contentsOfFile: state(of: "relay1") + "/undo.log", encoding: .utf8)
        #expect(log?.contains("withdrawn") != true, "\(log ?? "")")
        try script("on relay1 umount $(readlink -f $(command -v conntrack))")
    }
}

/// Routing daemons of Debian.
enum Daemons {
    static let hasFRR: Bool = {
        let found = FileManager.default.isExecutableFile(atPath: "/usr/lib/frr/bgpd")
        if !found { print("tests of NetworkLabTests are skipped: frr is not installed") }
        return found
    }()
}

extension Lab {
    /// Starts keepalived with a configuration that asks the built program.
    func startKeepalived(on host: String, _ rendered: String) throws {
        let text = rendered.replacing(
            "/usr/bin/namebridge net health",
            with: "/usr/bin/env NAMEBRIDGE_NET_STATE=\(state(of: host)) \(Shell.program) net health"
        ).replacing("file \"/run/namebridge-net/", with: "file \"\(state(of: host))/")
        try startDaemon("keepalived", on: host, try file("\(host).conf", text))
    }

    /// Starts BIRD, FRR or keepalived with a configuration; it ends with the network.
    func startDaemon(_ format: String, on host: String, _ file: String) throws {
        let folder = path("run-\(host)")
        switch format {
        case "bird":
            try script("mkdir -p \(folder); bird -p -c \(file); on \(host) bird -c \(file) -s \(folder)/ctl -P \(folder)/pid")
        case "frr":
            try script(
                """
                mkdir -p \(folder); chown frr:frr \(folder); chmod 755 $F; cp \(file) \(folder)/frr.conf
                chown frr:frr \(folder)/frr.conf
                vtysh -C -f \(file)
                d="-d -f \(folder)/frr.conf --vty_socket \(folder) -z \(folder)/zserv.api"
                on \(host) /usr/lib/frr/zebra $d -i \(folder)/zebra.pid
                on \(host) /usr/lib/frr/bfdd $d -i \(folder)/bfdd.pid --bfdctl \(folder)/bfdd.sock
                on \(host) /usr/lib/frr/bgpd $d -i \(folder)/bgpd.pid
                """)
        default:
            try script(
                """
                mkdir -p \(folder); on \(host) keepalived -t -f \(file)
                on \(host) keepalived -f \(file) -p \(folder)/pid -r \(folder)/vrrp.pid -c \(folder)/checkers.pid
                """)
        }
    }

    /// Waits until the router leads packets of the cluster's pods, or others, to this relay; nil: to none.
    func waitsForRoute(via address: String?, to destination: String = "10.32.0.0/16", seconds: Int = 20) throws {
        for _ in 0..<seconds * 20 {
            let family = destination.contains(":") ? "-6" : "-4"
            let route = try on("r", "ip \(family) route show \(destination)").output
            if address.map({ route.contains("via \($0) ") }) ?? route.isEmpty { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "no route via \(address ?? "none"): \(try on("r", "ip route").output)")
    }

    func waitsForAddress(_ address: String, on host: String, seconds: Int = 20) throws {
        for _ in 0..<seconds * 20 {
            if try on(host, "ip -o addr show").output.contains(" \(address)/") { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "\(host) does not get \(address)")
    }
}
