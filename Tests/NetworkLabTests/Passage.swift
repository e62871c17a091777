import Testing

/// A way that packets shall take, and what came of it without our doing.
struct Passage {
    let probe: Probe

    /// The source that the far side saw before; nil if nothing came back.
    var before: String?

    /// The sources that the far side may see: one, but for services that one of several nodes translates.
    let sources: Set<String>

    init(_ host: String, _ address: String, port: UInt16 = ProbeSockets.port, before: String? = nil, from sources: String...) {
        probe = Probe(host: host, address: address, port: port)
        self.before = before
        self.sources = Set(sources)
    }
}

extension Lab {
    /// The network is broken as `passages` say; one apply on each host makes it whole, a second one changes nothing,
    /// and after a removal the hosts are as they were and the network is broken again.
    ///
    /// - Parameter whole: What else must work while it is whole.
    func expectRepair(
        by file: String, on hosts: [String], of passages: [Passage], whole: () throws -> Void = {}
    ) throws {
        let before = try hosts.map { try snapshot($0) }
        try expectBroken(passages, "before")
        for (host, result) in zip(hosts, try net(each: hosts, "apply --config \(file)")) {
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        for (passage, answer) in zip(passages, try probe(passages.map(\.probe))) {
            #expect(answer.outcome.isWhole(from: passage.sources), "\(answer.probe) from \(passage.sources): \(answer.outcome)")
        }
        try whole()
        for (host, result) in zip(hosts, try net(each: hosts, "apply --config \(file)")) {
            #expect(result.code == 0 && result.output.hasSuffix("nothing to do\n"), "\(host): \(result.output)")
        }
        for (host, result) in zip(hosts, try net(each: hosts, "status --config \(file)")) {
            // Foreign routes that would lead elsewhere are reported, although ours take precedence.
            let odd = result.output.split(separator: "\n").filter { line in
                ["missing", "changed", "left over", "shadowed"].contains { line.hasPrefix($0) }
            }
            #expect(result.code == 0 && odd.isEmpty, "\(host): \(result.output)")
        }
        for (host, result) in zip(hosts, try net(each: hosts, "remove")) {
            #expect(result.code == 0, "\(host): \(result.output)")
        }
        for (host, state) in zip(hosts, before) {
            let left = try snapshot(host)
            #expect(left == state, "\(host): \(Self.changes(from: state, to: left))")
        }
        try expectBroken(passages, "after")
    }

    /// Ports that no program has are refused at once: by TCP itself, and for UDP by ICMP, whose quoted packet has been
    /// translated back.
    func expectRefusals(_ ways: [(host: String, address: String)]) throws {
        for (host, address) in ways {
            let tcp = try on(host, "timeout 5 bash -c 'exec 3<>/dev/tcp/\(address)/9' 2>&1").output
            #expect(tcp.contains("refused"), "\(host) -> \(address): \(tcp)")
            let datagram = "exec 3<>/dev/udp/\(address)/9; echo >&3; read -t 3 line <&3"
            let udp = try on(host, "timeout 5 bash -c '\(datagram)' 2>&1").output
            #expect(udp.contains("refused"), "\(host) -> \(address), UDP: \(udp)")
        }
    }

    /// Each cable in turn is too small for large packets, and nothing limits segments: all depends on what ICMP tells.
    ///
    /// - Parameters:
    ///   - relays: The hosts whose rules that limit segments are removed; an apply puts them back.
    ///   - cables: Each as `HOST DEVICE HOST DEVICE`.
    ///   - ways: The ends and addresses of large transfers.
    func expectTransfers(
        over cables: [String], relays: [String], _ ways: [(from: String, to: String, address: String)]
    ) throws {
        for relay in relays { _ = try on(relay, "nft delete chain inet namebridge clamp") }
        for cable in cables {
            let set = "cable() { ip -n $P$1 link set $2 mtu $5; ip -n $P$3 link set $4 mtu $5; }; cable \(cable)"
            try script("\(set) 1300")
            for (from, to, address) in ways {
                // What one end has learned shows in the segments that it asks the other for.
                for host in [from, to] {
                    try script("for f in -4 -6; do ip $f -n ${P}\(host) route flush cache; done")
                }
                #expect(transfer(from: from, to: to, at: address) == 50_000_000, "\(from) -> \(address): \(cable)")
            }
            try script("\(set) 1500")
        }
    }

    private func expectBroken(_ passages: [Passage], _ when: String) throws {
        let answers = try probeInVain(passages.filter { $0.before == nil }.map(\.probe))
        for answer in answers { #expect(answer.outcome.isBroken, "\(when): \(answer.probe): \(answer.outcome)") }
        let working = passages.filter { $0.before != nil }
        for (passage, answer) in zip(working, try probe(working.map(\.probe))) {
            #expect(answer.outcome.isWhole(from: [passage.before ?? ""]), "\(when): \(answer.probe): \(answer.outcome)")
        }
    }

    /// The lines that differ.
    private static func changes(from old: String, to new: String) -> String {
        new.split(separator: "\n").difference(from: old.split(separator: "\n")).map { change in
            switch change {
            case .insert(_, let line, _): "+\(line)"
            case .remove(_, let line, _): "-\(line)"
            }
        }.joined(separator: "\n")
    }
}
