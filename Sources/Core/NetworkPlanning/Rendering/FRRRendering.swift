import IPAddressing

/// FRR: a whole frr.conf, for a relay or for the router of a site.
enum FRRRendering {
    /// Empty if the host has no session.
    static func text(_ rendering: FailoverRendering) -> String {
        let sessions = rendering.sessions
        guard let first = sessions.first else { return "" }
        let isRelay = first.metric != nil
        var lines = [
            "! \(rendering.name), for FRR: a whole frr.conf, checked with \"vtysh -C -f FILE\".",
            "! Needs bgpd=yes and bfdd=yes in /etc/frr/daemons.", "!",
        ]
        if isRelay, sessions.contains(where: \.isOfService) { lines += serviceWords }
        lines += isRelay ? relayWords : ["! The relays announce the prefixes of clusters while they work."]
        lines += ["!", "frr defaults traditional", "log syslog informational", "!"]
        if isRelay { lines += ["ip import-table \(AnnouncementTable.number)", "!"] }
        lines += lists(sessions, isRelay: isRelay)
        lines += ["router bgp \(first.localAS)", " bgp router-id \(rendering.routerID)"]
        // Without it routes are announced up to a second after a session has come up.
        lines += [" no bgp default ipv4-unicast", " coalesce-time 10"]
        for session in sessions where session.localAS == first.localAS { lines += neighbour(session) }
        for family in AddressFamily.allCases {
            let own = sessions.filter { $0.local.family == family && $0.localAS == first.localAS }
            guard !own.isEmpty else { continue }
            lines += [" !", " address-family ip\(family) unicast"]
            if isRelay, family == .v4 { lines.append("  redistribute table \(AnnouncementTable.number)") }
            for session in own {
                lines += [
                    "  neighbor \(session.neighbour) activate",
                    "  neighbor \(session.neighbour) route-map \(session.name) \(isRelay ? "out" : "in")",
                    "  neighbor \(session.neighbour) route-map namebridge_none \(isRelay ? "in" : "out")",
                ]
            }
            lines.append(" exit-address-family")
        }
        return (lines + ["exit", "!", "end"]).joined(separator: "\n") + "\n"
    }

    private static let relayWords = [
        "! \"namebridge net agent\" on this host puts the prefixes into routing table"
            + " \(AnnouncementTable.number)",
        "! while the path works, and takes them out when it does not, when the relay is drained, and when",
        "! the agent ends.",
        "! FRR announces what is in that table, and copies it into the main one as routes that drop (metric",
        "! 20). Narrower or better routes win. On a host that has none, as a node that reaches services by",
        "! kube-proxy alone, processes lose these prefixes: use BIRD there, which copies nothing.",
        "! FRR imports routes of IPv4 alone from a table: use BIRD if prefixes of IPv6 are to be announced.",
    ]

    /// FRR prefers the connected route of an address on an interface to the table, and redistributes nothing
    /// but preferred routes (zebra 8.4).
    private static let serviceWords = [
        "! An IPv4 address that forwarders share must be a local route and no address of an interface,",
        "! or FRR announces nothing: \"ip route add local ADDRESS dev lo\".",
        "! An IPv6 address is one of lo: \"ip address add ADDRESS/128 dev lo\".",
    ]

    /// What each session carries, and nothing the other way.
    private static func lists(_ sessions: [FailoverRendering.Session], isRelay: Bool) -> [String] {
        var lines: [String] = []
        for session in sessions {
            let word = session.local.family == .v4 ? "ip" : "ipv6"
            lines += session.reasons.map { "! \($0)" }
            for (index, prefix) in session.prefixes.enumerated() {
                lines.append("\(word) prefix-list \(session.name) seq \(5 * (index + 1)) permit \(prefix)")
            }
            lines += [
                "route-map \(session.name) permit 10",
                " match \(word) address prefix-list \(session.name)",
            ]
            // The lowest is preferred: 255 - priority.
            if let metric = session.metric { lines.append(" set metric \(metric)") }
            lines += ["exit", "!"]
        }
        return lines + ["route-map namebridge_none deny 10", "exit", "!"]
    }

    private static func neighbour(_ session: FailoverRendering.Session) -> [String] {
        [
            " neighbor \(session.neighbour) remote-as \(session.neighbourAS)",
            " neighbor \(session.neighbour) bfd 3 100 100",
            " neighbor \(session.neighbour) timers 3 9",
            " neighbor \(session.neighbour) timers connect 1",
            " neighbor \(session.neighbour) update-source \(session.local)",
        ]
    }
}
