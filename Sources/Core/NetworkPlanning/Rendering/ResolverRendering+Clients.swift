import IPAddressing

extension ResolverRendering {
    /// systemd-resolved: `~` sends the names below a suffix here. Other names are asked here and at the
    /// links' servers, and an answer takes precedence over a refusal.
    var resolved: String {
        let address = server.address.family == .v4 ? "\(server.address)" : "[\(server.address)]"
        let target = server.port == 53 ? server.address.description : "\(address):\(server.port)"
        let domains = (suffixes + reverseZones).map { "~\($0)" }.joined(separator: " ")
        var text =
            "# /etc/systemd/resolved.conf.d/namebridge.conf; then: systemctl restart systemd-resolved\n"
        text += "# Other names are answered by the servers of the links; without such, set dns.upstream.\n"
        text += "[Resolve]\nDNS=\(target)\nDomains=\(domains)\n"
        // Such a file replaces the built-in list, which contains "local" (dnssec-trust-anchors.d(5)).
        let others = suffixes.filter { $0 != "local" && !$0.hasSuffix(".local") }
        guard !others.isEmpty else { return text }
        text += "# Where it validates: \"namebridge doctor --suffix \(others[0])\" says how to except that.\n"
        return text
    }

    /// Windows: rules of the name resolution policy table for clients, conditional forwarders for an Active
    /// Directory server. Both support port 53 only.
    var windows: String {
        var text = "# PowerShell as administrator, on each client (or as a group policy):\n"
        if server.port != 53 { text += "# Windows asks at port 53 only: let Namebridge listen there.\n" }
        for zone in suffixes + reverseZones {
            text += "Add-DnsClientNrptRule -Namespace \".\(zone)\" -NameServers \"\(server.address)\""
            text += " -Comment \"Namebridge\"\n"
        }
        text += "# Or once, on an Active Directory DNS server:\n"
        for zone in suffixes + reverseZones {
            text += "Add-DnsServerConditionalForwarderZone -Name \"\(zone)\" -MasterServers \(server.address)"
            text += " -ReplicationScope \"Forest\"\n"
        }
        return text
    }

    /// macOS: one file for each suffix (resolver(5)); without it names below `.local` go to mDNS.
    var macos: String {
        var text = "#!/bin/sh\n# sudo sh FILE\nmkdir -p /etc/resolver\n"
        for zone in suffixes + reverseZones {
            text += "printf 'nameserver \(server.address)\\nport \(server.port)\\n' > /etc/resolver/\(zone)\n"
        }
        return text
    }
}
