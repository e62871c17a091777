import DNSWire
import TestSupport
import Testing

/// The server against everything in `HostileRows`, over both transports.
@Suite("Malformed and odd messages") struct HostileMessageTests {
    @Test func `there are enough rows, each with a title of its own`() {
        #expect(HostileRows.all.count >= 150)
        #expect(Set(HostileRows.all.map(\.title)).count == HostileRows.all.count)
    }

    @Test func `each gets its outcome over UDP, and a good question is answered behind it`() throws {
        let server = try HostileServer()
        let client = try DatagramClient(server.endpoint)
        for (index, row) in (HostileRows.all + [HostileRow("an empty datagram", "-", [], .silence)]).enumerated() {
            let good = UInt16(0x8000 + index)
            client.send(row.octets)
            client.send(
                TestMessage.question(
                    index % 2 == 0 ? "good\(index).prod.cluster.local" : "good\(index).example.org", id: good))
            try judge(row, good: good, "UDP") { try client.receive() }
        }
        #expect(try client.receive(milliseconds: 0) == nil, "nothing is answered twice")
    }

    @Test func `each gets its outcome over TCP, and a good question is answered behind it`() throws {
        let server = try HostileServer()
        let client = try StreamClient(server.endpoint)
        for (index, row) in HostileRows.all.enumerated() {
            let good = UInt16(0x8000 + index)
            let question = TestMessage.question("good\(index).prod.cluster.local", id: good)
            try client.send(TestMessage.framed(row.octets) + TestMessage.framed(question))
            try judge(row, good: good, "TCP") {
                guard case .message(let message) = try client.receive() else { return nil }
                return message
            }
        }
    }

    /// Takes the replies to `row` and to the good question, which may come in either order, and compares them with what
    /// is expected.
    ///
    /// Errors of form are answered at once, the good question by way of the upstream: once it is answered, a row that was not
    /// answered before never will be.
    private func judge(
        _ row: HostileRow, good: UInt16, _ transport: String, _ receive: () throws -> [UInt8]?
    ) throws {
        let expected = row.outcome == .silence ? 1 : 2
        var replies: [UInt16: HostileReply] = [:]
        while replies.count < expected {
            guard let message = try receive() else {
                Issue.record("\(row.title) over \(transport): no reply")
                return
            }
            let reply = try #require(HostileReply(message), "\(row.title) over \(transport): \(message)")
            replies[reply.header.id] = reply
        }
        #expect(replies[good]?.rcode == 0 && replies[good]?.types == [1], "\(row.title) over \(transport)")
        guard row.outcome != .silence else { return }
        let objections = replies[TestMessage.id(row.octets)]?.objections(to: row) ?? ["no reply"]
        #expect(objections.isEmpty, "\(row.title) over \(transport) (\(row.rule))")
    }
}
