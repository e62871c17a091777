import IPAddressing

/// Resolvers that an office has.
extension ResolverRendering {
    /// dnsmasq 2.86 or later: its rebind protection accepts the private addresses of clusters.
    var dnsmasq: String {
        "# /etc/dnsmasq.d/namebridge.conf; then: systemctl restart dnsmasq\n" + dnsmasqLines
    }

    /// The lines for dnsmasq alone.
    var dnsmasqLines: String {
        let target = target("#")
        var text = ""
        for suffix in suffixes { text += "server=/\(suffix)/\(target)\nrebind-domain-ok=/\(suffix)/\n" }
        for prefix in prefixes { text += "rev-server=\(prefix),\(target)\n" }
        return text
    }

    /// BIND 9.18: private zones are forwarded, and not checked against the signed root.
    var bind: String {
        let target = target(" port ")
        var text =
            "// In named.conf; then: rndc reconfig. What is inside of options belongs to those.\n"
        text += "options {\n    validate-except { \(zones.map { "\"\($0)\";" }.joined(separator: " ")) };\n"
        for zone in builtInZones { text += "    disable-empty-zone \"\(zone)\";\n" }
        text +=
            "    max-records-per-type 0;  // 9.18.28 and later; else at most 100 endpoints of a service\n"
        text += "};\n"
        for zone in zones {
            text += "zone \"\(zone)\" { type forward; forward only; forwarders { \(target); }; };\n"
        }
        return text
    }

    /// Unbound: the zones are not checked against the signed root, hold private addresses, and are not
    /// answered with its built-in private zones. It keeps neither answers nor failures of them: a failure
    /// would be repeated for five seconds (NORR_TTL of its iterator) after a path has come back.
    var unbound: String {
        let target = target("@")
        var text = "# /etc/unbound/unbound.conf.d/namebridge.conf; then: unbound-control reload\nserver:\n"
        for suffix in suffixes {
            text += "    domain-insecure: \"\(suffix).\"\n    private-domain: \"\(suffix).\"\n"
            text += "    local-zone: \"\(suffix).\" transparent\n"
        }
        for zone in reverseZones {
            text += "    domain-insecure: \"\(zone).\"\n    local-zone: \"\(zone).\" transparent\n"
        }
        if server.address.isLoopback { text += "    do-not-query-localhost: no\n" }
        for zone in zones {
            text += "forward-zone:\n    name: \"\(zone).\"\n    forward-addr: \(target)\n"
            text += "    forward-no-cache: yes\n"
        }
        return text
    }

    /// Knot Resolver 5; the same for the YAML of version 6 in comments.
    var knot: String {
        let target = target("@")
        let list = zones.map { "'\($0)'" }.joined(separator: ", ")
        return """
            -- /etc/knot-resolver/kresd.conf, above all other rules; then: systemctl restart 'kresd@*'
            clusters = policy.todnames({\(list)})
            policy.add(policy.suffix(policy.FLAGS({'NO_CACHE', 'ALLOW_LOCAL'}), clusters))
            policy.add(policy.suffix(policy.STUB('\(target)'), clusters))
            -- Knot Resolver 6, in /etc/knot-resolver/config.yaml:
            -- forward:
            --   - subtree: [\(zones.joined(separator: ", "))]
            --     servers: ['\(target)']
            --     options: { authoritative: true, dnssec: false }

            """
    }

    /// PowerDNS Recursor: three files. Without `+` it expects an authoritative server.
    var recursor: String {
        let target = target(":", brackets: true)
        return """
            # /etc/powerdns/recursor.d/namebridge.conf; then: systemctl restart pdns-recursor
            forward-zones-file=/etc/powerdns/namebridge.zones
            max-rrset-size=4096
            # /etc/powerdns/namebridge.zones
            \(zones.map { "+\($0)=\(target)" }.joined(separator: "\n"))
            -- /etc/powerdns/recursor.lua, which lua-config-file names
            \(zones.map { "addNTA('\($0)')" }.joined(separator: "\n"))

            """
    }

    /// CoreDNS: a server block, beside the one for other names.
    var coredns: String {
        """
        # A block of the Corefile; then: kill -USR1, or wait for the plugin reload
        \(zones.joined(separator: " ")) {
            errors
            cache 30
            forward . \(target(":", brackets: true))
        }

        """
    }

    /// Conditional forwarders of a DNS server of Windows, which ask at port 53 only.
    var activeDirectory: String {
        var text = "# PowerShell as administrator, once, on a DNS server of Active Directory\n"
        for zone in zones {
            text += "Add-DnsServerConditionalForwarderZone -Name \"\(zone)\" -MasterServers \(server.address)"
            text += " -ReplicationScope \"Forest\"\n"
        }
        return text
    }
}
