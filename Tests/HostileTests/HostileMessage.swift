import TestSupport
import Testing

/// A message put together octet by octet: nothing keeps it from being wrong.
struct HostileMessage {
    var flags: UInt16 = 0x0100
    /// The header's counts of the four sections, which may be wrong.
    var counts: [Int] = [1, 0, 0, 0]
    /// In wire form, or what pretends to be.
    var name = TestMessage.wire("row.example.org")
    /// Type and class; fewer than four octets where the question is cut off.
    var typeAndClass: [UInt8] = [0, 1, 0, 1]
    /// The octets after the question.
    var tail: [UInt8] = []

    /// The whole message under the ID of the row.
    func octets(id: UInt16) -> [UInt8] {
        var octets = Self.two(Int(id)) + Self.two(Int(flags))
        for count in counts { octets += Self.two(count) }
        return octets + name + typeAndClass + tail
    }

    static func two(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)] }

    /// The question for this type and class.
    static func asking(type: Int, recordClass: Int = 1) -> HostileMessage {
        HostileMessage(typeAndClass: two(type) + two(recordClass))
    }

    /// A question with `records` in its additional section.
    static func with(_ records: [UInt8]...) -> HostileMessage {
        HostileMessage(counts: [1, 0, 0, records.count], tail: records.flatMap { $0 })
    }

    /// An OPT record, well formed by default (RFC 6891 section 6.1.2).
    static func opt(
        _ options: [UInt8] = [], size: Int = 1232, rcode: UInt8 = 0, version: UInt8 = 0, flags: Int = 0,
        owner: [UInt8] = [0], length: Int? = nil
    ) -> [UInt8] {
        owner + [0, 41] + two(size) + [rcode, version] + two(flags) + two(length ?? options.count) + options
    }

    /// An EDNS option of `count` octets.
    static func option(_ code: Int, _ count: Int, saysLength: Int? = nil) -> [UInt8] {
        two(code) + two(saysLength ?? count) + [UInt8](repeating: 0xA5, count: count)
    }

    /// A record owned by the question's name.
    static func record(_ type: Int, _ data: [UInt8], length: Int? = nil) -> [UInt8] {
        [0xC0, 12] + two(type) + [0, 1, 0, 0, 0, 5] + two(length ?? data.count) + data
    }
}

/// One message and what has to come of it.
struct HostileRow: Sendable, CustomTestStringConvertible {
    let title: String
    /// The rule, or `-` where none is written and the choice is ours.
    let rule: String
    let octets: [UInt8]
    let outcome: Outcome

    var testDescription: String { title }

    /// What the client gets.
    enum Outcome: Hashable, Sendable {
        /// Nothing: not a question, or too short to hold an ID worth answering.
        case silence
        /// A reply with this response code, above 15 with the help of EDNS.
        case rcode(Int)
        /// REFUSED by us, with this Extended DNS Error where the question had EDNS.
        case refused(ede: Int)
    }

    /// The ID of every row's message.
    static let id: UInt16 = 0x4A4A

    init(_ title: String, _ rule: String, _ octets: [UInt8], _ outcome: Outcome) {
        self.title = title
        self.rule = rule
        self.octets = octets
        self.outcome = outcome
    }

    init(_ title: String, _ rule: String, _ message: HostileMessage, _ outcome: Outcome) {
        self.init(title, rule, message.octets(id: Self.id), outcome)
    }
}
