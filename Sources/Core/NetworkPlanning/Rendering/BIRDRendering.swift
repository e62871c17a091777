import IPAddressing

/// BIRD 2: a whole bird.conf, for a relay or for the router of a site.
enum BIRDRendering {
    /// Empty if the host has no session.
    static func text(_ rendering: FailoverRendering) -> String {
        let sessions = rendering.sessions
        guard let first = sessions.first else { return "" }
        let isRelay = first.metric != nil
        var text = """
            # \(rendering.name), for BIRD 2: a whole bird.conf, checked with "bird -p -c FILE".
            #
            \(isRelay ? relayWords : routerWords)
            router id \(rendering.routerID);
            log syslog all;

            # Knows the interfaces; the others need it.
            protocol device {
            }

            # Notices within 0.3 s that the other end is gone.
            protocol bfd namebridge_bfd {
                interface "*" {
                    min rx interval 100 ms;
                    min tx interval 100 ms;
                    multiplier 3;
                };
            }


            """
        for family in AddressFamily.allCases where sessions.contains(where: { $0.local.family == family }) {
            text += isRelay ? relayTable(family) : routerTable(family)
        }
        for session in sessions { text += bgp(session) }
        return text
    }

    private static let relayWords = """
        # "namebridge net agent" on this host puts the prefixes into routing table \(AnnouncementTable.number)
        # while the path works, and takes them out when it does not, when the relay is drained, and when the
        # agent ends.
        # BIRD announces what is in that table; no packet is routed by it.

        """

    private static let routerWords = """
        # The relays announce the prefixes of clusters while they work. No other prefix is taken from them.

        """

    private static func relayTable(_ family: AddressFamily) -> String {
        """
        ip\(family) table namebridge_\(family);

        # From routing table \(AnnouncementTable.number), the routes of protocol 78, which are the agent's.
        protocol kernel namebridge_kernel_\(family) {
            kernel table \(AnnouncementTable.number);
            learn;
            ip\(family) {
                table namebridge_\(family);
                import filter {
                    if krt_source = 78 then accept;
                    reject;
                };
                export none;
            };
        }


        """
    }

    private static func routerTable(_ family: AddressFamily) -> String {
        """
        # Into the kernel: only what the relays announce. Equal ones share the connections.
        protocol kernel namebridge_kernel_\(family) {
            merge paths on;
            ip\(family) {
                import none;
                export where proto ~ "namebridge_*";
            };
        }


        """
    }

    private static func bgp(_ session: FailoverRendering.Session) -> String {
        let family = session.local.family
        let channel: String
        if let metric = session.metric {
            channel = """
                        table namebridge_\(family);
                        import none;
                        export filter {
                            bgp_med = \(metric);  # the lowest is preferred: 255 - priority
                            accept;
                        };
                """
        } else {
            let list = session.prefixes.map(\.description).joined(separator: ", ")
            channel = """
                        import filter {
                            if net ~ [ \(list) ] then accept;
                            reject;
                        };
                        export none;
                """
        }
        return """
            # \(session.reasons.joined(separator: "; "))
            protocol bgp \(session.name) {
                local \(session.local) as \(session.localAS);
                neighbor \(session.neighbour) as \(session.neighbourAS);
                bfd on;
                hold time 9;  # where the other end has no BFD
                # Without these a session that BFD has ended is tried again after a minute or more.
                connect delay time 1;
                connect retry time 1;
                error wait time 1, 1;
                ip\(family) {
            \(channel)
                };
            }


            """
    }
}
