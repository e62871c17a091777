import Foundation
import Testing

/// Two forwarders at one address, which is announced from each while it can answer; on the network of `FailoverTests`
/// they run on its two relays.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "dnsmasq", "dig")), .serialized)
struct ServiceAddressTests {
    /// The first is announced by BIRD, the second by FRR.
    @Test(.enabled(if: Lab.has("bird") && Daemons.hasFRR))
    func `clients under load get answers from the other forwarder when one is killed, hangs, or is stopped`() throws {
        let lab = try FailoverTests.lab("fanyc", answering: [])
        let file = try Self.file(in: lab)
        try lab.script("for h in relay1 relay2; do ip -n $P$h route add local 172.20.0.53 dev lo; done")
        try Self.startCluster(in: lab)
        for host in ["relay1", "relay2"] { try lab.startForwarder(on: host, file) }
        let agents = try ["relay1", "relay2"].map { host in
            try RunningAgent(on: host, of: lab, file: file, options: ["--control", lab.path("\(host).sock")])
        }
        for agent in agents { try agent.waits(for: "path announced", lab) }
        for (host, format) in [("r", "bird"), ("relay1", "bird"), ("relay2", "frr")] {
            let rendered = try lab.net("pc", "render --config \(file) --host \(host) --format \(format)")
            #expect(rendered.code == 0, "\(rendered.output)")
            try lab.startDaemon(format, on: host, try lab.file("\(host).conf", rendered.output))
        }
        try lab.waitsForRoute(via: "10.14.0.61", to: Self.address)
        let load = try QuestionLoad(lab, at: Self.address)

        for (what, host, signal, next) in [
            ("killed", "relay1", "KILL", "10.14.0.62"), ("hangs", "relay1", "STOP", "10.14.0.62"),
            ("stopped", "relay1", "TERM", "10.14.0.62"),
        ] {
            let before = try load.counts()
            try lab.script("kill -\(signal) $(cat \(lab.path("\(host).pid")))")
            try lab.waitsForRoute(via: next, to: Self.address)
            try load.waits(forMoreThan: before.answered + 20)
            let after = try load.counts()
            print("forwarder \(what): \(after.failed - before.failed) of \(load.clients) clients' questions without an answer")
            if signal == "STOP" { try lab.script("kill -KILL $(cat \(lab.path("\(host).pid")))") }
            try lab.startForwarder(on: host, file)
            try lab.waitsForRoute(via: "10.14.0.61", to: Self.address)
        }
        // Ready is more than alive: a forwarder whose clusters are out of reach withdraws.
        try lab.script("ip -n ${P}relay1 link set dmz down")
        try lab.waitsForRoute(via: "10.14.0.62", to: Self.address, seconds: 40)
        let health = try lab.net("relay1", "health dns/\(Self.address)")
        #expect(health.code == 1 && health.output.contains("no cluster can be asked"), "\(health.output)")
        // With none that is ready there is no route to the address, whichever program announces it.
        try lab.script("kill -KILL $(cat \(lab.path("relay2.pid")))")
        try lab.waitsForNoRoute(to: Self.address)
        try lab.startForwarder(on: "relay2", file)
        try lab.waitsForRoute(via: "10.14.0.62", to: Self.address)
        try load.end()
        for agent in agents { #expect(try agent.end().contains("stopped")) }
        #expect(try lab.on("relay2", "ip route show table 78").output.isEmpty)
    }

    /// A forwarder that comes back does not take the address from one that is ready.
    @Test(.enabled(if: Lab.has("keepalived")))
    func `keepalived gives the address to a forwarder that is ready`() throws {
        let lab = try FailoverTests.lab("fvdns", answering: [])
        let shared = "10.14.0.60"
        let file = try Self.file(
            in: lab, announcing: "address: \(shared), failover: vrrp, vrrp: { id: 53, interface: lan }")
        try Self.startCluster(in: lab)
        var agents: [RunningAgent] = []
        for host in ["relay1", "relay2"] {
            try lab.startForwarder(on: host, file)
            agents.append(
                try RunningAgent(on: host, of: lab, file: file, options: ["--control", lab.path("\(host).sock")]))
        }
        for host in ["relay1", "relay2"] {
            try lab.waitsForHealth(0, on: host, of: "dns/\(shared)")
            let rendered = try lab.net("pc", "render --config \(file) --host \(host) --format keepalived")
            try lab.startKeepalived(on: host, rendered.output)
        }
        try lab.waitsForAddress(shared, on: "relay1")
        let load = try QuestionLoad(lab, at: shared)
        for (what, command, holder) in [
            ("forwarder killed", "kill -KILL $(cat \(lab.path("relay1.pid")))", "relay2"),
            ("agent hangs", "kill -STOP \(agents[1].process.processIdentifier)", "relay1"),
        ] {
            let before = try load.counts()
            try lab.script(command)
            try lab.waitsForAddress(shared, on: holder)
            try load.waits(forMoreThan: try load.counts().answered + 20)
            let after = try load.counts()
            print("vrrp, \(what): \(after.failed - before.failed) of \(load.clients) clients' questions without an answer")
            guard holder == "relay2" else { continue }
            try lab.startForwarder(on: "relay1", file)
            try lab.waitsForHealth(0, on: "relay1", of: "dns/\(shared)")
            #expect(try lab.on("relay2", "ip -o addr show").output.contains(" \(shared)/"))
        }
        try load.end()
        try lab.script("kill -CONT \(agents[1].process.processIdentifier)")
        for agent in agents { #expect(try agent.end().contains("stopped")) }
    }

    private static let address = "172.20.0.53"

    /// The cluster's name server.
    private static func startCluster(in lab: Lab) throws {
        try lab.script(
            """
            for h in relay1 relay2; do ip -n $P$h route add 10.32.1.0/24 via 192.168.10.11; done
            on p1 dnsmasq --keep-in-foreground --user=root --pid-file= --no-resolv --no-hosts --local=/cluster.local/ \\
                --host-record=web.shop.svc.cluster.local,10.32.1.10 --local-ttl=5 </dev/null >\(lab.path("p1.log")) 2>&1 &
            """)
    }

    private static func file(in lab: Lab, announcing: String = "address: \(address)") throws -> String {
        let secret = try lab.file("secret", "e5e973e5a6b2a43f48e7dc849e37bfcf\n")
        return try lab.file("dns.yaml", configuration(secret, announcing))
    }

    private static func configuration(_ secret: String, _ announcing: String) -> String {
        """
        dns:
          listen: ["0.0.0.0:53"]
          workers: 1
          cookie-secret-file: \(secret)
          announce: { \(announcing), hosts: [{ host: relay1, priority: 200 }, relay2] }
        clusters:
          prod: { dns: [10.32.1.10] }
        sites:
          office:
            networks: [172.16.0.0/18, 10.14.0.0/24]
            router: 172.16.0.1
            hosts:
              r: { address: [172.16.0.1, 10.14.0.1] }
              relay1: { address: 10.14.0.61 }
              relay2: { address: 10.14.0.62 }

        """
    }
}

/// Clients that ask one question after the other, as long as a file of the network's folder exists.
private final class QuestionLoad {
    private let lab: Lab
    let clients = 4

    init(_ lab: Lab, at address: String) throws {
        self.lab = lab
        try lab.script(
            """
            touch \(lab.path("load"))
            for i in $(seq \(clients)); do
                ( while [ -e \(lab.path("load")) ]; do
                    if on pc dig +short +tries=1 +time=1 @\(address) web.shop.svc.prod.cluster.local | grep -q 10.32.1.10; \\
                        then echo answered; else echo failed; fi
                done ) </dev/null >>\(lab.path("load.log")) 2>&1 &
            done
            """)
    }

    func counts() throws -> (answered: Int, failed: Int) {
        // Made by the first client that has something to say.
        let text = (try? String(contentsOfFile: lab.path("load.log"), encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n")
        return (lines.count { $0 == "answered" }, lines.count { $0 == "failed" })
    }

    func waits(forMoreThan answered: Int) throws {
        for _ in 0..<400 {
            if try counts().answered > answered { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "no more questions are answered: \(try counts())")
    }

    func end() throws { try lab.script("rm \(lab.path("load"))") }
}

extension Lab {
    /// Waits until the router leads no packets there.
    fileprivate func waitsForNoRoute(to destination: String) throws {
        for _ in 0..<400 {
            if try on("r", "ip route show \(destination)").output.isEmpty { return }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "still a route: \(try on("r", "ip route").output)")
    }

    /// Waits until `net health` on a host ends with this code.
    func waitsForHealth(_ code: Int32, on host: String, of name: String) throws {
        for _ in 0..<200 {
            if try net(host, "health \(name)").code == code { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        throw LabFailure(text: "\(host): \(try net(host, "health \(name)").output)")
    }

    /// Starts a forwarder, whose process and socket have the host's name.
    fileprivate func startForwarder(on host: String, _ file: String) throws {
        let name = path(host)
        try script(
            """
            rm -f \(name).sock \(name).pid
            on \(host) sh -c 'echo $$ >\(name).pid; exec \(Shell.program) serve --config \(file) --control \(name).sock' \\
                </dev/null >>\(name)-serve.log 2>&1 &
            for try in $(seq 100); do [ -S \(name).sock ] && break; sleep 0.05; done
            """)
    }
}
