import DomainNames
import IPAddressing

/// Evaluates whether a resolver forwards the names of the suffix, by comparing it with the forwarder.
struct ResolverDiagnosis {
    /// The observation of the resolver.
    let seen: ServerObservation
    /// The observation of the client.
    let client: ClientObservation
    /// The subject of the findings.
    let subject: String

    /// The remedies for the suffix.
    private var remedies: Remedies { Remedies(suffix: client.suffix, forwarder: client.forwarder?.server) }
    /// The addresses that Namebridge gives for the name.
    private var expected: [IPAddress] { client.forwarder?.addresses ?? [] }

    /// True if the resolver is the forwarder.
    private var isForwarder: Bool { seen.server == client.forwarder?.server }

    /// The findings about the resolver; empty if it did not answer.
    var findings: [Finding] {
        // Otherwise another finding says that it does not answer.
        guard Probe.allCases.contains(where: { $0 != .software && seen[$0] != nil }) else { return [] }
        if isForwarder { return [Finding(.ok, subject, .forwarded, "is Namebridge itself")] }
        var findings: [Finding] = []
        if isRejectedByValidation { findings.append(validation) }
        if isLimited { findings.append(manyRecords) } else if isGuarded { findings.append(rebinding) }
        if findings.isEmpty { findings.append(forwarded) }
        if let noData { findings.append(noData) }
        if let reverse { findings.append(reverse) }
        return findings
    }

    // MARK: - What is wrong

    /// True for SERVFAIL, or no answer while keys are searched for, that ends with CD set; and for SERVFAIL
    /// that gives the reason, or comes with the addresses, as systemd-resolved's does.
    private var isRejectedByValidation: Bool {
        [(Probe.zone, Probe.zoneUnchecked), (.address, .addressUnchecked)].contains { probe, unchecked in
            let answer = seen[probe]
            guard answer == nil || answer?.rcode == ProbeAnswer.serverFailure else { return false }
            if answer?.extendedError?.isValidation == true { return true }
            if answer?.addresses.isEmpty == false { return true }
            return seen[unchecked].map { $0.rcode != ProbeAnswer.serverFailure && agrees($0) } ?? false
        }
    }

    /// True if other records of the suffix pass, but not its addresses.
    private var isGuarded: Bool {
        // Some validate in spite of CD: their failures say nothing about addresses.
        let isRejected = isRejectedByValidation
        let shown = [seen[.address], seen[.addressUnchecked], seen[.addressOverTCP]].compactMap { $0 }
            .filter { !isRejected || $0.rcode != ProbeAnswer.serverFailure }
        guard !shown.isEmpty, shown.allSatisfy(\.addresses.isEmpty), !expected.isEmpty else { return false }
        return isHandedOn
    }

    /// True if it fails for a name that has more records than it accepts by default.
    private var isLimited: Bool {
        guard let limit = seen.software.recordLimit else { return false }
        return expected.count > limit && isHandedOn
            && [Probe.address, .addressOverTCP].contains { seen[$0]?.rcode == ProbeAnswer.serverFailure }
    }

    /// True if the zone's records without addresses are the forwarder's.
    private var isHandedOn: Bool {
        [Probe.zone, .zoneUnchecked, .version].contains { probe in seen[probe].map { agrees($0) } ?? false }
    }

    /// True if an answer equals one of the forwarder.
    private func agrees(_ answer: ProbeAnswer) -> Bool {
        let own = [Probe.zone, .version, .address].compactMap { client.forwarder?[$0] }
        if let zone = answer.zone, own.contains(where: { $0.zone == zone }) { return true }
        if !answer.addresses.isEmpty, answer.addresses == expected { return true }
        if !answer.texts.isEmpty, own.contains(where: { $0.texts == answer.texts }) { return true }
        guard client.forwarder == nil, answer.isFine else { return false }
        return answer.zone?.owner.isAtOrBelow(client.suffix) == true || !answer.texts.isEmpty
    }

    // MARK: - Findings

    /// The finding if it rejects the answers by validation.
    private var validation: Finding {
        let answer = [Probe.address, .zone].compactMap { seen[$0] }
            .first { $0.rcode == ProbeAnswer.serverFailure }
        let hasRecords = answer?.addresses.isEmpty == false
        let beside = hasRecords ? "with the records beside it" : "and answers once validation is off (CD)"
        return Finding(
            .problem, subject, .validation,
            "rejects the answers: it validates, and \(client.suffixText) is not signed",
            "It says \(answer?.words ?? "nothing in time"), \(beside). The signed root denies private"
                + " domains, so the resolver must be configured not to validate this one.",
            remedies: remedies.insecure(seen.software))
    }

    /// The finding if it removes private addresses.
    private var rebinding: Finding {
        let answer = seen[.address] ?? seen[.addressOverTCP]
        return Finding(
            .problem, subject, .rebinding,
            "takes the addresses out of the answers (protection against DNS rebinding)",
            "Other records of \(client.suffixText) pass, but for the address of \(client.nameText) it says"
                + " \(answer?.words ?? "nothing"), where Namebridge says \(Self.list(expected)): private"
                + " addresses must be allowed below this suffix.",
            remedies: remedies.rebinding(seen.software, example: expected.first))
    }

