import DNSServer
import Forwarding
import Glibc
import IPAddressing
import Inventory
import LinuxSystem
import Synchronization
import TestSupport
import Testing
import Time

/// A server that is ended while clients wait.
@Suite struct EndingTests {
    @Test(arguments: [1, 2])
    func `every question that has come is answered`(workers: Int) throws {
        let upstream = try HesitantUpstream(silent: 30)
        let server = try server(upstream, workers: workers)
        let bound = try #require(server.boundEndpoints.first)
        let client = try DatagramClient(bound)
        let stream = try StreamClient(bound)
        for id in 0..<20 as Range<UInt16> { client.send(TestMessage.question("n\(id).example.org", id: id)) }
        for id in 20..<30 as Range<UInt16> {
            try stream.send(TestMessage.framed(TestMessage.question("n\(id).example.org", id: id)))
        }
        while server.statistics.sum({ $0.engine.messages }) < 30 {}
        // These wait in the sockets.
        for id in 30..<40 as Range<UInt16> { client.send(TestMessage.question("n\(id).example.org", id: id)) }
        server.stop(answering: true)
        var ids: Set<UInt16> = []
        for _ in 0..<30 {
            guard let answer = try client.receive(milliseconds: 100) else { break }
            if TestMessage.answerCount(answer) == 1 { ids.insert(TestMessage.id(answer)) }
        }
        #expect(ids == Set(0..<20).union(30..<40))
        #expect(Set(try stream.receiveIDs(10)) == Set(20..<30))
        #expect(try stream.receive() == .closed)
    }

    @Test func `a question that no server answers fails before the end`() throws {
        let server = try server(HesitantUpstream(silent: .max), workers: 1)
        let client = try DatagramClient(try #require(server.boundEndpoints.first))
        client.send(TestMessage.question("www.example.org", id: 7))
        while server.statistics.sum({ $0.engine.messages }) < 1 {}
        server.stop(answering: true)
        #expect(TestMessage.rcode(try #require(try client.receive(milliseconds: 100))) == 2)
    }

    @Test func `an idle connection does not hold it up`() throws {
        let server = try server(HesitantUpstream(silent: 0), workers: 1)
        let stream = try StreamClient(try #require(server.boundEndpoints.first))
        while server.statistics.sum({ $0.connections }) < 1 {}
        let start = MonotonicClock.now
        server.stop(answering: true)
        #expect(MonotonicClock.now.nanoseconds(since: start) < 1_000_000_000)
        #expect(try stream.receive() == .closed)
    }

    @Test func `what waits in sockets of the service manager is answered by the next process`() throws {
        let upstream = try HesitantUpstream(silent: 1)
        // The manager keeps these open.
        let manager = try ManagerSockets()
        func inherited() throws -> [InheritedSocket] {
            try [manager.datagram.number, manager.stream.number].map { try #require(InheritedSocket(number: dup($0))) }
        }
        let first = try server(upstream, workers: 2, inherited: inherited())
        let bound = try #require(first.boundEndpoints.first)
        let client = try DatagramClient(bound)
        client.send(TestMessage.question("n0.example.org", id: 0))
        while first.statistics.sum({ $0.engine.messages }) < 1 {}
        let end = try NativeThread(name: "end", stackSize: 1 << 20) { first.stop(answering: true) }
        // One of the two workers gives the answer.
        for id in 1..<50 as Range<UInt16> { client.send(TestMessage.question("n\(id).example.org", id: id)) }
        end.join()
        for id in 50..<100 as Range<UInt16> { client.send(TestMessage.question("n\(id).example.org", id: id)) }
        let second = try server(upstream, workers: 2, inherited: inherited())
        defer { second.stop() }
        var ids: Set<UInt16> = []
        for _ in 0..<100 {
            guard let answer = try client.receive() else { break }
            if TestMessage.answerCount(answer) == 1 { ids.insert(TestMessage.id(answer)) }
        }
        #expect(ids == Set(0..<100))
    }

    private func server(
        _ upstream: HesitantUpstream, workers: Int, inherited: [InheritedSocket] = []
    ) throws -> DNSServer {
        var dns = DNSSettings()
        dns.upstream = [upstream.endpoint]
        let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        let server = try DNSServer(
            listen: [inherited.first?.endpoint ?? any], policy: ForwardingPolicy(Inventory(dns: dns)),
            workers: workers, inherited: inherited)
        try server.start()
        return server
    }
}

/// Sockets of a service manager at the same loopback port.
private struct ManagerSockets: ~Copyable {
    let datagram: FileDescriptor
    let stream: FileDescriptor

    init() throws {
        let any = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)
        for _ in 0..<32 {
            let datagram = try DatagramSocket.listen(on: any, sharesPort: false, reportsLocalAddress: false)
            // A port that is free over UDP may be taken over TCP: then another one is tried.
            guard let stream = try? StreamSocket.listen(on: datagram.localEndpoint(), sharesPort: false) else { continue }
            self.datagram = datagram
            self.stream = stream
            return
        }
        throw Errno.addressInUse
    }
}

/// Answers all but the first questions: those are asked again after a while.
private final class HesitantUpstream: Sendable {
    private let upstream: TestUpstream
    var endpoint: Endpoint { upstream.endpoint }

    private final class Counter: Sendable {
        let silent: Atomic<Int>
        init(_ silent: Int) { self.silent = Atomic(silent) }
    }

    init(silent: Int) throws {
        let counter = Counter(silent)
        upstream = try TestUpstream { question, _ in
            if counter.silent.subtract(1, ordering: .relaxed).oldValue > 0 { return [] }
            return [TestMessage.answer(to: question)]
        }
    }
}
