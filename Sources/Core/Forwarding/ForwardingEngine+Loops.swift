import DNSWire
import DomainNames
import IPAddressing

/// Questions that come back to us.
extension ForwardingEngine {
    /// True for a question of our own, which some server has forwarded to us: that server is not asked any
    /// more while it does so, and the question is refused.
    mutating func isLoop(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, into outbox: inout Outbox
    ) -> Bool {
        if !loopMarks.isEmpty { loopMarks = [] }
        if let edns = query.edns, edns.optionsLength > 0 { loopMarks = edns.loopMarks(in: message) }
        if let server = ownServer(message, query) {
            counters.loops += 1
            let hops = max(loopMarks.count, 1)
            let text = Self.loopText("\(policy.servers[server])", path.client.address, hops)
            if board.isProbed { board.servers[server].markLooping(text, at: currentTime) }
            refuse(message, query, path, ExtendedError(.other, text), into: &outbox)
            return true
        }
        guard loopMarks.count >= LoopTrail.mostMarks else { return false }
        counters.loops += 1
        let text = "this question has passed \(loopMarks.count) forwarders: they form a loop"
        refuse(message, query, path, ExtendedError(.other, text), into: &outbox)
        return true
    }

    /// The server to which the question had been sent by us: told by its trail, or by a name that only our
    /// probe asks for.
    private func ownServer(_ message: Span<UInt8>, _ query: ClientQuery) -> Int? {
        if query.question.type == LoopName.type, let mark = LoopName.mark(in: message) {
            return servers.firstIndex { $0.mark == mark }
        }
        guard !loopMarks.isEmpty else { return nil }
        return servers.firstIndex { loopMarks.contains($0.mark) }
    }

    private static func loopText(_ server: String, _ client: IPAddress, _ hops: Int) -> String {
        let way = hops == 1 ? "" : " by way of \(hops - 1) more forwarders"
        return "loop: a question to \(server) came back from \(client)\(way)"
    }
}

/// The name by which a probe finds a loop through servers that drop EDNS options, as most resolvers do.
///
/// Its first label holds the mark of the server that is asked; the rest lies where only that server can send
/// it back from.
package enum LoopName {
    /// HINFO, which nobody else asks for.
    package static let type = 13

    private static let prefix: [UInt8] = Array("namebridge-loop-".utf8)
    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    /// The label for `mark`: 32 octets.
    package static func label(_ mark: UInt64) -> [UInt8] {
        prefix + stride(from: 60, through: 0, by: -4).map { digits[Int(mark >> UInt64($0) & 0xF)] }
    }

    /// The mark in the first label of the question's name; nil where it is another name.
    static func mark(in message: Span<UInt8>) -> UInt64? {
        let start = Question.nameStart
        guard Int(message[start]) == prefix.count + 16 else { return nil }
        for index in prefix.indices where foldedOctet(message[start + 1 + index]) != prefix[index] {
            return nil
        }
        var mark: UInt64 = 0
        for index in 0..<16 {
            let octet = foldedOctet(message[start + 1 + prefix.count + index])
            guard let digit = digits.firstIndex(of: octet) else { return nil }
            mark = mark << 4 | UInt64(digit)
        }
        return mark
    }
}
