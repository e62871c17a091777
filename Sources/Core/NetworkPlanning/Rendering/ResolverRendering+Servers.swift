import IPAddressing

extension ResolverRendering {
    /// dnsmasq 2.86 or later: its rebind protection accepts the private addresses of clusters.
    var dnsmasq: String {
        let target = server.port == 53 ? server.address.description : "\(server.address)#\(server.port)"
        var text = "# /etc/dnsmasq.d/namebridge.conf; then: systemctl restart dnsmasq\n"
        for suffix in suffixes { text += "server=/\(suffix)/\(target)\nrebind-domain-ok=/\(suffix)/\n" }
        for prefix in prefixes { text += "rev-server=\(prefix),\(target)\n" }
        return text
    }

    /// BIND 9.18: private zones are forwarded, and not checked against the signed root.
    var bind: String {
        let target = server.port == 53 ? "\(server.address);" : "\(server.address) port \(server.port);"
        let zones = suffixes + reverseZones
        var text = "// In named.conf, inside of options { }:\n"
        text += "validate-except { \(suffixes.map { "\"\($0)\";" }.joined(separator: " ")) };\n"
        for zone in builtInZones { text += "disable-empty-zone \"\(zone)\";\n" }
        text += "// Outside of options { }:\n"
        for zone in zones {
            text += "zone \"\(zone)\" { type forward; forward only; forwarders { \(target) }; };\n"
        }
        return text
    }

    /// Unbound: the zones are not checked against the signed root, hold private addresses, and are not
    /// answered with its built-in private zones.
    var unbound: String {
        let target = server.port == 53 ? server.address.description : "\(server.address)@\(server.port)"
        var text = "# /etc/unbound/unbound.conf.d/namebridge.conf; then: unbound-control reload\nserver:\n"
        for suffix in suffixes {
            text += "    domain-insecure: \"\(suffix).\"\n    private-domain: \"\(suffix).\"\n"
            text += "    local-zone: \"\(suffix).\" transparent\n"
        }
        for zone in reverseZones {
            text += "    domain-insecure: \"\(zone).\"\n    local-zone: \"\(zone).\" transparent\n"
        }
        for zone in suffixes + reverseZones {
            text += "forward-zone:\n    name: \"\(zone).\"\n    forward-addr: \(target)\n"
        }
        return text
    }
}
