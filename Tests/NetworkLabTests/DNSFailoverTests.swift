import Foundation
import TestSupport
import Testing

/// Relays with a range of addresses each: names are answered with addresses of one that works. The network is that of
/// `FailoverTests`; the office's resolver keeps answers as long as their TTL says.
@Suite(.enabled(if: Lab.isPossible && Lab.has("nsenter", "unshare", "dnsmasq", "dig")), .serialized)
struct DNSFailoverTests {
    @Test func `new connections take another relay when one dies, is cut off, loses its rules, or is drained`() throws {
        let lab = try FailoverTests.lab("fdns", answering: ["p1"])
        let file = try lab.file("dns.yaml", Self.configuration)
        for result in try lab.net(each: ["relay1", "relay2", "r"], "apply --config \(file)") {
            #expect(result.code == 0, "\(result.output)")
        }
        let office = try OfficeResolver(lab, file)
        try office.waits(for: "path up path=\"office -> prod via relay2\"")
        #expect(try office.connects(through: "10.200.") != nil, "\(office.log)")
        let held = try HeldConnections(from: lab.space(of: "pc"), to: lab.space(of: "p1"), address: "10.200.1.10")

        for (what, command, other, range) in [
            ("relay1 drained", "true", "relay1", "10.201."),
            ("relay2 dies", "ip -n ${P}relay2 link set lan down; ip -n ${P}relay2 link set dmz down", "relay2", "10.200."),
            ("relay1 cut off", "ip -n ${P}lan link set relay1 down", "relay1", "10.201."),
            ("rules of relay2 flushed", "on relay2 ip netns exec nb-prod nft flush ruleset", "relay2", "10.200."),
            ("far side of relay1 cut", "ip -n ${P}wan link set relay1 down", "relay1", "10.201."),
        ] {
            if what.hasSuffix("drained") {
                let drain = try lab.net("pc", "drain relay1 --config \(file) --control \(office.control)")
                #expect(drain.code == 0, "\(drain.output) \(office.log)")
            }
            try lab.script(command)
            let milliseconds = try office.connects(through: range)
            #expect(milliseconds != nil, "\(what): \(office.log)")
            print("dns, \(what): a new connection after \(milliseconds ?? -1) ms; TTL \(try office.ttl() ?? -1)")
            if what.hasSuffix("drained") {
                #expect(held.exchange(serverFirst: true) == HeldConnections.count)
                #expect(try lab.net("pc", "undrain relay1 --config \(file)").code == 0)
                continue
            }
            try lab.mend(other, file)
            try office.waits(for: "path up path=\"office -> prod via \(other)\"")
        }
        #expect(try office.reverse("10.200.1.10").contains("web.shop.svc.prod"), "\(office.log)")
        #expect(try office.reverse("10.201.1.10").contains("web.shop.svc.prod"), "\(office.log)")
    }

    private static let configuration = RelayOffice(
        head: ["dns: { listen: [\"172.16.0.100:53\"], workers: 1 }"], cluster: ["dns: [10.32.1.10]"],
        path: [
            "failover: dns", "relays:",
            "  - { host: relay1, priority: 200, map: { 10.32.0.0/16: 10.200.0.0/16 } }",
            "  - { host: relay2, map: { 10.32.0.0/16: 10.201.0.0/16 } }", "probe: { hold: 1s }",
        ]
    ).yaml
}

/// A forwarder and a resolver with a cache on a host of the office, and a name server in the cluster.
private final class OfficeResolver {
    private let lab: Lab
    let control: String
    private let logFile: String
    private static let name = "web.shop.svc.prod.cluster.local"

    init(_ lab: Lab, _ file: String) throws {
        self.lab = lab
        control = lab.path("control.sock")
        logFile = lab.path("serve.log")
        let dnsmasq = "dnsmasq --keep-in-foreground --user=root --pid-file= --no-resolv --no-hosts"
        try lab.script(
            """
            on p1 \(dnsmasq) --local=/cluster.local/ --host-record=web.shop.svc.cluster.local,10.32.1.10 --local-ttl=30 \
                </dev/null >\(lab.path("p1.log")) 2>&1 &
            on pc \(dnsmasq) --server=172.16.0.100 --listen-address=127.0.0.1 --bind-interfaces </dev/null >\(lab.path("pc.log")) 2>&1 &
            on pc env \(lab.environment(of: "pc")) \(Shell.program) serve --config \(file) --control \(control) \
                </dev/null >\(logFile) 2>&1 &
            """)
    }

    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    /// Waits for a line that is new since the last call.
    func waits(for words: String) throws {
        for _ in 0..<400 {
            let all = log
            if all.dropFirst(seen).contains(words) {
                seen = all.count
                return
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw LabFailure(text: "the server does not say \"\(words)\":\n\(log)")
    }
    private var seen = 0

    /// How long it took until a new connection to the name's address got through, at an address that begins so; nil
    /// after 20 s.
    func connects(through range: String) throws -> Int? {
        let begun = ContinuousClock.now
        while ContinuousClock.now - begun < .seconds(20) {
            let address = try lab.on("pc", "dig +short +tries=1 +time=1 @127.0.0.1 \(Self.name)").output
                .trimmingCharacters(in: .whitespacesAndNewlines)
            guard address.hasPrefix("10.") else { continue }
            let isThrough = try lab.probeInVain([Probe(host: "pc", address: address)]).allSatisfy { $0.outcome.tcp != nil }
            if isThrough, address.hasPrefix(range) { return Int((ContinuousClock.now - begun) / .milliseconds(1)) }
        }
        return nil
    }

    /// What the forwarder gives.
    func ttl() throws -> Int? {
        let line = try lab.on("pc", "dig +noall +answer @172.16.0.100 \(Self.name)").output
        return line.split(separator: " ").count > 1 ? Int(line.split(whereSeparator: \.isWhitespace)[1]) : nil
    }

    func reverse(_ address: String) throws -> String {
        try lab.on("pc", "dig +short @172.16.0.100 -x \(address)").output
    }
}
