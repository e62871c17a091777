/// Evaluates the servers of `dns.upstream`, as seen from the forwarder.
struct UpstreamDiagnosis {
    /// The servers of `dns.upstream`.
    let servers: [ServerObservation]

    /// The findings about each server.
    var findings: [Finding] {
        let isAlone = !servers.contains(where: \.isAlive)
        return servers.flatMap { server in
            let subject = "dns.upstream, server \(server.server)"
            return AskedServerDiagnosis(
                seen: server, subject: subject, isAlone: isAlone, served: served(server, subject)
            ).findings
        }
    }

    /// Whether it answers for the root, as it does for every name; nil if it does.
    private func served(_ server: ServerObservation, _ subject: String) -> Finding? {
        guard let answer = server[.zone] ?? server[.zoneOverTCP], !answer.isFine else { return nil }
        guard answer.rcode == ProbeAnswer.refused else {
            return Finding(
                .warning, subject, .forwarded, "does not know the root zone: \(answer.words)",
                "It may know only private names, or cannot reach the public DNS.")
        }
        return Finding(
            .problem, subject, .forwarded, "refuses this host's questions: \(answer.words)",
            "All names outside of the clusters fail: it must let this host ask, and recurse for it.")
    }
}

/// Evaluates one server that the forwarder asks, beside the others of its group.
struct AskedServerDiagnosis {
    /// The observation.
    let seen: ServerObservation
    /// The subject of the findings.
    let subject: String

    /// True if no other server of its group answers.
    let isAlone: Bool

    /// A fault of the zone that it serves; nil if there is none.
    let served: Finding?

    /// The time after which the forwarder avoids the server, in nanoseconds.
    private static let slow: Int64 = 400_000_000

    /// The faults, or one line that says that there is none.
    var findings: [Finding] {
        var findings = ServerDiagnosis(seen: seen, subject: subject).findings
        if !isAlone {
            // The other servers answer instead.
            for index in findings.indices where findings[index].check == .reachable {
                if findings[index].severity == .problem { findings[index].severity = .warning }
            }
        }
        for index in findings.indices where findings[index].check == .packetSize {
            // Changes for clients do not help between us and the cluster.
            findings[index].remedies = []
        }
        guard seen.isAlive else { return findings }
        if let served { findings.append(served) }
        let times = [Probe.zone, .version, .address].compactMap { seen[$0]?.nanoseconds }
        if let best = times.min(), best > Self.slow {
            findings.append(
                Finding(
                    .warning, subject, .time, "takes \(best / 1_000_000) ms for the quickest answer",
                    "Every name that is not in the cache takes that long, and a few such servers in a row use"
                        + " up the 5 s that clients wait."))
        }
        let trouble = findings.filter { $0.severity != .ok }
        guard trouble.isEmpty else { return trouble }
        let size = seen[.zonePadded] == nil ? "" : " and 1,232 octets"
        let time = (times.min() ?? 0) / 1_000
        return [
            Finding(
                .ok, subject, .reachable,
                "answers over UDP and TCP, with EDNS\(size), in \(time / 1_000).\(time % 1_000 / 100) ms"
            )
        ]
    }
}
