package import IPAddressing

/// The resolvers whose configuration we know how to write.
package enum ResolverSoftware: String, Hashable, Sendable, CaseIterable {
    case dnsmasq
    case unbound = "Unbound"
    case bind = "BIND"
    case resolved = "systemd-resolved"
    case knotResolver = "Knot Resolver"
    case recursor = "PowerDNS Recursor"
    case namebridge = "Namebridge"
    case unknown = "resolver of an unknown kind"

    /// False if questions of more than 512 octets get no answer (the recursor's maxIncomingQuerySize).
    package var takesLongQuestions: Bool { self != .recursor }

    /// The records of one name and type that it takes by default; nil if there is no limit.
    var recordLimit: Int? {
        switch self {
        case .bind, .unknown: 100  // max-records-per-type, 9.18.28 and later
        case .recursor: 256  // max-rrset-size, 4.9.9 and later
        case .dnsmasq, .unbound, .resolved, .knotResolver, .namebridge: nil
        }
    }

    /// - Parameters:
    ///   - version: What it answers to `version.bind`; many hide it.
    ///   - process: The process that listens, where it is on this host.
    package init(server: Endpoint, version: String?, process: String?) {
        let text = (version ?? "").lowercased()
        let known: [(ResolverSoftware, text: String, process: String)] = [
            (.dnsmasq, "dnsmasq", "dnsmasq"), (.unbound, "unbound", "unbound"),
            (.knotResolver, "knot resolver", "kresd"), (.recursor, "powerdns recursor", "pdns_recursor"),
            (.namebridge, "namebridge", "namebridge"), (.resolved, "systemd-resolved", "systemd-resolve"),
            (.bind, "bind", "named"),
        ]
        if let process, let match = known.first(where: { process.hasPrefix($0.process) }) {
            self = match.0
        } else if [0x7F00_0035, 0x7F00_0036].contains(server.address.bits), server.address.family == .v4 {
            // 127.0.0.53 and 127.0.0.54 (systemd-resolved.service(8)).
            self = .resolved
        } else if let match = known.first(where: { text.contains($0.text) }) {
            self = match.0
        } else if text.range(ofDigits: "9.") {
            // BIND answers with its number alone, such as 9.18.41-1~deb12u1-Debian.
            self = .bind
        } else {
            self = .unknown
        }
    }
}

extension String {
    /// True if it begins with `lead` and a digit.
    fileprivate func range(ofDigits lead: String) -> Bool {
        guard hasPrefix(lead), let next = dropFirst(lead.count).first else { return false }
        return next.isNumber
    }
}
