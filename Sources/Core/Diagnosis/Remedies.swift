package import DomainNames
package import IPAddressing

/// Writes the configuration that each resolver needs for one suffix.
package struct Remedies: Sendable {
    /// The suffix without its final dot.
    let suffix: String

    /// The address of Namebridge; nil if it was not given.
    let forwarder: Endpoint?

    /// Creates remedies.
    package init(suffix: DomainName, forwarder: Endpoint?) {
        let text = "\(suffix)"
        self.suffix = text.hasSuffix(".") ? String(text.dropLast()) : text
        self.forwarder = forwarder
    }

    /// The file for dnsmasq's lines.
    private static let dnsmasqFile = "/etc/dnsmasq.d/namebridge.conf"
    /// The file for Unbound's lines.
    private static let unboundFile = "/etc/unbound/unbound.conf.d/namebridge.conf"
    /// The place for BIND's options.
    private static let bindOptions = "/etc/bind/named.conf.options, inside of options { }"
    /// The file for Knot Resolver's rules.
    private static let kresdFile = "/etc/knot-resolver/kresd.conf"
    /// The file for the PowerDNS Recursor's settings.
    private static let recursorFile = "/etc/powerdns/recursor.d/namebridge.conf"
    /// The file for the PowerDNS Recursor's forward zones.
    private static let recursorZones = "/etc/powerdns/namebridge.zones"
    /// The file for the PowerDNS Recursor's script.
    private static let recursorScript = "/etc/powerdns/recursor.lua"
    /// The file for systemd-resolved's settings.
    private static let resolvedFile = "/etc/systemd/resolved.conf.d/namebridge.conf"
    /// The file for systemd-resolved's negative trust anchors.
    private static let anchorsFile = "/etc/dnssec-trust-anchors.d/namebridge.negative"

    /// The command that applies dnsmasq's lines.
    private static let afterDnsmasq = "systemctl restart dnsmasq"
    /// The command that applies Unbound's lines.
    private static let afterUnbound = "unbound-control reload"
    /// The command that applies BIND's lines.
    private static let afterBind = "rndc reconfig"
    /// The command that applies systemd-resolved's lines.
    private static let afterResolved = "systemctl restart systemd-resolved"
    /// The command that applies Knot Resolver's rules.
    private static let afterKresd = "systemctl restart 'kresd@*'"
    /// The command that applies the PowerDNS Recursor's lines.
    private static let afterRecursor = "systemctl restart pdns-recursor"

    /// The kinds to write for: all common ones if the kind is unknown.
    private func each(_ software: ResolverSoftware, _ write: (ResolverSoftware) -> [Remedy]) -> [Remedy] {
        guard software == .unknown else { return write(software) }
        return [ResolverSoftware.dnsmasq, .unbound, .bind].flatMap(write)
    }

    // MARK: - Forwarding

    /// Sends the names below the suffix to the forwarder, with all that the software needs for it.
    func forwarding(_ software: ResolverSoftware) -> [Remedy] { each(software, forwardingLines) }

    /// The lines that forward the suffix.
    private func forwardingLines(_ software: ResolverSoftware) -> [Remedy] {
        let address = forwarder.map { "\($0.address)" } ?? "FORWARDER"
        let port = forwarder.map(\.port).flatMap { $0 == 53 ? nil : $0 }
        func target(_ separator: String) -> String { address + (port.map { separator + "\($0)" } ?? "") }
        switch software {
        case .dnsmasq:
            return [
                Remedy(
                    "dnsmasq", Self.dnsmasqFile,
                    ["server=/\(suffix)/\(target("#"))", "rebind-domain-ok=/\(suffix)/"],
                    then: Self.afterDnsmasq)
            ]
        case .unbound:
            var lines = [
                "server:", "    domain-insecure: \"\(suffix).\"", "    private-domain: \"\(suffix).\"",
                "    local-zone: \"\(suffix).\" transparent",
            ]
            if forwarder?.address.isLoopback == true { lines.append("    do-not-query-localhost: no") }
            lines += [
                "forward-zone:", "    name: \"\(suffix).\"", "    forward-addr: \(target("@"))",
                "    forward-no-cache: yes",
            ]
            return [Remedy("Unbound", Self.unboundFile, lines, then: Self.afterUnbound)]
        case .bind:
            let to = address + (port.map { " port \($0)" } ?? "")
            return [
                Remedy("BIND", Self.bindOptions, ["validate-except { \"\(suffix)\"; };"]),
                Remedy(
                    "BIND", "/etc/bind/named.conf.local",
                    ["zone \"\(suffix)\" { type forward; forward only; forwarders { \(to); }; };"],
                    then: Self.afterBind),
            ]
        case .resolved:
            let server = forwarder.map { $0.port == 53 ? "\($0.address)" : "\($0)" } ?? address
            return [
                Remedy(
                    "systemd-resolved", Self.resolvedFile,
                    ["[Resolve]", "DNS=\(server)", "Domains=~\(suffix)"], then: Self.afterResolved)
            ]
        case .knotResolver: return kresdRules(suffix)
        case .recursor: return recursorZone(suffix)
        case .namebridge:
            return [
                Remedy(
                    "Namebridge", "/etc/namebridge/namebridge.yaml",
                    ["dns:", "  upstream: [\"\(forwarder.map { "\($0)" } ?? address)\"]"],
                    then: "namebridge check && systemctl restart namebridge")
            ]
        case .unknown: return []
        }
    }

    /// Knot Resolver applies the first rule that matches, and flags alone let it continue. It must not answer
    /// from its cache, which knows from the signed root that private domains do not exist.
    private func kresdRules(_ zone: String) -> [Remedy] {
        let target = forwarder.map { "\($0.address)" + ($0.port == 53 ? "" : "@\($0.port)") } ?? "FORWARDER"
        func rule(_ action: String) -> String {
            "policy.add(policy.suffix(policy.\(action), {todname('\(zone).')}))"
        }
        let lines = [rule("FLAGS({'NO_CACHE', 'ALLOW_LOCAL'})"), rule("STUB('\(target)')")]
        let place = Self.kresdFile + ", above all other rules"
        return [Remedy("Knot Resolver", place, lines, then: Self.afterKresd)]
    }

    /// The recursor validates for clients that set AD or DO (its setting `dnssec`). Without `+` it treats the
    /// server as an authoritative one, and a name without data as a failure. The zones have their own file:
    /// `forward-zones+=` is an error if nothing is set before, and `=` overwrites what is.
    private func recursorZone(_ zone: String) -> [Remedy] {
        let target = forwarder.map { $0.port == 53 ? "\($0.address)" : "\($0)" } ?? "FORWARDER"
        return [
            Remedy(
                "PowerDNS Recursor", Self.recursorFile, ["forward-zones-file=\(Self.recursorZones)"]),
            Remedy("PowerDNS Recursor", Self.recursorZones, ["+\(zone)=\(target)"]),
            Remedy(
                "PowerDNS Recursor", Self.recursorScript, ["addNTA('\(zone)')"], then: Self.afterRecursor),
        ]
    }

    /// The domains that systemd-resolved does not validate as long as there is no such file. They must be in
    /// ours, which replaces its list (dnssec-trust-anchors.d(5)).
    private static let resolvedPrivate =
        ["; the built-in list, which a file replaces:"]
        + ["home.arpa", "10.in-addr.arpa"] + (16...31).map { "\($0).172.in-addr.arpa" }
        + [
            "168.192.in-addr.arpa", "170.0.0.192.in-addr.arpa", "171.0.0.192.in-addr.arpa", "d.f.ip6.arpa",
            "ipv4only.arpa", "corp", "home", "internal", "intranet", "lan", "local", "private", "test",
        ]

    // MARK: - Validation

    /// Keeps a validating resolver from checking the suffix against the signed root, which denies it.
    func insecure(_ software: ResolverSoftware) -> [Remedy] { each(software, insecureLines) }

    /// The lines that turn validation off for the suffix.
    private func insecureLines(_ software: ResolverSoftware) -> [Remedy] {
        switch software {
        case .unbound:
            return [
                Remedy(
                    "Unbound", Self.unboundFile, ["server:", "    domain-insecure: \"\(suffix).\""],
                    then: Self.afterUnbound)
            ]
        case .bind:
            return [
                Remedy(
                    "BIND", Self.bindOptions, ["validate-except { \"\(suffix)\"; };"], then: Self.afterBind)
            ]
        case .dnsmasq:
            // It does not validate what server=/SUFFIX/ADDRESS sends elsewhere (dnsmasq(8), --dnssec).
            return forwardingLines(.dnsmasq)
        case .resolved:
            let lines = [suffix] + (suffix.hasSuffix(".local") ? [] : Self.resolvedPrivate)
            return [Remedy("systemd-resolved", Self.anchorsFile, lines, then: Self.afterResolved)]
        case .knotResolver:
            return [
                Remedy(
                    "Knot Resolver", Self.kresdFile + ", in one list with others that are there",
                    ["trust_anchors.set_insecure({'\(suffix).'})"], then: Self.afterKresd)
            ]
        case .recursor:
            return [
                Remedy(
                    "PowerDNS Recursor", Self.recursorScript, ["addNTA('\(suffix)')"],
                    then: Self.afterRecursor)
            ]
        case .namebridge, .unknown: return []
        }
    }

    // MARK: - Many records

    /// Allows a name as many records of a type as a headless service has endpoints.
    func recordLimit(_ software: ResolverSoftware) -> [Remedy] {
        switch software {
        case .bind:
            return [
                Remedy("BIND", Self.bindOptions, ["max-records-per-type 0;"], then: Self.afterBind)
            ]
        case .recursor:
            return [
                Remedy(
                    "PowerDNS Recursor", Self.recursorFile, ["max-rrset-size=4096"], then: Self.afterRecursor)
            ]
        case .dnsmasq, .unbound, .resolved, .knotResolver, .namebridge, .unknown: return []
        }
    }

    // MARK: - Packet size

    /// What Namebridge, and others of late, send at most unless they are told otherwise (RFC 9715).
    static let usualPacketSize = 1_232

    /// Keeps the answers that clients get over UDP within `limit` octets.
    static func packetSize(_ software: ResolverSoftware, limit: Int) -> [Remedy] {
        switch software {
        case .namebridge:
            let lines = limit == usualPacketSize ? [] : ["dns:", "  max-udp-size: \(limit)"]
            let place = lines.isEmpty ? ": delete max-udp-size, \(limit) is its default" : ""
            return [
                Remedy(
                    "Namebridge", "/etc/namebridge/namebridge.yaml" + place, lines, then: "namebridge reload")
            ]
        case .dnsmasq:
            return [Remedy("dnsmasq", dnsmasqFile, ["edns-packet-max=\(limit)"], then: afterDnsmasq)]
        case .unbound:
            return [
                Remedy("Unbound", unboundFile, ["server:", "    max-udp-size: \(limit)"], then: afterUnbound)
            ]
        case .bind: return [Remedy("BIND", bindOptions, ["max-udp-size \(limit);"], then: afterBind)]
        case .knotResolver:
            return [Remedy("Knot Resolver", kresdFile, ["net.bufsize(\(limit))"], then: afterKresd)]
        case .recursor:
            return [
                Remedy(
                    "PowerDNS Recursor", recursorFile, ["udp-truncation-threshold=\(limit)"],
                    then: afterRecursor)
            ]
        case .resolved, .unknown: return []
        }
    }

    // MARK: - Rebinding

    /// Allows private addresses below the suffix.
    func rebinding(_ software: ResolverSoftware, example: IPAddress?) -> [Remedy] {
        each(software) { rebindingLines($0, example) }
    }

    /// The lines that allow private addresses.
    private func rebindingLines(_ software: ResolverSoftware, _ example: IPAddress?) -> [Remedy] {
        switch software {
        case .dnsmasq:
            return [
                Remedy(
                    "dnsmasq", Self.dnsmasqFile, ["rebind-domain-ok=/\(suffix)/"], then: Self.afterDnsmasq)
            ]
        case .unbound:
            return [
                Remedy(
                    "Unbound", Self.unboundFile, ["server:", "    private-domain: \"\(suffix).\""],
                    then: Self.afterUnbound)
            ]
        case .bind:
            return [
                Remedy(
                    "BIND", Self.bindOptions + ", behind the prefixes of deny-answer-addresses",
                    ["except-from { \"\(suffix)\"; }"], then: Self.afterBind)
            ]
        case .knotResolver:
            return [
                Remedy(
                    "Knot Resolver", Self.kresdFile + ", above all other rules",
                    ["policy.add(policy.suffix(policy.FLAGS({'ALLOW_LOCAL'}), {todname('\(suffix).')}))"],
                    then: Self.afterKresd)
            ]
        case .namebridge:
            return [
                Remedy(
                    "Namebridge", "/etc/namebridge/namebridge.yaml",
                    ["dns:", "  allow-rebinding: [\(suffix)]"],
                    then: "namebridge check && systemctl restart namebridge")
            ]
        case .resolved, .recursor, .unknown: return []
        }
    }

    // MARK: - Reverse names

    /// Sends the reverse zone of `address`'s /16 or /64 to the forwarder, past built-in private zones.
    func reverse(_ software: ResolverSoftware, of address: IPAddress) -> [Remedy] {
        each(software) { reverseLines($0, address) }
    }

    /// The lines that forward the reverse zone.
    private func reverseLines(_ software: ResolverSoftware, _ address: IPAddress) -> [Remedy] {
        guard let forwarder else { return [] }
        let zone = Self.reverseZone(of: address)
        let length = address.family == .v4 ? 16 : 64
        let network = IPPrefix(around: address, length: length) ?? IPPrefix(only: address)
        func target(_ separator: String) -> String {
            "\(forwarder.address)" + (forwarder.port == 53 ? "" : separator + "\(forwarder.port)")
        }
        switch software {
        case .dnsmasq:
            let line = "rev-server=\(network),\(target("#"))"
            return [Remedy("dnsmasq", Self.dnsmasqFile, [line], then: Self.afterDnsmasq)]
        case .unbound:
            let lines = [
                "server:", "    domain-insecure: \"\(zone).\"", "    local-zone: \"\(zone).\" transparent",
                "forward-zone:", "    name: \"\(zone).\"", "    forward-addr: \(target("@"))",
                "    forward-no-cache: yes",
            ]
            return [Remedy("Unbound", Self.unboundFile, lines, then: Self.afterUnbound)]
        case .bind:
            let to = target(" port ")
            return [
                Remedy(
                    "BIND", Self.bindOptions, ["disable-empty-zone \"\(Self.builtInZone(of: address))\";"]),
                Remedy(
                    "BIND", "/etc/bind/named.conf.local",
                    ["zone \"\(zone)\" { type forward; forward only; forwarders { \(to); }; };"],
                    then: Self.afterBind),
            ]
        case .resolved:
            return [
                Remedy("systemd-resolved", Self.resolvedFile, ["Domains=~\(zone)"], then: Self.afterResolved)
            ]
        case .knotResolver: return kresdRules(zone)
        case .recursor: return recursorZone(zone)
        case .namebridge, .unknown: return []
        }
    }

    /// The zone of the address's /16 or /64 (RFC 1035 section 3.5, RFC 3596 section 2.5).
    private static func reverseZone(of address: IPAddress) -> String {
        let octets = address.octets
        if address.family == .v4 { return "\(octets[1]).\(octets[0]).in-addr.arpa" }
        let nibbles = octets.prefix(8).flatMap { [$0 >> 4, $0 & 15] }
        return (nibbles.reversed().map { String($0, radix: 16) } + ["ip6.arpa"]).joined(separator: ".")
    }

    /// The built-in zone of resolvers that contains the address (RFC 6303 section 4).
    private static func builtInZone(of address: IPAddress) -> String {
        guard address.family == .v4 else { return "D.F.IP6.ARPA" }
        let octets = address.octets
        return octets[0] == 10 ? "10.IN-ADDR.ARPA" : "\(octets[1]).\(octets[0]).IN-ADDR.ARPA"
    }
}
