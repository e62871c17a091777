package import DomainNames
package import IPAddressing

/// Evaluates the servers of one cluster, as seen from the forwarder.
struct ClusterDiagnosis {
    /// The observation.
    let seen: ForwarderObservation.ClusterServers

    /// Each server, then whether they agree.
    var findings: [Finding] {
        guard !seen.servers.isEmpty else { return [] }
        let alive = seen.servers.filter(\.isAlive)
        return seen.servers.flatMap { findings($0, isAlone: alive.isEmpty) }
            + [agreement(alive)].compactMap { $0 }
    }

    /// The findings about one server.
    private func findings(_ server: ServerObservation, isAlone: Bool) -> [Finding] {
        let subject = "cluster \(seen.key), server \(server.words)"
        var findings = AskedServerDiagnosis(
            seen: server, subject: subject, isAlone: isAlone, served: served(server, subject)
        ).findings
        guard !server.isAlive, server.server.port == 53, !hasHost(server) else { return findings }
        for index in findings.indices where findings[index].check == .reachable {
            findings[index].meaning += " A ClusterIP mostly answers on nodes alone."
            findings[index].remedies.append(Self.outsidePort)
        }
        return findings
    }

    /// True if the host of a silent server has answered that nothing listens there.
    private func hasHost(_ server: ServerObservation) -> Bool {
        server.outcomes.values.contains { ServerDiagnosis.words($0).contains("refused") }
    }

    /// What lets a cluster's DNS answer outside of its nodes, besides a path to its ClusterIPs.
    private static let outsidePort = Remedy(
        "Kubernetes", "a port of every node for the cluster's DNS",
        ["kubectl apply -f /usr/share/namebridge/dns-outside.yaml"],
        then: "namebridge init --context NAME --force")

    /// Whether it serves the cluster's zone; nil if it does.
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
                    + " answers come from one cluster or the other at random. Remove the wrong server.",
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

extension Finding {
    /// What the failure of a server's last probe means.
    ///
    /// - Parameter reason: Such as `timeout` or `Connection refused`.
    package static func ofDeadServer(
        _ server: Endpoint, cluster: String, domain: DomainName, reason: String
    ) -> [Finding] {
        let seen = ServerObservation(server: server, outcomes: [.zone: .failure(reason)])
        let servers = ForwarderObservation.ClusterServers(
            key: cluster, domain: "\(domain)", servers: [seen])
        return ClusterDiagnosis(seen: servers).findings.filter { $0.severity == .problem }
    }
}

extension Remedy {
    /// The whole remedy in one line.
    package var line: String {
        "\(software), \(file): \(lines.joined(separator: " "))"
            + (command.map { "; then: \($0)" } ?? "")
    }
}