    /// The finding if it fails for a name of many records.
    private var manyRecords: Finding {
        Finding(
            .problem, subject, .manyRecords,
            "fails for \(client.nameText), which has \(expected.count) addresses",
            "Other names of \(client.suffixText) pass: it takes fewer records of a type. Headless services"
                + " with many endpoints have more.",
            remedies: remedies.recordLimit(seen.software))
    }

    /// Reports a failure where Namebridge says that the name has no IPv6 address; nil if there is none.
    private var noData: Finding? {
        guard let right = client.forwarder?[.addressV6], right.isFine, right.addresses.isEmpty,
            seen[.addressV6]?.rcode == ProbeAnswer.serverFailure, !isRejectedByValidation,
            isHandedOn || !seen.addresses.isEmpty
        else { return nil }
        return Finding(
            .problem, subject, .noData,
            "fails where a name has no IPv6 address: \(seen[.addressV6]?.words ?? "")",
            "It treats Namebridge as an authoritative server instead of a recursive one. Programs ask for"
                + " both kinds of addresses, and may wait or fail.",
            remedies: remedies.forwarding(seen.software))
    }

    /// The finding about forwarding the suffix.
    private var forwarded: Finding {
        let addresses = seen.addresses
        let name = client.nameText
        if !expected.isEmpty {
            if addresses == expected {
                return Finding(
                    .ok, subject, .forwarded,
                    "hands \(client.suffixText) on: \(name) is \(Self.list(addresses))")
            }
            return addresses.isEmpty ? notForwarded : elsewhere(addresses)
        }
        guard let forwarder = client.forwarder else { return alone(addresses) }
        guard forwarder.isAlive else {
            return Finding(
                .warning, subject, .forwarded, "cannot be compared with Namebridge, which does not answer")
        }
        if isHandedOn {
            return Finding(
                .ok, subject, .forwarded, "hands \(client.suffixText) on, where \(name) does not exist")
        }
        return addresses.isEmpty ? notForwarded : elsewhere(addresses)
    }

    /// Without an expected answer to compare with.
    private func alone(_ addresses: [IPAddress]) -> Finding {
        if !addresses.isEmpty {
            return Finding(
                .ok, subject, .forwarded, "knows \(client.nameText): \(Self.list(addresses))")
        }
        if isHandedOn {
            return Finding(
                .ok, subject, .forwarded,
                "hands \(client.suffixText) on; with --forwarder its addresses are compared, too")
        }
        return notForwarded
    }

    /// The finding if the suffix is not forwarded.
    private var notForwarded: Finding {
        let answer = seen[.address] ?? seen[.zone] ?? seen[.addressOverTCP]
        let said = answer?.words ?? "nothing"
        guard answer?.rcode == ProbeAnswer.serverFailure else {
            return Finding(
                .problem, subject, .forwarded, "does not hand \(client.suffixText) on to Namebridge",
                "It says \(said) for \(client.nameText) by itself or asks the public DNS, which knows nothing"
                    + " of it." + leftover,
                remedies: remedies.forwarding(seen.software))
        }
        return Finding(
            .problem, subject, .forwarded, "fails to get answers for \(client.suffixText): \(said)",
            "It hands the suffix on to a server that does not answer it, or may not ask Namebridge: look at"
                + " its forward zone, the firewall between the two, and dns.clients of Namebridge.",
            remedies: remedies.forwarding(seen.software))
    }

    /// The finding if it gives other addresses.
    private func elsewhere(_ addresses: [IPAddress]) -> Finding {
        Finding(
            .problem, subject, .forwarded,
            "has other addresses for \(client.nameText): \(Self.list(addresses))",
            "Namebridge says \(expected.isEmpty ? "that there are none" : Self.list(expected)): the resolver"
                + " asks another server, or keeps old answers." + leftover,
            remedies: remedies.forwarding(seen.software))
    }

    /// A cause that is left after a move to Namebridge: dnsmasq asks the servers of all lines for a zone.
    private var leftover: String {
        guard seen.software == .dnsmasq || seen.software == .unknown else { return "" }
        return
            " An older line for the zone or one above it, such as server=/cluster.local/10.96.0.10, may still"
            + " lead to a cluster's own server: remove it."
    }

    /// The finding about the reverse name of the address.
    private var reverse: Finding? {
        guard let right = client.forwarder?[.reverse], !right.names.isEmpty, let address = expected.first,
            let own = seen[.reverse]
        else { return nil }
        if own.names == right.names {
            return Finding(.ok, subject, .reverse, "hands reverse names on: \(address) is \(right.names[0])")
        }
        return Finding(
            .warning, subject, .reverse, "does not hand the reverse name of \(address) on: \(own.words)",
            "Names of addresses in logs and tools are missing. These lines are for the network around that"
                + " address; \"namebridge net render --format FORMAT\" prints those of all clusters.",
            remedies: remedies.reverse(seen.software, of: address))
    }

    /// Addresses as text.
    static func list(_ addresses: [IPAddress]) -> String {
        addresses.prefix(4).map(\.description).joined(separator: ", ")
            + (addresses.count > 4 ? ", ... (\(addresses.count))" : "")
    }
}
