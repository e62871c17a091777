package import PacketPath

/// A packet that was sent for real, beside what is reasoned of it.
package struct ProbedPacket: Hashable, Sendable {
    /// The packet as it was sent.
    package var packet: Packet
    /// What is reasoned of it.
    package var verdict: Explanation.Verdict
    /// What came back.
    package var answer: Answer
    /// From sending to the answer, in microseconds; nil if none came.
    package var microseconds: Int?
    /// True if a program at the destination has to answer such a packet, as a name server does; false for an
    /// empty datagram, for example: silence shows nothing then.
    package var expectsAnswer: Bool
    /// True if a rule on the way rejects the packet by an error, as if it had come from the destination.
    package var isRejected: Bool

    /// What came back.
    package enum Answer: Hashable, Sendable {
        /// An answer of the destination.
        case answered
        /// The destination says that nothing listens at the port; the packet has arrived.
        case refused
        /// A machine on the way says that the packet does not arrive, or this one cannot send it.
        case failed(String)
        /// Nothing.
        case silent
    }

    /// How the packet compares with what is reasoned.
    package enum Agreement: String, Hashable, Sendable {
        case agrees, disagrees
        /// Nothing is shown: it takes one of several ways, or nothing was reasoned or seen.
        case open
    }

    package init(
        _ packet: Packet, verdict: Explanation.Verdict, answer: Answer, microseconds: Int? = nil,
        expectsAnswer: Bool = true
    ) {
        self.packet = packet
        self.verdict = verdict
        self.answer = answer
        self.microseconds = microseconds
        self.expectsAnswer = expectsAnswer
        isRejected = false
    }

    /// How the packet compares with what is reasoned.
    package var agreement: Agreement {
        switch (verdict, answer) {
        case (.depends, _), (.unknown, _): .open
        case (.reachable, .answered), (.reachable, .refused): .agrees
        case (.reachable, .silent): expectsAnswer ? .disagrees : .open
        case (.reachable, .failed): .disagrees
        case (.unreachable, .answered): .disagrees
        case (.unreachable, .refused): isRejected ? .agrees : .disagrees
        case (.unreachable, .silent), (.unreachable, .failed): .agrees
        }
    }

    /// As in `tcp 172.17.14.60 > 10.96.5.5:80: answered in 0.8 ms, as reasoned`.
    package var text: String {
        var seen: String
        switch answer {
        case .answered: seen = "answered"
        case .refused: seen = "refused, so it has arrived and nothing listens there"
        case .failed(let reason): seen = "failed: \(reason)"
        case .silent: seen = "no answer"
        }
        if let microseconds, answer == .answered || answer == .refused {
            let tenths = (microseconds + 50) / 100
            seen += " after \(tenths / 10).\(tenths % 10) ms"
        }
        switch agreement {
        case .agrees: seen += ", as reasoned"
        case .disagrees: seen += "; this DISAGREES with the verdict \(verdict.rawValue)"
        case .open where verdict == .reachable:
            seen += ", which shows nothing: such a packet need not be answered"
        case .open: seen += ", where the verdict is \(verdict.rawValue)"
        }
        return "\(packet): \(seen)"
    }
}

extension Explanation {
    /// The packets that the explanation is about, each with what is reasoned of it.
    package var packets: [ProbedPacket] {
        var order: [Packet] = []
        var ways: [Packet: [PathExchange]] = [:]
        for exchange in exchanges {
            let packet = exchange.packet
            if ways[packet] == nil { order.append(packet) }
            ways[packet, default: []].append(exchange)
        }
        return order.map { packet in
            let all = ways[packet] ?? []
            var probed = ProbedPacket(packet, verdict: Self.verdict(of: all), answer: .silent)
            probed.isRejected = all.contains { exchange in
                exchange.failed?.culprit?.step.rule.lowercased().contains("reject") == true
            }
            return probed
        }
    }

    /// The machines on the ways whose state was not read, in order.
    package var unreadHosts: [String] {
        var found: [String] = []
        for hop in exchanges.flatMap({ [$0.request, $0.reply] }).compactMap(\.self).flatMap(\.hops) {
            let isRead =
                hop.steps.isEmpty
                || hop.steps.contains { $0.evidence == .read } && !partlyRead.contains(hop.host)
            let isHost = ["relay", "node", "service entry", "endpoint", "host"].contains(hop.role)
            if !isRead, isHost, !found.contains(hop.host) { found.append(hop.host) }
        }
        return found
    }

    /// The explanation with packets that were sent for real.
    package func with(_ probes: [ProbedPacket]) -> Explanation {
        var explanation = self
        explanation.probes = probes
        return explanation
    }

    /// True if a packet does something else than what is reasoned of it.
    package var isContradicted: Bool { probes.contains { $0.agreement == .disagrees } }
}

extension PathExchange {
    /// The first packet of the request: a later one that is lost has the same addresses.
    fileprivate var packet: Packet { request.packet }
}
