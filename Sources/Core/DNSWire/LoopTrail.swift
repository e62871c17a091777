/// The EDNS option by which forwarders like this one recognise questions that come back to them: the marks of
/// all forwarders that a question has passed, in order.
///
/// ```
/// | version 1 = 1 | mark 8 | mark 8 | ...
/// ```
/// A mark has a meaning only for the forwarder that made it: the server that it had sent the question to.
@usableFromInline
package enum LoopTrail {
    /// A code for private use (RFC 6891 section 9).
    package static let optionCode = 65_317

    /// A question that has passed so many forwarders is in a loop.
    package static let mostMarks = 8

    /// The option's octets, code and length included, for `count` marks.
    @inlinable
    package static func optionLength(_ count: Int) -> Int { 4 + 1 + 8 * count }

    /// The option with one mark, for messages that are built elsewhere.
    package static func option(_ mark: UInt64) -> [UInt8] {
        var octets = OctetBuffer(capacity: 64)
        octets.appendLoopTrail([], mark)
        return (0..<octets.count).map { octets[$0] }
    }
}

extension EDNS {
    /// The marks of the question's trail; empty if it has none, or one that can't be read.
    package func loopMarks(in message: Span<UInt8>) -> [UInt64] {
        guard optionsLength > 0, let range = option(LoopTrail.optionCode, in: message), range.count >= 9,
            range.count % 8 == 1, message[range.lowerBound] == 1
        else { return [] }
        return stride(from: range.lowerBound + 1, to: range.upperBound, by: 8)
            .compactMap { try? message.number64(at: $0) }
    }

    /// The OPT record of an answer; nil if it has none or can't be read.
    ///
    /// - Parameter start: Offset after the question.
    package static func ofAnswer(_ message: Span<UInt8>, _ header: MessageHeader, from start: Int) -> EDNS? {
        let before = header.answerCount + header.authorityCount
        var position = start
        for index in 0..<(before + header.additionalCount) {  // each takes at least eleven octets
            guard let record = try? RecordExtent(in: message, at: position) else { return nil }
            if index >= before, record.type == RecordType.opt, record.ownerLength == 1 {
                return try? EDNS(in: message, at: position)
            }
            position = record.end
        }
        return nil
    }
}

extension OctetBuffer {
    /// Appends the option with `marks`, then `mark`.
    package mutating func appendLoopTrail(_ marks: [UInt64], _ mark: UInt64) {
        append16(LoopTrail.optionCode)
        append16(LoopTrail.optionLength(marks.count + 1) - 4)
        append(1)
        for mark in marks { append64(mark) }
        append64(mark)
    }
}
