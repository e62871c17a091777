import Foundation
import Testing

/// What `explain` says of hosts that it reads, against the packets: on a hostile network before and after `net apply`, and
/// after one thing is broken.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct ExplainTests {
    @Test func `verdict and source are those of the packets, before and after an apply`() throws {
        let lab = try Self.office("exo")
        let file = try lab.file("office.yaml", OfficeTests.configuration)
        let probes = Self.targets.map { Probe(host: "pc", address: $0.address, port: $0.port) }

        try lab.observe(Self.hosts)
        for answer in try lab.probeInVain(probes) {
            let said = try lab.explain(answer.probe, by: file)
            #expect(answer.outcome.isBroken && said.verdict == "unreachable", "\(answer): \(said)")
            #expect(said.decision?.evidence == "read", "\(answer.probe): \(said)")
        }

        for (host, result) in zip(Self.hosts, try lab.net(each: Self.hosts, "apply --config \(file)")) {
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        try lab.observe(Self.hosts)
        for answer in try lab.probe(probes) {
            let said = try lab.explain(answer.probe, by: file)
            let seen = try #require(answer.outcome.tcp, "\(answer)")
            #expect(said.verdict == "reachable" && said.sources.contains(seen), "\(answer): \(said)")
        }
    }

    @Test func `each of several faults is named, and packets agree`() throws {
        let lab = try Self.office("exf")
        let file = try lab.file("office.yaml", OfficeTests.configuration)
        for (host, result) in zip(Self.hosts, try lab.net(each: Self.hosts, "apply --config \(file)")) {
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        // One entry node, so that packets take one way.
        try lab.script("ip -n ${P}relay1 route replace 172.17.16.0/20 metric 1 proto 78 via 172.17.14.11")
        try lab.observe(Self.hosts)
        for fault in Self.faults {
            try lab.script(fault.command)
            try lab.observe([fault.host])
            let probe = Probe(host: "pc", address: fault.target, port: fault.port)
            let answer = try #require(try lab.probeInVain([probe]).first)
            let said = try lab.explain(probe, by: file)
            #expect(answer.outcome.isBroken, "\(fault.code): \(answer)")
            #expect(said.verdict == "unreachable" && said.code == fault.code, "\(fault.code): \(said)")
            #expect(said.decision?.host == fault.host, "\(fault.code): \(said)")
            #expect(said.decision?.rule.contains(fault.rule) == true, "\(fault.code): \(said)")
            try lab.script(fault.undo)
            try lab.observe([fault.host])
        }
    }

    /// Half of the services: the answer comes back only from a pod on the node that the packet came to.
    @Test func `services that fail by the node that takes them are told apart`() throws {
        let lab = try Lab(
            "exk", hosts: ["pc", "router", "n1", "n2", "p2"],
            script: KubeProxyTests.script.replacing("CIDR", with: "10.0.0.0/8") + "service n2 10.96.0.10 10.244.2.2\n",
            answering: ["p2"])
        let file = try lab.file("shop.yaml", KubeProxyTests.configuration.replacing("CIDR", with: "10.0.0.0/8"))
        let probe = Probe(host: "pc", address: "10.96.0.10", port: 80)
        try lab.observe(["n1", "n2"])
        let said = try lab.explain(probe, by: file, from: "10.0.32.5")
        #expect(said.verdict == "depends" && said.code == "REPLY_BYPASSES_RELAY", "\(said)")
        #expect(try lab.probeInVain([probe]).first?.outcome.isBroken == true)
        try lab.script("ip -n ${P}router route replace 10.96.0.0/16 via 192.168.0.12")
        #expect(try lab.probe([probe]).first?.outcome.tcp == "10.0.32.5")
        try lab.script("ip -n ${P}router route replace 10.96.0.0/16 via 192.168.0.11")

        for result in try lab.net(each: ["n1", "n2"], "apply --config \(file)") { #expect(result.code == 0) }
        try lab.observe(["n1", "n2"])
        let mended = try lab.explain(probe, by: file, from: "10.0.32.5")
        let seen = try #require(try lab.probe([probe]).first?.outcome.tcp)
        #expect(mended.verdict == "reachable" && mended.sources.contains(seen), "\(seen) \(mended)")
    }

    /// One thing that is broken, and what is to be said of it.
    struct Fault {
        let command: String
        let undo: String
        var target = "172.17.54.10"
        var port = ProbeSockets.port
        let code: String
        let host: String
        let rule: String
    }

    static let faults = [
        Fault(
            command: "on relay1 sysctl -qw net.ipv4.conf.eth0.forwarding=0",
            undo: "on relay1 sysctl -qw net.ipv4.conf.eth0.forwarding=1", code: "FORWARDING_OFF", host: "relay1",
            rule: "net.ipv4.conf.eth0.forwarding = 0"),
        Fault(
            command: """
                on relay1 nft 'add chain inet site fw { type filter hook forward priority 5; }'
                on relay1 nft add rule inet site fw ip daddr 172.17.54.0/24 counter drop
                """, undo: "on relay1 nft 'delete chain inet site fw'", code: "FILTER_DROP", host: "relay1",
            rule: "nft table inet site, chain fw, handle"),
        Fault(
            command: "ip -n ${P}relay1 route add 172.17.54.10/32 dev eth0",
            undo: "ip -n ${P}relay1 route del 172.17.54.10/32 dev eth0", code: "ROUTE_ELSEWHERE", host: "relay1",
            rule: "172.17.54.10"),
        Fault(
            command: "ip -n ${P}relay1 route add blackhole 172.17.54.10/32",
            undo: "ip -n ${P}relay1 route del blackhole 172.17.54.10/32", code: "NO_ROUTE", host: "relay1",
            rule: "blackhole 172.17.54.10"),
        Fault(
            command: """
                on node3 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
                ip -n ${P}node3 route add blackhole 172.17.14.60/32
                """,
            undo: """
                on node3 sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
                ip -n ${P}node3 route del blackhole 172.17.14.60/32
                """, code: "NO_RETURN_ROUTE", host: "node3", rule: "blackhole 172.17.14.60"),
        Fault(
            command: "on master1 bridge fdb del 02:00:00:00:00:23 dev tunl0 dst 172.17.14.23",
            undo: "on master1 bridge fdb append 02:00:00:00:00:23 dev tunl0 dst 172.17.14.23", target: "172.17.24.229",
            port: 80, code: "FDB_MISSING", host: "master1", rule: "02:00:00:00:00:23"),
        Fault(
            command: "ip -n ${P}master1 neigh del 172.17.54.0 dev tunl0",
            undo: "ip -n ${P}master1 neigh replace 172.17.54.0 lladdr 02:00:00:00:00:23 dev tunl0 nud permanent",
            target: "172.17.24.229", port: 80, code: "NEIGHBOUR_MISSING", host: "master1", rule: "172.17.54.0"),
        Fault(
            command: """
                on node3 nft 'add table ip fw; add chain ip fw in { type filter hook input priority 0; }'
                on node3 nft add rule ip fw in udp dport 8472 drop
                """, undo: "on node3 nft delete table ip fw", target: "172.17.24.229", port: 80, code: "FILTER_DROP",
            host: "node3", rule: "8472 of the tunnel: nft table ip fw, chain in"),
        Fault(
            command: "ip -n ${P}node3 route add 172.17.14.60/32 dev tunl0",
            undo: "ip -n ${P}node3 route del 172.17.14.60/32 dev tunl0", code: "RP_FILTER", host: "node3",
            rule: "rp_filter of eth0 is 1"),
        Fault(
            command: "on relay1 iptables -F DOCKER-USER; on relay1 iptables -F FORWARD", undo: "true",
            code: "DOCKER_FORWARD", host: "relay1", rule: "policy drop"),
    ]

    private static let hosts = ["relay1", "master1", "node3"]
    private static let targets: [(address: String, port: UInt16)] = [
        ("172.17.33.10", ProbeSockets.port), ("172.17.54.10", ProbeSockets.port), ("172.17.24.229", 80), ("172.17.24.230", 80),
    ]

    private static func office(_ name: String) throws -> Lab {
        try Lab(
            name, hosts: OfficeTests.hosts, script: OfficeTests.script + OfficeTests.strangers,
            answering: ["p1", "p3", "node3"])
    }
}

/// What `explain` says, as a program reads it.
struct Explained: Decodable, CustomStringConvertible {
    let verdict: String
    let code: String?
    let decision: Decision?
    let traces: [Trace]

    struct Decision: Decodable {
        let host: String
        let rule: String
        let evidence: String
    }

    struct Trace: Decodable {
        let direction: String
        let hops: [Hop]

        /// The hosts on the way.
        var hosts: Set<String> { Set(hops.map(\.host)) }
    }

    struct Hop: Decodable {
        let host: String
        let steps: [Step]
    }

    struct Step: Decodable {
        let stage: String
        let rule: String
        let after: String
    }

    private enum CodingKeys: String, CodingKey {
        case verdict, code, traces
        case decision = "decided_by"
    }

    /// The sources that the far side sees.
    var sources: Set<String> {
        Set(
            traces.filter { $0.direction == "forward" }.compactMap { trace in
                let words = trace.hops.last?.steps.last?.after.split(separator: " ") ?? []
                return words.count == 4 ? words[1].split(separator: ":").first.map { String($0) } : nil
            })
    }

    var description: String {
        let steps = traces.flatMap { trace in
            trace.hops.flatMap { hop in hop.steps.map { "\(trace.direction) \(hop.host): \($0.stage) \($0.rule)" } }
        }
        return ([verdict, code ?? "", decision.map { "\($0.host): \($0.rule)" } ?? ""] + steps).joined(separator: "\n")
    }
}

extension Lab {
    /// Writes the states of hosts to the folder that `explain` reads.
    func observe(_ hosts: [String]) throws {
        let folder = path("observed")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for host in hosts {
            let result = try on(host, "\(Shell.program) net observe")
            guard result.code == 0 else { throw LabFailure(text: result.output) }
            try Data(result.output.utf8).write(to: URL(filePath: "\(folder)/\(host).json"))
        }
    }

    /// What is said of a probe by the states that were written.
    func explain(
        _ probe: Probe, by file: String, from source: String = "172.16.0.100", options: String = ""
    ) throws -> Explained {
        let end = "\(source) \(probe.address):\(probe.port) \(options)"
        let result = try on(
            probe.host,
            "sh -c '\(Shell.program) explain \(end) --config \(file) --state \(path("observed")) --output json 2>/dev/null'")
        return try JSONDecoder().decode(Explained.self, from: Data(result.output.utf8))
    }
}
