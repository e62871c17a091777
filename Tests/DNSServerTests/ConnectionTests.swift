import Forwarding
import IPAddressing
import LinuxSystem
import TestSupport
import Testing
import Time

@testable import DNSServer

/// Clients' TCP connections (RFC 7766).
@Suite struct ConnectionTests {
    private func framedQuestion(_ id: UInt16) -> [UInt8] {
        TestMessage.framed(TestMessage.question("n\(id).example.org", id: id))
    }

    @Test func `a question in any two parts is answered`() throws {
        let upstream = try TestUpstream()
        let server = try startServer([upstream.endpoint])
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        for split in 1..<framedQuestion(1).count {
            let octets = framedQuestion(UInt16(split))
            try client.send(Array(octets[..<split]))
            #expect(try client.receive(milliseconds: 1) == .silence)
            try client.send(Array(octets[split...]))
            #expect(try client.receiveIDs(1) == [UInt16(split)])
        }
    }

    @Test func `pipelined questions are answered in the order of their answers`() throws {
        let upstream = try TestUpstream { question, _ in
            question[13] == UInt8(ascii: "s") ? [] : [TestMessage.answer(to: question)]
        }
        let server = try startServer([upstream.endpoint])
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        let slow = TestMessage.framed(TestMessage.question("slow.example.org", id: 999))
        try client.send(slow + (1...20).flatMap { framedQuestion($0) })
        #expect(Set(try client.receiveIDs(20)) == Set(1...20))
    }

    @Test func `more questions than may be in flight are all answered`() throws {
        let upstream = try TestUpstream()
        var settings = DNSServerSettings()
        settings.questionsPerConnection = 4
        settings.outputLimit = 200
        let server = try startServer([upstream.endpoint], settings: settings)
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        try client.send((1...200).flatMap { framedQuestion($0) })
        #expect(Set(try client.receiveIDs(200)).count == 200)
    }

    @Test func `a client that has ended its questions gets all answers and then the end`() throws {
        let upstream = try TestUpstream()
        let server = try startServer([upstream.endpoint])
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        try client.send((1...10).flatMap { framedQuestion($0) })
        try client.endSending()
        #expect(Set(try client.receiveIDs(10)) == Set(1...10))
        #expect(try client.receive() == .closed)
    }

    @Test func `an idle connection is closed, one octet at a time does not keep it`() throws {
        var settings = DNSServerSettings()
        settings.idleTimeoutMilliseconds = 100
        let server = try startServer([], settings: settings)
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let silent = try StreamClient(bound)
        let trickling = try StreamClient(bound)
        var isClosed = false
        for octet in framedQuestion(1) {  // 33 octets, 20 ms apart
            try? trickling.send([octet])
            if try trickling.receive(milliseconds: 20) == .closed {
                isClosed = true
                break
            }
        }
        #expect(isClosed)
        #expect(try silent.receive() == .closed)
    }

    @Test func `a length of zero closes the connection`() throws {
        let server = try startServer([])
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        try client.send([0, 0])
        #expect(try client.receive() == .closed)
    }

    @Test func `at the limit of one client its longest idle connection gives way`() throws {
        let upstream = try TestUpstream()
        var settings = DNSServerSettings()
        settings.connectionsPerClient = 2
        let server = try startServer([upstream.endpoint], settings: settings)
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        var clients: [StreamClient] = []
        for id in 1...3 as ClosedRange<UInt16> {
            let client = try StreamClient(bound)
            try client.send(framedQuestion(id))
            #expect(try client.receiveIDs(1) == [id])
            clients.append(client)
        }
        #expect(try clients[0].receive() == .closed)
        for client in clients.dropFirst() {
            try client.send(framedQuestion(9))
            #expect(try client.receiveIDs(1) == [9])
        }
    }

