import IPAddressing
import LinuxSystem
import Testing

/// Batches over loopback, in both families.
@Suite struct DatagramTests {
    static let loopback = [IPAddress(v4: 0x7F00_0001), IPAddress(v6: 1)]

    /// Waits until `socket` is readable; records an issue after two seconds.
    private func waitFor(_ socket: borrowing FileDescriptor) throws {
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        try epoll.add(socket, .readable, token: 1)
        let count = try epoll.wait(into: &events, milliseconds: 2000)
        #expect(count > 0, "nothing came")
    }

    @Test(arguments: loopback) func `a batch brings every datagram with its sender`(address: IPAddress) throws {
        let server = try DatagramSocket.listen(
            on: Endpoint(address: address, port: 0), sharesPort: false, reportsLocalAddress: false)
        let client = try DatagramSocket.connect(to: try server.localEndpoint())
        var sender = DatagramSender(capacity: 8)
        let octets: [UInt8] = [1, 2, 3, 4, 5, 6]
        for start in 0..<3 { sender.add(start: start, end: 2 * start + 1) }
        let outcome = sender.send(octets.span, on: client, stopsAtError: true)
        #expect(outcome.sent == 3 && outcome.error == nil)

        try waitFor(server)
        var batch = DatagramBatch(capacity: 8, slotSize: 512)
        let count1 = try batch.receive(from: server)
        #expect(count1 == 3)
        for (index, expected) in [[1], [2, 3], [3, 4, 5]].enumerated() as EnumeratedSequence<[[UInt8]]> {
            let octets = copy(of: batch, index)
            #expect(octets == expected)
            let from = batch.sender(index)?.endpoint
            let clientEndpoint = try client.localEndpoint()
            #expect(from == clientEndpoint)
            let isUnreported = batch.destination(index) == nil
            #expect(isUnreported)
        }
        let count2 = try batch.receive(from: server)
        #expect(count2 == 0)
    }

    @Test(arguments: [
        (IPAddress(v4: 0), IPAddress(v4: 0x7F00_0002)), (IPAddress(v4: 0), IPAddress(v4: 0x7F00_0001)),
        (IPAddress(v6: 0), IPAddress(v6: 1)),
    ])
    func `a reply leaves from the address that was asked`(wildcard: IPAddress, asked: IPAddress) throws {
        let server = try DatagramSocket.listen(
            on: Endpoint(address: wildcard, port: 0), sharesPort: false, reportsLocalAddress: true)
        let port = try server.localEndpoint().port
        // Connected: takes nothing that comes from another address.
        let client = try DatagramSocket.connect(to: Endpoint(address: asked, port: port))
        var sender = DatagramSender(capacity: 4)
        sender.add(start: 0, end: 2)
        _ = sender.send(([7, 8] as [UInt8]).span, on: client, stopsAtError: true)

        try waitFor(server)
        var batch = DatagramBatch(capacity: 4, slotSize: 512)
        let count3 = try batch.receive(from: server)
        #expect(count3 == 1)
        let reported = batch.destination(0)
        let destination = try #require(reported)
        #expect(destination.address == asked)
        #expect(destination.interface > 0)
        let sentBy = batch.sender(0)
        let from = try #require(sentBy)
        sender.add(start: 0, end: 1, to: from.endpoint, from: destination.address, interface: destination.interface)
        let outcome = sender.send(([9] as [UInt8]).span, on: server, stopsAtError: false)
        #expect(outcome.sent == 1)

        try waitFor(client)
        let count4 = try batch.receive(from: client)
        #expect(count4 == 1)
        let reply = copy(of: batch, 0)
        #expect(reply == [9])
    }

    @Test func `a datagram longer than its slot is marked as cut`() throws {
        let server = try DatagramSocket.listen(
            on: Endpoint(address: Self.loopback[0], port: 0), sharesPort: false, reportsLocalAddress: false)
        let client = try DatagramSocket.connect(to: try server.localEndpoint())
        var sender = DatagramSender(capacity: 2)
        sender.add(start: 0, end: 100)
        sender.add(start: 0, end: 64)
        _ = sender.send([UInt8](repeating: 1, count: 100).span, on: client, stopsAtError: true)
        try waitFor(server)
        var batch = DatagramBatch(capacity: 4, slotSize: 64)
        let count5 = try batch.receive(from: server)
        #expect(count5 == 2)
        let cut = [batch.isCut(0), batch.isCut(1)]
        #expect(cut == [true, false])
    }

