import ClusterDiscovery
import Diagnosis
import DomainNames
import IPAddressing
import Inventory
import LinuxSystem

/// Asks the DNS of discovered clusters from this host: a ClusterIP mostly answers on nodes alone.
enum ReachableServers {
    /// The clusters with the addresses that answer here, and what to say of those whose first ones do not.
    static func choose(for found: [ClusterFindings]) -> (found: [ClusterFindings], remarks: [String]) {
        choose(for: found, among: answering(found))
    }

    /// The same with the addresses that answer here. One that several clusters have tells of none of them
    /// that it can be asked.
    static func choose(
        for found: [ClusterFindings], among answering: Set<Endpoint>
    ) -> (found: [ClusterFindings], remarks: [String]) {
        var chosen = found
        let shared = ClusterFindings.sharedDNS(of: found).filter { answering.contains($0.key) }
        let unclear = Set(shared.values.joined())
        var remarks = shared.sorted { $0.key.description < $1.key.description }.map {
            doubt(of: $0.key, $0.value)
        }
        for index in chosen.indices where !isHere(chosen[index]) {
            switch chosen[index].choose(among: answering.subtracting(shared.keys)) {
            case .asFound: break
            case .atOthers:
                let (before, now) = (servers(of: found[index]), servers(of: chosen[index]))
                remarks.append(
                    "\(found[index].key): \(before) does not answer here, \(now) does and is taken")
            case .nowhere where unclear.contains(chosen[index].key): break
            case .nowhere: remarks += advice(for: chosen[index])
            }
        }
        return (chosen, remarks)
    }

    /// What to say of an address that answers for one of several clusters.
    private static func doubt(of server: Endpoint, _ keys: [String]) -> String {
        "\(keys.joined(separator: ", ")): \(server.shortText) answers here, and each of them has its DNS"
            + " there: which one answers is not known. Leave out a context if they are of one cluster; else"
            + " give each \"dns\" an address that only its cluster has"
    }

    /// The addresses of a cluster's DNS.
    private static func servers(of findings: ClusterFindings) -> String {
        (findings.values.dns?.value ?? []).map(\.shortText).joined(separator: ", ")
    }

    /// True if this host is a node of the cluster: what it asks there is inside.
    private static func isHere(_ findings: ClusterFindings) -> Bool {
        (findings.nodes?.value ?? []).flatMap(\.addresses).contains(where: HostAddresses.contains)
    }

    /// The servers that answer for their clusters' domains, all asked at once: three seconds at most.
    private static func answering(_ found: [ClusterFindings]) -> Set<Endpoint> {
        var random = SystemRandomNumberGenerator()
        var questions: [Interrogation.Question] = []
        for findings in found {
            let domain = findings.values.domain?.value ?? .clusterLocal
            let writer = ProbeQuestions(suffix: domain, name: domain)
            for server in (findings.values.dns?.value ?? []) + findings.lastingOtherDNS {
                questions += writer.questions([.zone], to: server, random: &random)
            }
        }
        let outcomes = Interrogation.ask(questions)
        return Set(outcomes.filter { $0.value[.zone]?.answer?.isFine == true }.keys)
    }

    /// What to do for a cluster whose DNS does not answer here, as lines.
    static func advice(for findings: ClusterFindings) -> [String] {
        let servers = servers(of: findings)
        let asked = servers.isEmpty ? "no address of its DNS was found" : "\(servers) does not answer here"
        return [
            "\(findings.key): \(asked). Make the way with \"namebridge net apply\" on a relay, or let its"
                + " DNS answer at a port of every node, and repeat this with --force:",
            "  \(findings.kubectl) apply -f \(outsideManifest)",
        ]
    }

    /// The manifest of a service at a port of every node, where packages put it.
    static let outsideManifest = "/usr/share/namebridge/dns-outside.yaml"
}
