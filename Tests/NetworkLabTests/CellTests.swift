import Foundation
import Testing

/// The networks of the documentation as they are broken, half mended and mended: packets are sent for every cell (connections,
/// datagrams, echo requests, large ones), and the verdict, the way, the machine that decides and the source that the far side
/// sees must be what `explain` says. Without EXPLAIN_CASES (`make explain-proof`) only some stages are played.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct CellTests {
    @Test(arguments: networks) func `in every cell packets do what is said of them`(_ network: CellNetwork) throws {
        let lab = try Lab(
            "cell\(network.name)", hosts: network.hosts, script: network.script, answering: network.answering)
        // Servers send no answer again: what is counted belongs to the connection that is tried.
        try lab.script(network.hosts.map { "on \($0) sysctl -qw net.ipv4.tcp_synack_retries=0" }.joined(separator: "\n") + "\n")
        var counts: [String: Int] = [:]
        for stage in network.stages {
            if !stage.script.isEmpty { try lab.script(stage.script) }
            let file = try lab.file("\(stage.name).yaml", stage.file)
            for (host, result) in zip(stage.applied, try lab.net(each: stage.applied, "apply --config \(file)")) {
                #expect(result.code == 0, "\(stage.name) \(host): \(result.output)")
            }
            try lab.observe(network.observed)
            for cell in network.cells {
                let table = Table(lab: lab, network: network, stage: "\(network.name) \(stage.name)", file: file)
                for (kind, verdict) in try table.play(cell) { counts["\(stage.name) \(kind) \(verdict)", default: 0] += 1 }
            }
            for result in try lab.net(each: stage.applied, "remove") { #expect(result.code == 0, "\(result.output)") }
        }
        print("cells of \(network.name): \(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
    }

    private static var networks: [CellNetwork] {
        guard ProcessInfo.processInfo.environment["EXPLAIN_CASES"] == nil else { return CellNetwork.all }
        return CellNetwork.all.compactMap { network in
            switch network.name {
            case "n1": network.only("half")
            case "n4": network.only("broken")
            default: nil
            }
        }
    }
}

/// One stage of a network, whose cells are asked and sent.
private struct Table {
    let lab: Lab
    let network: CellNetwork
    /// As in `n4 broken`.
    let stage: String
    let file: String

    /// Asks and sends all kinds of packets of one cell; what was said of each kind.
    func play(_ cell: CellNetwork.Cell) throws -> [(kind: String, verdict: String)] {
        let said = try explain(cell, "tcp")
        let other = try explain(cell, "udp")
        let echo = cell.probe.isOfService ? nil : try explain(cell, "icmp", size: 1_400)
        let arrives = [said, other, echo].compactMap(\.self).contains { $0.verdict == "reachable" }
        let answer = try arrives ? lab.probe([cell.probe]) : lab.probeInVain([cell.probe])
        let outcome = try #require(answer.first).outcome
        compare(cell, "tcp", said, outcome.tcp)
        compare(cell, "udp", other, outcome.udp)
        if let echo, let seen = outcome.echo, let large = outcome.large {
            let place = "\(stage), \(cell.probe), echo: \(outcome)\n\(echo)"
            #expect((echo.verdict == "reachable") == seen, "\(place)")
            #expect((echo.verdict == "reachable" && echo.code != "MTU") == large, "\(place)")
        }
        if said.verdict != "reachable" { try follow(cell, said) }
        return [("tcp", said.verdict), ("udp", other.verdict)] + (echo.map { [("icmp", $0.verdict)] } ?? [])
    }

    private func explain(_ cell: CellNetwork.Cell, _ transport: String, size: Int = 60) throws -> Explained {
        try lab.explain(cell.probe, by: file, from: cell.source, options: "--protocol \(transport) --size \(size)")
    }

    /// What is said of a kind of packet, against the source that the far side has seen; nil if nothing came back.
    private func compare(_ cell: CellNetwork.Cell, _ kind: String, _ said: Explained, _ seen: String?) {
        let place = "\(stage), \(cell.probe), \(kind), seen \(seen ?? "nothing"): \(said)"
        switch said.verdict {
        case "reachable": #expect(seen.map(said.sources.contains) == true, "\(place)")
        case "unreachable": #expect(seen == nil, "\(place)")
        // Of several nodes, ways or endpoints the packet takes one.
        case "depends": #expect(seen.map(said.sources.contains) != false, "\(place)")
        default: Issue.record("\(place)")
        }
    }

    /// Counts on each host what it sees of a connection that does not come about: it takes the way that is said of it as far
    /// as the machine that decides, and no further.
    private func follow(_ cell: CellNetwork.Cell, _ said: Explained) throws {
        let hosts = network.observed
        try lab.script(hosts.map { "on \($0) nft -f - <<'END'\n\(Self.counters)END\n" }.joined())
        _ = try lab.probeInVain([cell.probe])
        let text = try lab.script(
            hosts.map { "echo \"= \($0)\"; on \($0) nft list table ip cells | grep packets; on \($0) nft delete table ip cells" }
                .joined(separator: "\n") + "\n")
        var seen: [Set<String>] = [[], []]
        var host = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("= ") { host = String(line.dropFirst(2)) }
            guard line.contains("packets"), !line.contains("packets 0 ") else { continue }
            seen[line.contains("answers") ? 1 : 0].insert(host)
        }
        let place = "\(stage), \(cell.probe): requests at \(seen[0].sorted()), answers at \(seen[1].sorted())\n\(said)"
        func ways(_ direction: String) -> [Set<String>] {
            said.traces.filter { $0.direction == direction }.map { $0.hosts.intersection(hosts) }
        }
        // What a host sends itself passes no prerouting there.
        let sender: Set<String> = [cell.probe.host]
        #expect(ways("forward").contains { $0.subtracting(sender) == seen[0].subtracting(sender) }, "\(place)")
        let reply = said.traces.first { $0.direction == "reply" }
        let server = Set(reply?.hops.prefix(1).map(\.host) ?? [])
        let isSame = ways("reply").contains { $0.subtracting(server) == seen[1].subtracting(server) }
        #expect(isSame || reply == nil && seen[1].isEmpty, "\(place)")
        if let decider = said.decision?.host, hosts.contains(decider) {
            #expect(seen[0].union(seen[1]).union(sender).union(server).contains(decider), "\(place)")
        }
    }

    private static let counters = """
        table ip cells {
            chain seen {
                type filter hook prerouting priority -450; policy accept;
                tcp flags & (syn | ack) == syn counter comment "requests"
                tcp flags & (syn | ack) == syn | ack counter comment "answers"
            }
        }

        """
}
