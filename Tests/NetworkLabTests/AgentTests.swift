import Foundation
import Glibc
import Testing

/// Under a running agent, traffic is back soon after rules or routes were flushed, or deleted a device, and what was removed
/// stays away.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct AgentTests {
    @Test func `a relay whose rules and routes are flushed works again`() throws {
        let lab = try Lab(
            "agrelay", hosts: OfficeTests.hosts, script: OfficeTests.script + OfficeTests.strangers, answering: ["p3"])
        let file = try lab.file("office.yaml", OfficeTests.configuration)
        let before = try lab.snapshot("relay1")
        for host in ["master1", "node3"] { #expect(try lab.net(host, "apply --config \(file)").code == 0) }
        let agent = try RunningAgent(on: "relay1", of: lab, file: file)
        let probe = Probe(host: "pc", address: "172.17.54.10")
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole))

        for disturbance in [
            Disturbance("on relay1 nft flush ruleset", of: "nft rule"),
            // A restart of docker makes its chains again, and ours with them.
            Disturbance(
                "on relay1 iptables -N DOCKER-USER; on relay1 iptables -P FORWARD DROP; "
                    + "on relay1 iptables -A FORWARD -j DOCKER-USER", of: "iptables"),
            Disturbance("on relay1 iptables -F DOCKER-USER", of: "iptables"),
            Disturbance("on relay1 sysctl -qw net.ipv4.conf.eth0.forwarding=0", of: "sysctl"),
        ] {
            try agent.heals(disturbance, lab, probe)
        }
        let status = try lab.net("relay1", "status --config \(file)")
        #expect(status.code == 0 && status.output.contains("agent: running"), "\(status.output)")

        #expect(try lab.net("relay1", "remove").code == 0)
        try lab.script("sleep 1")
        #expect(try lab.probeInVain([probe]).allSatisfy(\.outcome.isBroken))
        #expect(try agent.end().contains("stopped"))
        // What the test has flushed was not ours.
        #expect(try lab.snapshot("relay1").contains("namebridge") == before.contains("namebridge"))
    }

    @Test func `a mesh whose device, routes or entries are deleted works again`() throws {
        let lab = try Lab("agmesh", hosts: ["n1", "n2", "p1", "p2"], script: Self.script, answering: ["p2"])
        let file = try lab.file("mesh.yaml", Self.configuration)
        #expect(try lab.net("n2", "apply --config \(file)").code == 0)
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        let probe = Probe(host: "p1", address: "10.235.88.10")
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole))
        for disturbance in [
            Disturbance("ip -n ${P}n1 link del nbvx10001", of: "link"),
            Disturbance("ip -n ${P}n1 route flush proto 78", of: "route"),
            Disturbance(
                "ip -n ${P}n1 route flush table main; ip -n ${P}n1 route add 192.168.0.0/24 dev eth0; "
                    + "ip -n ${P}n1 route add 10.234.111.10 dev calip1", of: "route"),
            Disturbance("ip -n ${P}n1 link set nbvx10001 down", of: "link"),
        ] {
            try agent.heals(disturbance, lab, probe)
        }
        let log = try agent.end()
        // Who did it is said where that process still runs when the agent looks.
        #expect(log.contains("device nbvx10001 was deleted") && log.contains("routes were deleted"), "\(log)")
        // Everything stays in place.
        #expect(try lab.probe([probe]).allSatisfy(\.outcome.isWhole))
        #expect(try lab.net("n1", "status --config \(file)").code == 0)
        #expect(try lab.net("n1", "remove").code == 0)
    }

    @Test func `a changed file is applied, and one with mistakes changes nothing`() throws {
        let lab = try Lab("agfile", hosts: ["n1", "n2", "p1", "p2"], script: Self.script, answering: ["p2"])
        let file = try lab.file("mesh.yaml", Self.configuration)
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        _ = try lab.file("mesh.yaml", "clusters: [")
        try agent.waits(for: "file not applied", lab)
        try lab.script("on n1 nft flush ruleset")
        try agent.waits(for: "put back", lab)
        _ = try lab.file("mesh.yaml", Self.configuration.replacing("10.255.1.0/24", with: "10.255.2.0/24"))
        try agent.waits(for: "file applied", lab)
        #expect(try lab.on("n1", "ip -o addr show dev nbvx10001").output.contains("10.255.2."))
        _ = try agent.end()
    }

    @Test func `a host that left the file is told so, and keeps nothing under an agent`() throws {
        let lab = try Lab("agleft", hosts: ["n1", "n2", "p1", "p2"], script: Self.script)
        let file = try lab.file("mesh.yaml", Self.configuration)
        let other = Self.configuration.replacing("a: { address: 192.168.0.21,", with: "z: { address: 192.168.0.99,")
        let without = try lab.file("without.yaml", other)
        let before = try lab.snapshot("n1")
        for command in ["apply", "status"] {
            let bare = try lab.net("n1", "\(command) --config \(without)")
            #expect(bare.code == 2 && !bare.output.contains("net remove"), "\(bare.output)")
        }
        #expect(try lab.net("n1", "apply --config \(file)").code == 0)
        for command in ["apply", "status"] {
            let left = try lab.net("n1", "\(command) --config \(without)")
            #expect(left.code == 2 && left.output.contains("\"namebridge net remove\" removes it"), "\(left.output)")
        }
        let agent = try RunningAgent(on: "n1", of: lab, file: file)
        try lab.script("cp \(without) \(file)")
        try agent.waits(for: "removed everything", lab)
        #expect(try lab.snapshot("n1") == before)
        _ = try agent.end()
    }

    private static let script = """
        wire n1 eth0 n2 eth0
        address n1 eth0 192.168.0.21/24; address n2 eth0 192.168.0.16/24
        pod n1 p1 10.234.111.1 10.234.111.10; pod n2 p2 10.235.88.1 10.235.88.10

        """

    private static let configuration = """
        clusters:
          c1:
            pods: [10.234.64.0/18]
            nodes: { a: { address: 192.168.0.21, pods: [10.234.111.0/24] } }
          c2:
            pods: [10.235.64.0/18]
            nodes: { b: { address: 192.168.0.16, pods: [10.235.88.0/24] } }
        paths:
          - { between: [c1, c2], via: vxlan, vxlan: { id: 10001, port: 4899, network: 10.255.1.0/24 } }

        """
}

