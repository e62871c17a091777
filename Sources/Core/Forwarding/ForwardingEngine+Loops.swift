import DNSWire
import DomainNames
import IPAddressing
import Telemetry

/// Questions that come back to us.
///
/// ```
/// a question bears the mark of those to a server   refused, and the server suspected: marks can be copied
/// a probe asks a suspected server for a new name
/// the name comes back                              answered with a secret
/// the server's answer to the probe has the secret  the server forwards to us: it is not asked any more
/// ```
extension ForwardingEngine {
    /// Answers a question of our own, which some server seems to have forwarded to us, and one that goes in a
    /// circle elsewhere: it goes no further.
    mutating func stopLoop(_ exchange: ClientExchange, into outbox: inout Outbox) -> StepOutcome {
        if exchange.query.question.type == LoopName.type, answerLoopCheck(exchange, into: &outbox) == .done {
            return .done
        }
        let marks = exchange.loopMarks
        guard !marks.isEmpty else { return .open }
        if let server = servers.firstIndex(where: { marks.contains($0.mark) }) {
            counters.loops += 1
            board.servers[server].suspectLoop()
            let client = exchange.recipient.path.client.address
            let text = Self.loopText("\(policy.servers[server])", client, marks.count)
            refuse(exchange, ExtendedError(.other, text), into: &outbox)
            return .done
        }
        guard marks.count >= LoopTrail.mostMarks else { return .open }
        counters.loops += 1
        let text = "this question has passed \(marks.count) forwarders: they form a loop"
        refuse(exchange, ExtendedError(.other, text), into: &outbox)
        return .done
    }

    /// Answers a question for a name that a probe of ours asks for now.
    private mutating func answerLoopCheck(
        _ exchange: ClientExchange, into outbox: inout Outbox
    ) -> StepOutcome {
        guard let name = LoopName.number(in: exchange.message) else { return .open }
        let client = exchange.recipient.path.client.address
        let hops = max(exchange.loopMarks.count, 1)
        for server in board.servers.indices {
            let secret = board.servers[server].secret(
                ofName: name, way: Self.loopText("\(policy.servers[server])", client, hops))
            guard let secret else { continue }
            counters.loops += 1
            counters.local += 1
            prepared.begin(question: exchange.recipient.question)
            prepared.appendLoopAnswer(secret)
            let draft = ReplyDraft(body: .prepared(), source: .local, view: exchange.view)
            deliver(draft, to: exchange.recipient, into: &outbox)
            return .done
        }
        return .open
    }

    private static func loopText(_ server: String, _ client: IPAddress, _ hops: Int) -> String {
        let way = hops == 1 ? "" : " by way of \(hops - 1) more forwarders"
        return "loop: a question to \(server) came back from \(client)\(way)"
    }
}

/// The name by which a probe finds loops, also through servers that drop EDNS options, as most resolvers do.
///
/// Its first label holds a number that was drawn for this probe; the rest lies where only the server that is
/// asked can send it back from.
package enum LoopName {
    /// HINFO, which nobody else asks for.
    package static let type = 13

    private static let prefix: [UInt8] = Array("namebridge-loop-".utf8)
    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    /// The label with `number`: 32 octets.
    package static func label(_ number: UInt64) -> [UInt8] { prefix + hexadecimal(number) }

    /// The data of the HINFO record (RFC 1035 section 3.3.2) that answers with `secret`: 33 octets.
    package static func answer(_ secret: UInt64) -> [UInt8] {
        let name = prefix.dropLast()
        return [UInt8(name.count)] + name + [16] + hexadecimal(secret)
    }

    private static func hexadecimal(_ number: UInt64) -> [UInt8] {
        stride(from: 60, through: 0, by: -4).map { digits[Int(number >> UInt64($0) & 0xF)] }
    }

    /// The number in the first label of the question's name; nil where it is another name.
    static func number(in message: Span<UInt8>) -> UInt64? {
        let start = Question.nameStart
        guard Int(message[start]) == prefix.count + 16 else { return nil }
        for index in prefix.indices where foldedOctet(message[start + 1 + index]) != prefix[index] {
            return nil
        }
        var number: UInt64 = 0
        for index in 0..<16 {
            let octet = foldedOctet(message[start + 1 + prefix.count + index])
            guard let digit = digits.firstIndex(of: octet) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}

extension PreparedAnswer {
    /// Appends the answer to a question for a `LoopName`; it holds for nobody else, and so for no time.
    fileprivate mutating func appendLoopAnswer(_ secret: UInt64) {
        let data = LoopName.answer(secret)
        octets.append16(0xC000 | MessageHeader.length)
        octets.append16(LoopName.type)
        octets.append16(RecordClass.internet)
        let ttlOffset = octets.count
        octets.append32(0)
        octets.append16(data.count)
        octets.append(data)
        octets.set16(1, at: 6)
        marks.append(
            RecordMark(ttlOffset: ttlOffset, end: octets.count, type: LoopName.type, section: .answer))
    }
}
