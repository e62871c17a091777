import Foundation
import IPAddressing
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
        var (unknown, reached, done, several) = (0, 0, 0, 0)
        var kinds: [RandomNetwork.Kind: Int] = [:]
        while done < count {
            // A quarter of them in IPv6.
            let family: AddressFamily = done / 8 % 4 == 3 ? .v6 : .v4
            let networks = (0..<min(8, count - done)).map { _ in RandomNetwork.random(&numbers, family) }
            for network in networks { for kind in network.kinds { kinds[kind, default: 0] += 1 } }
            for (network, seen) in zip(networks, try bench.play(networks)) {
                let said = network.prediction()
                if said.outcomes == nil { unknown += 1 }
                if let outcomes = said.outcomes, outcomes.count > 1 { several += 1 }
                if seen.source != nil { reached += 1 }
                guard let disagreement = ProofBench.disagreement(said, seen) else { continue }
                // Neighbours are still being resolved on a busy machine: only what is seen twice counts.
                let again = try bench.play([network])[0]
                guard ProofBench.disagreement(said, again) != nil else { continue }
                let small = try bench.shrunk(network)
                Issue.record(
                    """
                    seed \(seed), network \(done): \(disagreement)
                    \(small.destination):\(small.target.port) with
                    \(small.features.map(\.description).joined(separator: "\n")) \(small.narrow.map { "\($0)" } ?? "")
                    \(small.prediction().text)
                    """)
            }
            done += networks.count
        }
        print("explain-proof: \(reached) of \(count) arrive, \(unknown) are not known, \(several) may or may not")
        let shares = RandomNetwork.Kind.allCases.map { "\($0.rawValue) \(kinds[$0, default: 0])" }
        print("explain-proof: networks with each kind: \(shares.joined(separator: ", "))")
        #expect(count < 160 || RandomNetwork.Kind.allCases.allSatisfy { kinds[$0] != nil })
        #expect(unknown * 10 < count && reached * 10 > count)
    }
}

/// Networks of namespaces that take one random network after the other.
final class ProofBench {
    private let labs: [Lab]
    private let probes = ProbeSockets()
    /// The states that the namespaces have.
    private var present: [[String: HostState]]
    /// The family of the routes and rules that they have.
    private var family = AddressFamily.v4

    init(_ name: String, width: Int) throws {
        var script = RandomNetwork.cables.map { "wire \($0.0) \($0.1) \($0.2) \($0.3)" } + RandomNetwork.meshScript
        for (host, addresses) in RandomNetwork.addresses.sorted(by: { $0.key < $1.key }) {
            script += addresses.map {
                "address \(host) \($0.device) \($0.address)/\($0.length) \(RandomNetwork.wordInV6($0.address))/\($0.length + 96)"
            }
        }
        // Random filters stop the discovery of neighbours of IPv6 as well, which is not what is examined here.
        for (host, device, other, peer) in RandomNetwork.cables {
            script += [(host, device, other, peer), (other, peer, host, device)].map { near, port, far, end in
                let address = RandomNetwork.addresses[far]?.first { $0.device == end }?.address ?? ""
                return "ip -n ${P}\(near) -6 neigh replace \(RandomNetwork.wordInV6(address)) dev \(port) nud permanent"
                    + " lladdr $(on \(far) cat /sys/class/net/\(end)/address)"
            }
        }
        labs = try (0..<width).map {
            try Lab("\(name)\($0)", hosts: RandomNetwork.hosts, script: script.joined(separator: "\n") + "\n")
        }
        present = labs.map { _ in [:] }
        for lab in labs { try probes.answer(in: lab.space(of: "s")) }
    }

    /// What is seen of a network's packets.
    struct Seen {
        /// The source that the far side sees; nil if nothing comes back.
        let source: String?
        /// Whether a large echo request is answered; nil if none was sent.
        let large: Bool?
    }

