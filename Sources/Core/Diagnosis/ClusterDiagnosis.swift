import IPAddressing

/// Judges the servers of one cluster, as the forwarder asks them.
struct ClusterDiagnosis {
    let seen: ForwarderObservation.ClusterServers

    /// Each server, then whether they agree.
    var findings: [Finding] {
        guard !seen.servers.isEmpty else { return [] }
        let alive = seen.servers.filter(\.isAlive)
        return seen.servers.flatMap { findings($0, isAlone: alive.isEmpty) }
            + [agreement(alive)].compactMap { $0 }
    }

    /// Beyond it the server is one that the forwarder avoids, in nanoseconds.
    private static let slow: Int64 = 400_000_000

    private func findings(_ server: ServerObservation, isAlone: Bool) -> [Finding] {
        let subject = "cluster \(seen.key), server \(server.server)"
        var findings = ServerDiagnosis(seen: server, subject: subject).findings
        if !isAlone {
            // The others answer in its place.
            for index in findings.indices where findings[index].check == .reachable {
                if findings[index].severity == .problem { findings[index].severity = .warning }
            }
        }
        for index in findings.indices where findings[index].check == .packetSize {
            // What we tell clients changes nothing between us and the cluster.
            findings[index].remedies = []
        }
        guard server.isAlive else { return findings }
        if let served = served(server, subject) { findings.append(served) }
        let times = [Probe.zone, .version, .address].compactMap { server[$0]?.nanoseconds }
        if let best = times.min(), best > Self.slow {
            findings.append(
                Finding(
                    .warning, subject, .time, "takes \(best / 1_000_000) ms for the quickest answer",
                    "Every name that is not in the cache takes that long, and a few such servers in a row use"
                        + " up the 5 s that clients wait."))
        }
        let trouble = findings.filter { $0.severity != .ok }
        guard trouble.isEmpty else { return trouble }
        let time = (times.min() ?? 0) / 1_000
        return [
            Finding(
                .ok, subject, .reachable,
                "answers over UDP and TCP, with EDNS and 1,232 octets,"
                    + " in \(time / 1_000).\(time % 1_000 / 100) ms"
            )
        ]
    }

    /// Whether it serves the cluster's zone; nil where it does.
    private func served(_ server: ServerObservation, _ subject: String) -> Finding? {
        guard let answer = server[.version] ?? server[.zone] ?? server[.zoneOverTCP] else { return nil }
        if answer.isFine { return nil }
        if server[.zone]?.isFine == true || server[.address]?.isFine == true { return nil }
        if answer.rcode == ProbeAnswer.serverFailure {
            return Finding(
                .problem, subject, .forwarded, "is not ready: \(answer.words)",
                "CoreDNS says so until it has read the cluster's services from the API server.")
        }
        return Finding(
            .problem, subject, .forwarded, "does not serve \(seen.domain): \(answer.words)",
            "It is the server of something else, or its cluster's domain is another one.",
            remedies: [
                Remedy(
                    "Namebridge", "/etc/namebridge/namebridge.yaml",
                    [
                        "clusters:", "  \(seen.key):",
                        "    domain: ...  # see its CoreDNS: kubectl -n kube-system get"
                            + " configmap coredns -o yaml",
                    ],
                    then: "namebridge reload")
            ])
    }

    /// Whether all servers are those of one cluster; nil for one server.
    private func agreement(_ alive: [ServerObservation]) -> Finding? {
        guard alive.count > 1 else { return nil }
        let subject = "cluster \(seen.key)"
        func differing<Value: Hashable>(_ value: (ServerObservation) -> Value?) -> Bool {
            Set(alive.compactMap(value)).count > 1
        }
        if differing({ $0[.address].flatMap { $0.addresses.isEmpty ? nil : $0.addresses } }) {
            let list = alive.map { "\($0.server): \(ResolverDiagnosis.list($0.addresses))" }
            return Finding(
                .problem, subject, .agreement, "its servers know different clusters",
                "The service \"kubernetes\" has another address at each (\(list.joined(separator: "; "))):"
                    + " names come from one cluster or the other, by chance. Take out the wrong server.",
                remedies: [
                    Remedy(
                        "Namebridge", "/etc/namebridge/namebridge.yaml",
                        ["clusters:", "  \(seen.key):", "    dns: [...]  # servers of this cluster alone"],
                        then: "namebridge reload")
                ])
        }
        if differing({ $0[.version].flatMap { $0.texts.isEmpty ? nil : $0.texts } }) {
            return Finding(
                .warning, subject, .agreement, "its servers speak different versions of the cluster's schema",
                "Some of them were not upgraded: answers may differ.")
        }
        return Finding(.ok, subject, .agreement, "its \(alive.count) servers agree")
    }
}
