import DNSWire
import Testing

@Suite struct StreamFramingTests {
    /// Takes every whole message that `framing` holds.
    private func drain(_ framing: inout StreamFraming) throws -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let range = try framing.next() {
            messages.append(framing.withMessage(range) { message in (0..<message.count).map { message[$0] } })
        }
        return messages
    }

    private static let messages: [[UInt8]] = [[1], [2, 3, 4], Array(repeating: 9, count: 300)]
    private static let stream: [UInt8] = messages.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 0xFF)] + $0 }

    @Test func `every split into two parts gives the same messages`() throws {
        for split in 0...Self.stream.count {
            var framing = StreamFraming()
            framing.append(Self.stream.span.extracting(0..<split))
            var taken = try drain(&framing)
            framing.append(Self.stream.span.extracting(split..<Self.stream.count))
            taken += try drain(&framing)
            #expect(taken == Self.messages, "split at \(split)")
            let held = framing.heldCount
            #expect(held == 0)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 100]) func `pieces of any size give the same messages`(size: Int) throws {
        var framing = StreamFraming()
        var taken: [[UInt8]] = []
        for start in stride(from: 0, to: Self.stream.count, by: size) {
            framing.append(Self.stream.span.extracting(start..<min(start + size, Self.stream.count)))
            taken += try drain(&framing)
        }
        #expect(taken == Self.messages)
    }

    @Test func `messages may be read later than they arrived`() throws {
        var framing = StreamFraming()
        framing.append(Self.stream.span)
        let taken1 = try framing.next()
        #expect(taken1 == 2..<3)
        framing.append(Self.stream.span)
        let taken6 = try drain(&framing)
        #expect(taken6 == Array(Self.messages.dropFirst()) + Self.messages)
    }

    @Test func `the longest message is accepted`() throws {
        var framing = StreamFraming()
        framing.append(([0xFF, 0xFF] as [UInt8]).span)
        framing.append([UInt8](repeating: 5, count: 65_534).span)
        let taken2 = try framing.next()
        #expect(taken2 == nil)
        framing.append(([6] as [UInt8]).span)
        let taken3 = try framing.next()
        #expect(taken3 == 2..<65_537)
        let taken4 = try framing.next()
        #expect(taken4 == nil)
    }

    @Test func `a length of zero is an error, after the messages before it`() throws {
        var framing = StreamFraming()
        framing.append(([0, 1, 42, 0, 0, 0, 1, 43] as [UInt8]).span)
        let taken5 = try framing.next()
        #expect(taken5 == 2..<3)
        do {
            _ = try framing.next()
            Issue.record("no error")
        } catch {
            #expect(error == .emptyMessage)
        }
    }
}