    /// What is seen of the networks' packets.
    func play(_ networks: [RandomNetwork]) throws -> [Seen] {
        if let family = networks.first?.family, family != self.family {
            try labs[0].script(labs.indices.map { "(\n\(clearing($0))) &\n" }.joined() + "wait\n")
            self.family = family
            present = labs.map { _ in [:] }
        }
        let scripts = networks.enumerated().map { index, network in loading(network, into: index) }.filter { !$0.isEmpty }
        if !scripts.isEmpty {
            let output = try labs[0].script(scripts.map { "(\n\($0)) &\n" }.joined() + "wait\n")
            // What a program refuses, the kernel does not have.
            guard !output.contains("REFUSED") else { throw LabFailure(text: output) }
        }
        let asked = networks.enumerated().map { index, network in
            (labs[index].space(of: "c"), Probe(host: "c", address: network.destination, port: network.target.port))
        }
        return try probes.run(asked, milliseconds: 500).map { Seen(source: $0.tcp, large: $0.large) }
    }

    /// What differs; nil if nothing does, or nothing is said.
    static func disagreement(_ said: RandomNetwork.Prediction, _ seen: Seen) -> String? {
        if let outcomes = said.outcomes, !outcomes.contains(seen.source) {
            let words = outcomes.map { $0 ?? "nothing" }.sorted().joined(separator: " or ")
            return "said \(words), seen \(seen.source ?? "nothing")"
        }
        guard let large = said.large, let passes = seen.large, !large.contains(passes) else { return nil }
        return "said of a large packet that it is \(passes ? "lost, and it is answered" : "answered, and it is lost")"
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
            // The client learns how large packets may be, and forgets it with its routes.
            guard let state = states[host], host == "c" || present[index][host] != state else { continue }
            let cleaning = present[index][host].map { RandomNetwork.cleaningCommands($0) } ?? ""
            let settings = state.settings.sorted { "\($0.key)" < "\($1.key)" }
                .sorted { left, right in left.key.device == "all" && right.key.device != "all" }
                .map {
                    let kind = $0.key.family == .v4 ? "ipv4" : "ipv6"
                    return "echo \($0.value) > /proc/sys/net/\(kind)/conf/\($0.key.device)/\($0.key.name.rawValue)"
                }
            let restoring = state.iptables.map { tables in
                """
                ip netns exec \(lab.name(of: host)) \(tables.family == .v4 ? "iptables" : "ip6tables")-restore -n <<'END' || echo REFUSED
                \(RandomNetwork.iptablesText(tables))END

                """
            }
            let name = lab.name(of: host)
            // A command that is refused names itself; those after it are tried.
            let objects = RandomNetwork.objectCommands(state)
            let adding = objects.isEmpty ? "" : "ip -n \(name) -batch - <<'END' || echo REFUSED\n\(objects)END\n"
            script += """
                ip \(option) -n \(name) -force -batch - <<'END' >/dev/null 2>&1 || true
                \(cleaning)END
                \(adding)ip \(option) -n \(name) -force -batch - <<'END' || echo REFUSED
                \(RandomNetwork.routeCommands(state))END
                bridge -n \(lab.name(of: host)) -force -batch - <<'END' >/dev/null 2>&1 || true
                \(RandomNetwork.bridgeCommands(state, after: present[index][host]))END
                ip netns exec \(lab.name(of: host)) sh -c \
                '\(settings.joined(separator: "; ")); nft -j -f - || echo REFUSED; \(Self.forgetting)' <<'END'
                \(RandomNetwork.filterCommands(state))
                END
                \(restoring.joined())
                """
            present[index][host] = state
        }
        return script
    }

    /// The option of `ip` for the present family.
    private var option: String { family == .v4 ? "-4" : "-6" }

    /// Removes all known connections.
    private static let forgetting = "conntrack -F 2>/dev/null; conntrack -F -f ipv6 2>/dev/null"

    /// The script that removes from one lab what a network of the present family has left.
    private func clearing(_ index: Int) -> String {
        RandomNetwork.hosts.compactMap { host in
            guard let state = present[index][host] else { return nil }
            let name = labs[index].name(of: host)
            return """
                ip \(option) -n \(name) -force -batch - <<'END' >/dev/null 2>&1 || true
                \(RandomNetwork.cleaningCommands(state))END
                bridge -n \(name) -force -batch - <<'END' >/dev/null 2>&1 || true
                \(RandomNetwork.bridgeCommands(HostState(), after: state))END
                ip netns exec \(name) sh -c 'nft flush ruleset; \(Self.forgetting)'

                """
        }.joined()
    }
}
