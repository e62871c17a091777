import IPAddressing

/// Clients that ask Namebridge themselves.
extension ResolverRendering {
    /// systemd-resolved: `~` sends the names below a suffix here. Other names are asked here and at the
    /// links' servers, and an answer takes precedence over a refusal.
    var resolved: String {
        var text =
            "# /etc/systemd/resolved.conf.d/namebridge.conf; then: systemctl restart systemd-resolved\n"
        text += "# Other names are answered by the servers of the links; without such, set dns.upstream.\n"
        text += "# From systemd 258 on use the format dns-delegate: other names are not asked here at all.\n"
        text += "[Resolve]\n" + resolvedLines
        // Such a file replaces the built-in list, which contains "local" (dnssec-trust-anchors.d(5)).
        guard let other = foreignSuffixes.first else { return text }
        text += "# Where it validates: \"namebridge doctor --suffix \(other)\" says how to except that.\n"
        return text
    }

    /// systemd-resolved 258 or later: these names go to this server alone, all others stay where they are.
    var dnsDelegate: String {
        "# /etc/systemd/dns-delegate.d/namebridge.dns-delegate (systemd 258 or later); then:\n"
            + "# systemctl restart systemd-resolved\n[Delegate]\n" + resolvedLines
    }

    /// The server and its names, in the syntax of systemd.
    private var resolvedLines: String {
        let domains = zones.map { "~\($0)" }.joined(separator: " ")
        return "DNS=\(target(":", brackets: true))\nDomains=\(domains)\n"
    }

    /// NetworkManager with its own dnsmasq; without it the connection's servers are asked for every name.
    var networkManager: String {
        """
        # /etc/NetworkManager/conf.d/namebridge.conf; then: systemctl reload NetworkManager
        # Where systemd-resolved runs, use the format resolved or dns-delegate instead.
        [main]
        dns=dnsmasq
        # /etc/NetworkManager/dnsmasq.d/namebridge.conf
        \(dnsmasqLines)
        """
    }

    // MARK: - Apple

    /// Suffixes outside of `.local`, which every program may ask for.
    private var foreignSuffixes: [String] { suffixes.filter { $0 != "local" && !$0.hasSuffix(".local") } }

    /// Suffixes for Macs: those outside of `.local` first.
    private var suffixesForMacs: [String] {
        foreignSuffixes + suffixes.filter { !foreignSuffixes.contains($0) }
    }

    /// macOS: one file for each suffix (resolver(5)); without it names below `.local` go to mDNS.
    var macos: String {
        var text = "#!/bin/sh\n# sudo sh FILE\nmkdir -p /etc/resolver\n"
        for zone in foreignSuffixes + reverseZones { text += resolverFile(zone) }
        text += "# From macOS 26 on each program needs a permission for names below .local.\n"
        if foreignSuffixes.isEmpty {
            text += "# Give clusters a second name outside of it (names:), such as prod.k8s.example.com.\n"
        }
        for zone in suffixesForMacs.dropFirst(foreignSuffixes.count) { text += resolverFile(zone) }
        return text
    }

    /// The line that writes the file of a zone.
    private func resolverFile(_ zone: String) -> String {
        "printf 'nameserver \(server.address)\\nport \(server.port)\\n' > /etc/resolver/\(zone)\n"
    }

    /// A profile for macOS, iOS and visionOS (payload com.apple.dnsSettings.managed), whose server speaks
    /// DNS over TLS.
    ///
    /// The identifiers are the same for the same server, so that a new profile replaces the old one.
    func profile(_ certificateName: String) -> String {
        let indentation = String(repeating: " ", count: 20)
        let domains = (suffixesForMacs + reverseZones).map { indentation + "<string>\($0.xml)</string>\n" }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
                "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
            <plist version="1.0">
            <dict>
                <key>PayloadContent</key>
                <array>
                    <dict>
                        <key>DNSSettings</key>
                        <dict>
                            <key>DNSProtocol</key>
                            <string>TLS</string>
                            <key>ServerAddresses</key>
                            <array>
                                <string>\(server.address)</string>
                            </array>
                            <key>ServerName</key>
                            <string>\(certificateName.xml)</string>
                            <key>SupplementalMatchDomains</key>
                            <array>
            \(domains.joined())                </array>
                        </dict>
                        <key>PayloadDisplayName</key>
                        <string>Names of Kubernetes clusters</string>
                        <key>PayloadIdentifier</key>
                        <string>namebridge.dns.\(certificateName.xml)</string>
                        <key>PayloadType</key>
                        <string>com.apple.dnsSettings.managed</string>
                        <key>PayloadUUID</key>
                        <string>\(uuid(certificateName, salt: 1))</string>
                        <key>PayloadVersion</key>
                        <integer>1</integer>
                    </dict>
                </array>
                <key>PayloadDisplayName</key>
                <string>Namebridge</string>
                <key>PayloadIdentifier</key>
                <string>namebridge.\(certificateName.xml)</string>
                <key>PayloadType</key>
                <string>Configuration</string>
                <key>PayloadUUID</key>
                <string>\(uuid(certificateName, salt: 2))</string>
                <key>PayloadVersion</key>
                <integer>1</integer>
            </dict>
            </plist>

            """
    }

    /// A UUID of version 8 (RFC 9562 section 5.8) that depends on nothing but the text: two rounds of FNV-1a.
    private func uuid(_ text: String, salt: UInt8) -> String {
        var digits = ""
        for round: UInt8 in 0..<2 {
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for octet in [salt, round] + Array(text.utf8) {
                hash = (hash ^ UInt64(octet)) &* 0x0000_0100_0000_01B3
            }
            let half = String(hash, radix: 16, uppercase: true)
            digits += String(repeating: "0", count: 16 - half.count) + half
        }
        var letters = Array(digits)
        letters[12] = "8"
        letters[16] = "8"
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(letters[$0]) }.joined(separator: "-")
    }

    // MARK: - Windows

    /// Rules of the name resolution policy table of Windows clients, which ask at port 53 only.
    var policyTable: String {
        var text = "# PowerShell as administrator, on each client (or as a group policy)\n"
        for zone in zones {
            text += "Add-DnsClientNrptRule -Namespace \".\(zone)\" -NameServers \"\(server.address)\""
            text += " -Comment \"Namebridge\"\n"
        }
        return text
    }
}

extension String {
    /// The text of an XML element.
    fileprivate var xml: String {
        replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
