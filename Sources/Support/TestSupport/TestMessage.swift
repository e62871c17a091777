/// Messages made by hand.
package enum TestMessage {
    /// An A question for `name`, with RD and without EDNS.
    package static func question(_ name: String, id: UInt16) -> [UInt8] {
        [UInt8(id >> 8), UInt8(id & 0xFF), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + wire(name) + [0, 1, 0, 1]
    }

    /// `name` in wire form, without escapes.
    package static func wire(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// `question` answered with `records` times 10.1.2.3.
    package static func answer(to question: [UInt8], records: Int = 1, flags: UInt8 = 0x84) -> [UInt8] {
        var end = 12
        while end < question.count, question[end] != 0 { end += Int(question[end]) + 1 }
        end += 5
        guard end <= question.count else { return [] }
        var answer = Array(question[..<end])
        answer[2] = flags
        answer[3] = 0x80
        answer.replaceSubrange(4..<12, with: [0, 1, UInt8(records >> 8), UInt8(records & 0xFF), 0, 0, 0, 0])
        for record in 0..<records {
            answer += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 1]
            answer += [UInt8(record >> 8), UInt8(record & 0xFF)]
        }
        return answer
    }

    /// `message` after its length.
    package static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
    }

    /// 0 if there is none.
    package static func id(_ message: [UInt8]) -> UInt16 {
        message.count < 2 ? 0 : UInt16(message[0]) << 8 | UInt16(message[1])
    }

    /// Without EDNS's part; nil if there is no header.
    package static func rcode(_ message: [UInt8]) -> UInt8? { message.count < 12 ? nil : message[3] & 0x0F }

    /// ANCOUNT; nil if there is no header.
    package static func answerCount(_ message: [UInt8]) -> Int? {
        message.count < 12 ? nil : Int(message[6]) << 8 | Int(message[7])
    }
}
