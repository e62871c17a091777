import Foundation
import NetworkModel
import Testing

/// Random networks in namespaces: what is said of a packet against the packet. EXPLAIN_SEED and EXPLAIN_CASES choose others
/// (`make explain-proof`).
@Suite(.enabled(if: Lab.isPossible), .serialized) struct ExplainProofTests {
    @Test func `of random networks, packets do what is said of them`() throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["EXPLAIN_SEED"].flatMap { UInt64($0) } ?? 20_261_130
        let count = environment["EXPLAIN_CASES"].flatMap { Int($0) } ?? 160
        print("explain-proof: seed \(seed), \(count) networks")
        let bench = try ProofBench("exp", width: 8)
        var numbers = SeededNumbers(state: seed)
        var (unknown, reached, done) = (0, 0, 0)
        while done < count {
            let networks = (0..<min(8, count - done)).map { _ in RandomNetwork.random(&numbers) }
            for (network, seen) in zip(networks, try bench.play(networks)) {
                let said = network.prediction()
                if said.reached == nil { unknown += 1 }
                if seen != nil { reached += 1 }
                guard let disagreement = ProofBench.disagreement(said, seen) else { continue }
                // Neighbours are still being resolved on a busy machine: only what is seen twice counts.
                let again = try bench.play([network])[0]
                guard ProofBench.disagreement(said, again) != nil else { continue }
                let small = try bench.shrunk(network)
                Issue.record(
                    """
                    seed \(seed), network \(done): \(disagreement)
                    \(small.target.address):\(small.target.port) with
                    \(small.features.map(\.description).joined(separator: "\n"))
                    \(small.prediction().text)
                    """)
            }
            done += networks.count
        }
        print("explain-proof: \(reached) of \(count) arrive, \(unknown) are not known")
        #expect(unknown * 10 < count && reached * 10 > count)
    }
}

/// Networks of namespaces that take one random network after the other.
final class ProofBench {
    private let labs: [Lab]
    private let probes = ProbeSockets()
    /// The states that the namespaces have.
    private var present: [[String: HostState]]

    init(_ name: String, width: Int) throws {
        var script = RandomNetwork.cables.map { "wire \($0.0) \($0.1) \($0.2) \($0.3)" }
        for (host, addresses) in RandomNetwork.addresses.sorted(by: { $0.key < $1.key }) {
            script += addresses.map { "address \(host) \($0.device) \($0.address)/\($0.length)" }
        }
        labs = try (0..<width).map {
            try Lab("\(name)\($0)", hosts: RandomNetwork.hosts, script: script.joined(separator: "\n") + "\n")
        }
        present = labs.map { _ in [:] }
        for lab in labs { try probes.answer(in: lab.space(of: "s")) }
    }

    /// The sources that the far sides see; nil if nothing comes back.
    func play(_ networks: [RandomNetwork]) throws -> [String?] {
        let scripts = networks.enumerated().map { index, network in loading(network, into: index) }.filter { !$0.isEmpty }
        if !scripts.isEmpty { try labs[0].script(scripts.map { "(\n\($0)) &\n" }.joined() + "wait\n") }
        let asked = networks.enumerated().map { index, network in
            (labs[index].space(of: "c"), Probe(host: "c", address: network.target.address, port: network.target.port))
        }
        return try probes.run(asked, milliseconds: 500).map(\.tcp)
    }

    /// What differs; nil if nothing does, or nothing is said.
    static func disagreement(
        _ said: (reached: Bool?, source: String?, text: String), _ seen: String?
    ) -> String? {
        guard let reached = said.reached else { return nil }
        if reached != (seen != nil) { return "said \(reached ? "reachable" : "unreachable"), seen \(seen ?? "nothing")" }
        return reached && said.source != seen ? "said source \(said.source ?? "-"), seen \(seen ?? "-")" : nil
    }

    /// The network with as few settings as still disagree.
    func shrunk(_ network: RandomNetwork) throws -> RandomNetwork {
        var small = network
        var index = 0
        while index < small.features.count {  // each turn removes a setting or goes on
            var candidate = small
            candidate.features.remove(at: index)
            if Self.disagreement(candidate.prediction(), try play([candidate])[0]) != nil {
                small = candidate
            } else {
                index += 1
            }
        }
        return small
    }

    /// The script that makes the namespaces of one lab have the network.
    private func loading(_ network: RandomNetwork, into index: Int) -> String {
        let lab = labs[index]
        let states = network.states
        var script = ""
        for host in RandomNetwork.hosts {
            guard let state = states[host], present[index][host] != state else { continue }
            let routes = RandomNetwork.routeCommands(state, before: present[index][host])
            let settings = state.settings.sorted { "\($0.key)" < "\($1.key)" }
                .sorted { left, right in left.key.device == "all" && right.key.device != "all" }
                .map { "echo \($0.value) > /proc/sys/net/ipv4/conf/\($0.key.device)/\($0.key.name.rawValue)" }
            script += """
                ip -n \(lab.name(of: host)) -force -batch - <<'END' >/dev/null 2>&1 || true
                \(routes)END
                ip netns exec \(lab.name(of: host)) sh -c \
                '\(settings.joined(separator: "; ")); nft -j -f - ; conntrack -F 2>/dev/null' <<'END'
                \(RandomNetwork.filterCommands(state))
                END

                """
            present[index][host] = state
        }
        return script
    }
}
