import DomainNames
import IPAddressing

/// Evaluates the answers of one server, a resolver or the forwarder itself, about one suffix: its transport.
struct ServerDiagnosis {
    /// The observation.
    let seen: ServerObservation

    /// Such as `resolver 172.16.0.1:53 (dnsmasq)`.
    let subject: String

    /// The time after which clients ask another server or give up, in nanoseconds.
    private static let slow: Int64 = 2_000_000_000

    /// Whether it answers at all, over which transports, and how large a packet may be.
    var findings: [Finding] {
        guard isReached else { return [reachable] }
        return [reachable] + [stream, extensions, packetSize, time].compactMap { $0 }
    }

    /// True if it gives any answer about the suffix.
    private var isReached: Bool { udp != nil || tcp != nil }

    /// An answer over UDP; nil without one.
    private var udp: ProbeAnswer? {
        [.zone, .zoneUnchecked, .zonePlain, .address, .version].compactMap { seen[$0] }.first
    }

    /// An answer over TCP; nil without one.
    private var tcp: ProbeAnswer? { seen[.zoneOverTCP] ?? seen[.addressOverTCP] }

    /// The outcome of the zone's question over UDP with EDNS, without validation if that was asked.
    private var extended: ProbeOutcome? { seen.outcomes[.zoneUnchecked] ?? seen.outcomes[.zone] }

    /// The finding about UDP.
    private var reachable: Finding {
        if udp != nil { return Finding(.ok, subject, .reachable, "answers over UDP") }
        if tcp != nil {
            return Finding(
                .problem, subject, .reachable, "answers over TCP, but not over UDP",
                "Clients ask over UDP first: a firewall on the way drops it, and they wait for nothing.",
                remedies: [Self.firewall("udp", seen.server)])
        }
        let why = seen.outcomes[.zone].map(Self.words) ?? "it was not asked"
        return Finding(.problem, subject, .reachable, "does not answer: \(why)", meaning(of: why))
    }

    /// What the failure of a question means.
    private func meaning(of reason: String) -> String {
        // In capitals it is a response code.
        if reason.contains("refused") {
            return "Its host is reached, but nothing listens at \(seen.server): its name server does not run,"
                + " or has another address or port."
        }
        if reason.contains("unreachable") || reason.contains("o route") {
            return "No route leads to \(seen.server.address), or a router on the way rejects its packets."
        }
        if reason.contains("SERVFAIL") {
            return "It runs, but is not ready: CoreDNS says so until it has read the cluster's services."
        }
        return "Nothing listens at \(seen.server), or a firewall or a missing route is in the way."
    }

    /// The finding about TCP.
    private var stream: Finding? {
        if tcp != nil { return Finding(.ok, subject, .stream, "answers over TCP") }
        guard let outcome = seen.outcomes[.zoneOverTCP] else { return nil }
        let reason = Self.words(outcome)
        let isTaken = reason.contains("closed the connection")
        return Finding(
            .problem, subject, .stream, "does not answer over TCP: \(reason)",
            "Answers that do not fit into a datagram, such as those of services with many endpoints,"
                + " come only over TCP (RFC 7766): they fail."
                + (isTaken
                    ? " The connection was made: no firewall, but the server closes it unanswered." : ""),
            remedies: isTaken ? [] : [Self.firewall("tcp", seen.server)])
    }

    /// The finding about EDNS.
    private var extensions: Finding? {
        guard seen[.zonePlain] != nil, let outcome = extended else { return nil }
        guard let answer = outcome.answer else {
            return Finding(
                .warning, subject, .extensions, "answers questions without EDNS only",
                "Something on the way drops or does not understand EDNS (RFC 6891): each question waits"
                    + " until it is asked again without, and the reason of a failure is lost.")
        }
        guard !answer.hasEDNS else { return Finding(.ok, subject, .extensions, "supports EDNS") }
        return Finding(
            .warning, subject, .extensions, "takes EDNS out of its answers",
            "Answers are limited to 512 octets, and the reasons of failures are lost on the way.")
    }

    /// The finding about large packets.
    private var packetSize: Finding? {
        guard extended?.answer != nil else { return nil }
        guard let padded = seen.outcomes[.zonePadded] else { return fragments }
        guard padded.answer != nil else {
            return Finding(
                .problem, subject, .packetSize, "loses packets of 1,232 octets: \(Self.words(padded))",
                "A tunnel on the way carries less than it says (its MTU), so that large questions and answers"
                    + " get lost. Correct the MTU of that link; until then let answers be small.",
                remedies: Remedies.packetSize(seen.software, limit: 512))
        }
        return fragments ?? Finding(.ok, subject, .packetSize, "packets of 1,232 octets pass")
    }

    /// Reports that answers larger than one packet get lost.
    private var fragments: Finding? {
        guard let large = seen.outcomes[.addressLarge], large.answer == nil,
            let whole = seen[.addressOverTCP], whole.octets > 1_232
        else { return nil }
        return Finding(
            .warning, subject, .packetSize,
            "an answer of \(whole.octets) octets gets lost over UDP, though it comes over TCP",
            "Fragments do not pass. Clients that offer more than 1,232 octets wait in vain (RFC 9715).",
            remedies: Remedies.packetSize(seen.software, limit: Remedies.usualPacketSize))
    }

    /// The finding about the time for an answer.
    private var time: Finding? {
        let times = [Probe.zone, .address].compactMap { seen[$0]?.nanoseconds }
        guard let slowest = times.max(), slowest > Self.slow else { return nil }
        return Finding(
            .warning, subject, .time, "takes \(slowest / 1_000_000) ms to answer",
            "Clients wait 5 s at most before they ask elsewhere or give up.")
    }

    /// An outcome in words.
    static func words(_ outcome: ProbeOutcome) -> String {
        switch outcome {
        case .answer(let answer): answer.words
        case .silence: "no answer in time"
        case .failure(let reason): reason
        }
    }

    /// The rule that lets the questions pass.
    private static func firewall(_ transport: String, _ server: Endpoint) -> Remedy {
        Remedy(
            "firewall", "/etc/nftables.conf of \(server.address), in its input chain, and on the way",
            ["\(transport) dport \(server.port) accept"], then: "systemctl reload nftables")
    }
}