    @Test func `an IPv6 network of one host counts as one client`() throws {
        var settings = DNSServerSettings()
        settings.connectionsPerClient = 1
        var table = ClientTable(settings)
        func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
        let first = Endpoint(address: try address("fd00::1"), port: 4_000)
        let made = table.insert { slot, generation in
            let path = ClientPath(
                client: first, local: first.address, interface: 0, socket: UInt32(slot), generation: generation,
                transport: .tcp)
            return ClientConnection(FileDescriptor(owning: -1), path: path, at: MonotonicTime(nanoseconds: 0))
        }
        let slot = Int(try #require(made).path.socket)
        #expect(table.admission(of: try address("fd00::2:0:0:2")) == .displace(slot: slot))
        #expect(table.admission(of: try address("fd00:0:0:1::1")) == .admit)
        table.remove(slot)
        #expect(table.admission(of: try address("fd00::2")) == .admit)
    }

    @Test func `where all connections are busy a new one is refused`() throws {
        let upstream = try TestUpstream { _, _ in [] }
        var settings = DNSServerSettings()
        settings.connectionsPerWorker = 1
        let server = try startServer([upstream.endpoint], settings: settings)
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let busy = try StreamClient(bound)
        try busy.send(framedQuestion(1))
        #expect(try busy.receive(milliseconds: 50) == .silence)
        #expect(try StreamClient(bound).receive() == .closed)
        server.stop()
        #expect(server.statistics.workers.map(\.sockets.connectionsRefused) == [1])
    }
}

/// Limits beyond which connections are closed.
@Suite struct ConnectionLimitTests {
    @Test func `an old connection ends once its questions are answered`() throws {
        let upstream = try TestUpstream()
        var settings = DNSServerSettings()
        settings.idleTimeoutMilliseconds = 400
        settings.connectionMilliseconds = 300
        let server = try startServer([upstream.endpoint], settings: settings)
        defer { server.stop() }
        let client = try StreamClient(try #require(server.boundEndpoints.first))
        var answered = 0
        // Never idle: 50 questions, 20 ms apart.
        for id in 1...50 as ClosedRange<UInt16> {
            try? client.send(TestMessage.framed(TestMessage.question("n\(id).example.org", id: id)))
            guard try client.receiveIDs(1) == [id] else { break }
            answered += 1
            if try client.receive(milliseconds: 20) == .closed { break }
        }
        #expect((5...40).contains(answered))
        server.stop()
        #expect(server.statistics.workers.map(\.sockets.connectionsRetired) == [1])
    }

    @Test func `a client that leaves its answers lying is closed when the buffers of all are full`() throws {
        let upstream = try TestUpstream { question, _ in
            // A record of 30,000 octets of an unknown type.
            [
                TestMessage.answer(to: question).prefix(6) + [0, 1, 0, 0, 0, 0] + question[12..<Self.end(question)]
                    + [0xC0, 12, 0xFF, 0, 0, 1, 0, 0, 0, 30, 0x75, 0x30] + [UInt8](repeating: 0, count: 30_000)
            ]
        }
        var settings = DNSServerSettings()
        settings.outputTotal = 100_000
        let server = try startServer([upstream.endpoint], settings: settings)
        defer { server.stop() }
        let bound = try #require(server.boundEndpoints.first)
        let hoarder = try StreamClient(bound)
        let reader = try StreamClient(bound)
        let questions = (1...100).flatMap { TestMessage.framed(TestMessage.question("n\($0).example.org", id: $0)) }
        try hoarder.send(questions)
        #expect(try reader.receive(milliseconds: 200) == .silence)
        for id in 1...20 as ClosedRange<UInt16> {
            try reader.send(TestMessage.framed(TestMessage.question("m\(id).example.org", id: id)))
            #expect(try reader.receiveIDs(1) == [id])
        }
        server.stop()
        #expect(server.statistics.workers.map(\.sockets.connectionsChoked) == [1])
    }

    /// The offset after the question.
    private static func end(_ question: [UInt8]) -> Int {
        var position = 12
        while question[position] != 0 { position += 1 + Int(question[position]) }
        return position + 5
    }
}
