import DNSWire
import TestSupport

/// A seed and the octets of a TCP connection: cut into pieces by the seed, and compared with a
/// plain splitting.
enum StreamFuzz {
    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        guard let seed = input.first else { return [] }
        let stream = Array(input.dropFirst())
        let expected = split(stream)
        var random = SplitMix64(seed: UInt64(seed))
        var framing = StreamFraming()
        var messages: [[UInt8]] = []
        var position = 0
        while position < stream.count {  // ends: each piece has an octet or more
            let size = min(stream.count - position, random.pick([1, 2, 3, 17, 600, 65_536]))
            framing.append(stream.span.extracting(position..<position + size))
            position += size
            do throws(FramingError) {
                while let range = try framing.next() {  // ends: each turn takes a message
                    messages.append(
                        framing.withMessage(range) { message in message.indices.map { message[$0] } })
                }
            } catch {
                return messages == expected.messages && expected.hasEmptyMessage
                    ? [] : ["an empty message in the wrong place"]
            }
        }
        for message in messages {
            if case .query(let query) = ClientMessage(reading: message.span),
                query.question.end > message.count
            {
                return ["a question reaches past its message"]
            }
        }
        if expected.hasEmptyMessage { return ["an empty message was taken"] }
        if messages != expected.messages { return ["other messages than a plain splitting gives"] }
        return framing.heldCount == expected.left ? [] : ["\(framing.heldCount) octets are held"]
    }

    /// A plain splitting.
    private static func split(_ stream: [UInt8]) -> (messages: [[UInt8]], left: Int, hasEmptyMessage: Bool) {
        var messages: [[UInt8]] = []
        var rest = stream[...]
        while rest.count >= 2 {  // ends: each turn takes two octets or more
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            if length == 0 { return (messages, rest.count, true) }
            guard rest.count >= 2 + length else { break }
            messages.append(Array(rest.dropFirst(2).prefix(length)))
            rest = rest.dropFirst(2 + length)
        }
        return (messages, rest.count, false)
    }
}