    @Test func `one that cannot be sent does not hold the others up`() throws {
        let server = try DatagramSocket.listen(
            on: Endpoint(address: Self.loopback[0], port: 0), sharesPort: false, reportsLocalAddress: false)
        let target = try server.localEndpoint()
        var sender = DatagramSender(capacity: 4)
        sender.add(start: 0, end: 1, to: target, from: nil, interface: 0)
        sender.add(start: 0, end: 1, to: Endpoint(address: Self.loopback[0], port: 0), from: nil, interface: 0)
        sender.add(start: 1, end: 2, to: target, from: nil, interface: 0)
        let outcome = sender.send(([1, 2] as [UInt8]).span, on: server, stopsAtError: false)
        #expect(outcome.sent == 2 && outcome.failed == 1 && outcome.error?.name == "EINVAL")
    }

    @Test(arguments: loopback) func `a closed port is reported to the connected socket`(address: IPAddress) throws {
        let target: Endpoint
        do {
            let closed = try DatagramSocket.listen(
                on: Endpoint(address: address, port: 0), sharesPort: false, reportsLocalAddress: false)
            target = try closed.localEndpoint()
        }
        let client = try DatagramSocket.connect(to: target)
        var sender = DatagramSender(capacity: 1)
        sender.add(start: 0, end: 1)
        _ = sender.send(([1] as [UInt8]).span, on: client, stopsAtError: true)
        try waitFor(client)
        var batch = DatagramBatch(capacity: 1, slotSize: 64)
        do {
            _ = try batch.receive(from: client)
            Issue.record("no error")
        } catch {
            #expect(error == .connectionRefused)
        }
        DatagramSocket.discardErrors(of: client)
        let count6 = try batch.receive(from: client)
        #expect(count6 == 0)
        let epoll = try Epoll()
        var events = EpollEvents(capacity: 4)
        try epoll.add(client, .readable, token: 1)
        let count7 = try epoll.wait(into: &events, milliseconds: 0)
        #expect(count7 == 0, "the socket is quiet again")
    }

    @Test(arguments: loopback)
    func `what ICMP says of an earlier datagram keeps no later one from being sent`(address: IPAddress) throws {
        let target: Endpoint
        do {
            let closed = try DatagramSocket.listen(
                on: Endpoint(address: address, port: 0), sharesPort: false, reportsLocalAddress: false)
            target = try closed.localEndpoint()
        }
        let client = try DatagramSocket.connect(to: target)
        var sender = DatagramSender(capacity: 4)
        sender.add(start: 0, end: 1)
        _ = sender.send(([1] as [UInt8]).span, on: client, stopsAtError: true)
        try waitFor(client)
        let server = try DatagramSocket.listen(on: target, sharesPort: false, reportsLocalAddress: false)
        for _ in 0..<3 { sender.add(start: 0, end: 1) }
        let outcome = sender.send(([1] as [UInt8]).span, on: client, stopsAtError: true)
        #expect(outcome.sent == 3 && outcome.error == nil && outcome.reported == .connectionRefused)
        try waitFor(server)
        var batch = DatagramBatch(capacity: 4, slotSize: 64)
        let count = try batch.receive(from: server)
        #expect(count == 3)
    }

    @Test func `IPv6 sockets take no IPv4 clients`() throws {
        let any = Endpoint(address: IPAddress(v6: 0), port: 0)
        let server = try DatagramSocket.listen(on: any, sharesPort: false, reportsLocalAddress: true)
        let port = try server.localEndpoint().port
        let other = try DatagramSocket.listen(
            on: Endpoint(address: IPAddress(v4: 0), port: port), sharesPort: false, reportsLocalAddress: true)
        let otherPort = try other.localEndpoint().port
        #expect(otherPort == port)
    }
}

/// The octets of datagram `index`.
func copy(of batch: borrowing DatagramBatch, _ index: Int) -> [UInt8] {
    let message = batch.message(index)
    return (0..<message.count).map { message[$0] }
}
