import IPAddressing

/// Evaluates the observation of a forwarder.
package struct ForwarderDiagnosis: Sendable {
    /// The observation.
    private let seen: ForwarderObservation

    /// Creates forwarder diagnosis.
    package init(_ seen: ForwarderObservation) { self.seen = seen }

    /// The sockets first, then each cluster and `dns.upstream`, last the host.
    package var findings: [Finding] {
        seen.listeners.map { ListenerDiagnosis(seen: $0).finding }
            + seen.clusters.flatMap { ClusterDiagnosis(seen: $0).findings }
            + UpstreamDiagnosis(servers: seen.upstream).findings
            + seen.bypasses.map(Self.finding)
            + HostDiagnosis(seen: seen.host).findings
    }

    /// The finding about a rule that leads past the server.
    private static func finding(_ bypass: ForwarderObservation.Bypass) -> Finding {
        Finding(
            .warning, "other resolver of this host", .forwarded,
            "\(bypass.sources.joined(separator: ", ")) sends \(bypass.suffix) to \(bypass.server),"
                + " a server of \(bypass.cluster), past Namebridge",
            "Its clients get what that one cluster answers: the names of other clusters, health checks and"
                + " hints do not reach them. Replace the line by those of \"namebridge net render\", which"
                + " lead here.")
    }
}

/// Evaluates one address of `dns.listen`.
struct ListenerDiagnosis {
    /// The observation.
    let seen: ForwarderObservation.Listener

    /// The subject of the finding.
    private var subject: String { "listen \(seen.endpoint)" }

    /// The finding about the address.
    var finding: Finding {
        let own = [seen.datagrams, seen.streams].map { holders in
            holders.first { $0.isOurs && $0.endpoint == seen.endpoint }
        }
        let strangers = (seen.datagrams + seen.streams).filter { !$0.isOurs }
        guard own.contains(where: { $0 == nil }) else { return listening(own[0]?.process, strangers) }
        if let stranger = strangers.first {
            let isHidden = strangers.allSatisfy { $0.name == nil }
            return (isHidden ? hidden : nil) ?? taken(stranger, strangers)
        }
        return Finding(
            .problem, subject, .listening, "no server listens",
            "The server does not run, or runs with another configuration.",
            remedies: [Remedy("systemd", "namebridge.service", [], then: "systemctl restart namebridge")])
    }

    /// The finding if Namebridge holds the sockets.
    private func listening(_ process: Int?, _ strangers: [ForwarderObservation.Holder]) -> Finding {
        let who = "Namebridge\(process.map { " (process \($0))" } ?? "")"
        let silent = [("UDP", Probe.zone), ("TCP", .zoneOverTCP)].filter { name, probe in
            seen.answers.outcomes[probe] != nil && seen.answers[probe] == nil
        }.map(\.0)
        guard silent.isEmpty else {
            return Finding(
                .problem, subject, .listening,
                "\(who) listens, but does not answer over \(silent.joined(separator: " and "))",
                "Questions from this host got no answer: a firewall drops them on the way in, dns.refuse is"
                    + " \"drop\", or the server hangs.")
        }
        let others = Set(
            strangers.filter { !$0.endpoint.address.isUnspecified }.map { "\($0.endpoint.address)" })
        let note = others.isEmpty ? "" : "; \(others.sorted().joined(separator: ", ")) belongs to others"
        return Finding(.ok, subject, .listening, "\(who) listens and answers over UDP and TCP\(note)")
    }

    /// What the answers show if only root can see the owners of the sockets; nil if no answer came.
    private var hidden: Finding? {
        let answers = [seen.answers[.zone], seen.answers[.zoneOverTCP]].compactMap { $0 }
        guard let first = answers.first else { return nil }
        if answers.count == 2, answers.allSatisfy(\.isFine) {
            return Finding(
                .ok, subject, .listening,
                "answers for a cluster over UDP and TCP (root alone sees which process it is)")
        }
        return Finding(
            .warning, subject, .listening,
            "\(ForwarderObservation.Holder.hiddenWords) answers: \(first.words)",
            "Only root can see whether it is Namebridge.")
    }

    // MARK: - Another process

    /// The finding if another process holds a socket.
    private func taken(
        _ stranger: ForwarderObservation.Holder, _ strangers: [ForwarderObservation.Holder]
    ) -> Finding {
        let names = strangers.reduce(into: [String]()) { list, holder in
            if !list.contains(holder.words) { list.append(holder.words) }
        }
        return Finding(
            .problem, subject, .listening,
            "taken by \(names.joined(separator: ", ")) at \(stranger.endpoint)",
            "Namebridge cannot listen there. Free the port, or let Namebridge listen at an address that the"
                + " other does not use.",
            remedies: Self.freeing(stranger.name ?? "", seen.endpoint.port) + [
                Remedy(
                    "Namebridge", "/etc/namebridge/namebridge.yaml",
                    ["dns:", "  listen: [\"ADDRESS:\(seen.endpoint.port)\"]  # one that is free"],
                    then: "systemctl restart namebridge")
            ])
    }

    /// The configuration that makes the process free the port.
    private static func freeing(_ name: String, _ port: UInt16) -> [Remedy] {
        switch name {
        case _ where name.hasPrefix("systemd-resolve"):
            return [
                Remedy(
                    "systemd-resolved", "/etc/systemd/resolved.conf.d/namebridge.conf",
                    ["[Resolve]", "DNSStubListener=no"],
                    then: "systemctl restart systemd-resolved"
                        + " && ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf")
            ]
        case "dnsmasq":
            return [
                Remedy(
                    "dnsmasq", "/etc/dnsmasq.d/namebridge.conf",
                    ["port=0  # no DNS; DHCP stays"], then: "systemctl restart dnsmasq")
            ]
        case "unbound":
            return [
                Remedy(
                    "Unbound", "/etc/unbound/unbound.conf.d/namebridge.conf",
                    ["server:", "    port: \(port == 53 ? 5353 : 53)"], then: "systemctl restart unbound")
            ]
        case "named":
            return [
                Remedy(
                    "BIND", "/etc/bind/named.conf.options, inside of options { }",
                    [
                        "listen-on port \(port == 53 ? 5353 : 53) { 127.0.0.1; };",
                        "listen-on-v6 { none; };",
                    ], then: "systemctl restart named")
            ]
        default: return []
        }
    }
}
