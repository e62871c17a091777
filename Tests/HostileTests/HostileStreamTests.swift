import DNSServer
import TestSupport
import Testing

/// Streams that are no proper sequence of messages (RFC 7766 section 8, RFC 1035 section 4.2.2).
@Suite("Malformed and odd streams") struct HostileStreamTests {
    @Test("a stream ends in order, and the next client is served", arguments: rows)
    func stream(row: Row) throws {
        let server = try HostileServer()
        let client = try StreamClient(server.endpoint)
        for part in row.parts { try client.send(part) }
        if row.clientEnds { try client.endSending() }
        var replies: Set<UInt16> = []
        var end = StreamClient.Event.silence
        // Each turn takes a message or ends the loop; no row has more than 24.
        for _ in 0..<32 {
            end = try client.receive()
            guard case .message(let message) = end else { break }
            replies.insert(TestMessage.id(message))
        }
        #expect(end == .closed)
        if row.clientEnds { #expect(replies == row.replies) }
        let next = try StreamClient(server.endpoint)
        try next.send(Self.good(99))
        #expect(try next.receiveIDs(1) == [99])
    }

    @Test func `a hundred silent connections do not block others`() throws {
        var settings = DNSServerSettings()
        settings.connectionsPerClient = 16
        let server = try HostileServer(settings: settings)
        var silent: [StreamClient] = []
        for _ in 0..<100 { silent.append(try StreamClient(server.endpoint)) }
        let client = try StreamClient(server.endpoint)
        try client.send(Self.good(5))
        #expect(try client.receiveIDs(1) == [5])
        #expect(try DatagramClient(server.endpoint).ask("good.example.org", id: 6) != nil)
        #expect(silent.count == 100)
    }

    /// What is written, one element after the other, and how the connection ends up.
    struct Row: Sendable, CustomTestStringConvertible {
        let title: String
        let parts: [[UInt8]]
        /// The replies received, by their IDs, in any order.
        let replies: Set<UInt16>
        /// True if the client then ends its side, false if the server has to close by itself.
        var clientEnds = true

        var testDescription: String { title }
    }

    private static func good(_ id: UInt16) -> [UInt8] {
        TestMessage.framed(TestMessage.question("n\(id).prod.cluster.local", id: id))
    }

    private static let malformed = TestMessage.framed([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1])

    static let rows: [Row] = [
        Row(title: "nothing", parts: [], replies: []),
        Row(title: "half a length", parts: [[0]], replies: []),
        Row(title: "a length and nothing", parts: [[0, 30]], replies: []),
        Row(title: "half a message", parts: [Array(good(1).prefix(20))], replies: []),
        Row(title: "a message and half of another", parts: [good(1) + good(2).prefix(9)], replies: [1]),
        Row(title: "the length in two parts", parts: [[0], Array(good(1).dropFirst())], replies: [1]),
        Row(title: "one octet at a time", parts: good(1).map { [$0] }, replies: [1]),
        Row(
            title: "the split inside the second length", parts: [good(1) + [0], Array(good(2).dropFirst())], replies: [1, 2]),
        Row(title: "twenty messages in one segment", parts: [(1...20).flatMap { good($0) }], replies: Set(1...20)),
        Row(title: "a malformed message between good ones", parts: [good(1) + malformed + good(2)], replies: [1, 2, 9]),
        Row(title: "a message of one octet, then a good one", parts: [[0, 1, 0xFF] + good(1)], replies: [1]),
        Row(
            title: "a message of eleven octets, then a good one",
            parts: [[0, 11] + [UInt8](repeating: 0, count: 11) + good(1)], replies: [1]),
        Row(
            title: "a response, then a good question",
            parts: [TestMessage.framed([0, 8, 0x81] + [UInt8](repeating: 0, count: 9)) + good(1)], replies: [1]),
        Row(
            title: "65535 octets of nothing, then a good question",
            parts: [[0xFF, 0xFF] + [UInt8](repeating: 0, count: 65_535) + good(1)], replies: [0, 1]),
        Row(title: "a length of zero", parts: [[0, 0]], replies: [], clientEnds: false),
        Row(title: "a length of zero behind a good question", parts: [good(1) + [0, 0]], replies: [], clientEnds: false),
        Row(title: "a web browser", parts: [Array("GET / HTTP/1.1\r\nHost: ns\r\n\r\n".utf8)], replies: []),
        Row(
            title: "a TLS client", parts: [[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 0x5A, count: 507)],
            replies: []),
        Row(title: "the same ID twice", parts: [good(7) + good(7)], replies: [7]),
        Row(
            title: "twenty messages of 4,000 names, each at the end of 8,000 pointers",
            parts: (1...20).map { TestMessage.framed(pointers(id: $0)) } + [good(99)], replies: Set(1...20).union([99])),
    ]

    /// A question with a record whose data is a chain of pointers, and as many records as there is room for, each owned
    /// by the chain's end. One message took a fifth of a second to read.
    private static func pointers(id: UInt16) -> [UInt8] {
        let question = HostileMessage(counts: [1, 0, 0, 4_000]).octets(id: id)
        let start = question.count + 11
        let chain = (0..<((0x3FFE - start) / 2)).flatMap { index in
            HostileMessage.two(0xC000 | (index == 0 ? 12 : start + (index - 1) * 2))
        }
        let holder = [0] + HostileMessage.two(65_280) + [0, 1, 0, 0, 0, 5] + HostileMessage.two(chain.count) + chain
        let top = HostileMessage.two(0xC000 | (start + chain.count - 2))
        let one = top + HostileMessage.two(65_280) + [0, 1, 0, 0, 0, 5, 0, 0]
        let others = (0..<3_999).flatMap { _ in one }
        return question + holder + others
    }
}