/// A change of a host.
struct Disturbance {
    let command: String
    /// What the agent says first of a lost object.
    let object: String

    init(_ command: String, of object: String) {
        self.command = command
        self.object = object
    }
}

/// An agent in the background of one host.
final class RunningAgent {
    private let lab: Lab
    private let log: URL
    let process = Process()

    /// Returns once the host is as planned.
    init(on host: String, of lab: Lab, file: String, fullCheck: String = "60s", options: [String] = []) throws {
        self.lab = lab
        log = URL(filePath: try lab.file("agent-\(host).log", ""))
        process.executableURL = URL(filePath: "/usr/bin/env")
        let before = "\(lab.environment(of: host)) \(lab.entering(host))".split(separator: " ").map(String.init)
        process.arguments = before + [Shell.program, "net", "agent", "--config", file, "--full-check", fullCheck] + options
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        try waits(for: "keeping", lab)
    }

    deinit { if process.isRunning { process.terminate() } }

    /// Its log.
    var text: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// The part of the log that was there at the last wait.
    private var seen = ""

    /// Waits for a new line with `words` in the log; on a busy machine an agent may have to wait for its turn.
    func waits(for words: String, _ lab: Lab, seconds: Int = 20) throws {
        for _ in 0..<seconds * 20 {
            let all = text
            if all.dropFirst(seen.count).contains(words) { return seen = all }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "the agent does not say \"\(words)\":\n\(text)")
    }

    /// Waits for new lines with each of several texts, in any order: they may come at one moment.
    func waits(forNew words: [String], _ lab: Lab, seconds: Int = 20) throws {
        for _ in 0..<seconds * 20 {
            let all = text
            if words.allSatisfy(all.dropFirst(seen.count).contains) { return seen = all }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "the agent does not say all of \(words) now:\n\(text)")
    }

    /// Waits for each of several texts, in any order, since the start.
    func waits(forAll words: [String], _ lab: Lab, seconds: Int = 20) throws {
        for _ in 0..<seconds * 20 {
            let all = text
            if words.allSatisfy(all.contains) { return seen = all }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "the agent does not say all of \(words):\n\(text)")
    }

    /// Something is done to the host; the agent says that it is back, and after how long, and the probe says so, too.
    func heals(_ disturbance: Disturbance, _ lab: Lab, _ probe: Probe? = nil) throws {
        try lab.script(disturbance.command)
        try waits(for: "put back", lab)
        let line = seen.split(separator: "\n").last { $0.contains("put back") } ?? ""
        let after = line.split(separator: " ").first { $0.hasPrefix("after=") }
        let milliseconds = after.flatMap { Int($0.dropFirst(6).dropLast(2)) }
        print("back after \(milliseconds ?? -1) ms: \(disturbance.command)")
        // A second is promised where nothing else runs: the number above is to be read, not this one.
        #expect((milliseconds ?? 99_999) < 15_000, "\(disturbance.command): \(line)")
        #expect(seen.contains("object=\"\(disturbance.object)") || seen.contains(disturbance.object), "\(seen)")
        for answer in try lab.probe(probe.map { [$0] } ?? []) {
            #expect(answer.outcome.isWhole, "\(disturbance.command): \(answer.outcome)\n\(seen)")
        }
    }

    /// The last line of its log with `words`, without its time.
    func lastLine(with words: String) -> String {
        String(text.split(separator: "\n").last { $0.contains(words) } ?? "")
    }

    /// Ends it at once, without a word.
    func kill() throws {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Ends it as systemd does; what it has said.
    func end() throws -> String {
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return text
    }
}
