import DNSWire
package import IPAddressing
package import LinuxSystem

/// A name server on loopback that answers by a function, over UDP and TCP, on a thread of its own.
package final class TestUpstream: Sendable {
    /// The answers to one question; an empty list is silence, an empty message ends a TCP connection.
    package typealias Responder = @Sendable (_ question: [UInt8], _ isStream: Bool) -> [[UInt8]]

    /// Where it listens.
    package let endpoint: Endpoint
    /// Ends the thread.
    private let wake: EventFD
    /// The server's thread.
    private let thread: NativeThread

    /// - Parameter isEverywhere: It listens on every IPv4 address of the host, loopback's 16 million
    ///   included.
    package init(
        isEverywhere: Bool = false,
        _ respond: @escaping Responder = { question, _ in [TestMessage.answer(to: question)] }
    ) throws {
        let any = Endpoint(address: IPAddress(v4: isEverywhere ? 0 : 0x7F00_0001), port: 0)
        let wake = try EventFD()
        let loop = try UpstreamLoop(any, respond)
        endpoint = loop.endpoint
        try loop.epoll.add(wake.descriptor, .readable, token: 0)
        thread = try NativeThread(name: "upstream", stackSize: 1024 * 1024) { loop.run() }
        self.wake = wake
    }

    deinit {
        wake.signal()
        thread.join()
    }
}

/// The thread of `TestUpstream`.
private final class UpstreamLoop: Sendable {
    /// Where it listens.
    var endpoint: Endpoint { sockets.endpoint }
    /// Waits for the sockets.
    let epoll: Epoll
    /// The sockets.
    private let sockets: Sockets
    /// Gives the answers.
    private let respond: TestUpstream.Responder

    init(_ any: Endpoint, _ respond: @escaping TestUpstream.Responder) throws {
        sockets = try Self.bind(any)
        epoll = try Epoll()
        try epoll.add(sockets.datagram, .readable, token: 1)
        try epoll.add(sockets.listener, .readable, token: 2)
        self.respond = respond
    }

    /// A port that is free over UDP may be in use over TCP: then another one is tried.
    private static func bind(_ any: Endpoint) throws -> Sockets {
        for _ in 0..<32 {
            let datagram = try DatagramSocket.listen(
                on: any, sharesPort: false, reportsLocalAddress: any.address.isUnspecified)
            let endpoint = try datagram.localEndpoint()
            guard let listener = try? StreamSocket.listen(on: endpoint, sharesPort: false) else { continue }
            return Sockets(datagram: datagram, listener: listener, endpoint: endpoint)
        }
        throw Errno.addressInUse
    }

    /// The sockets of one port.
    private struct Sockets: ~Copyable, Sendable {
        /// The UDP socket.
        let datagram: FileDescriptor
        /// The listening TCP socket.
        let listener: FileDescriptor
        /// Where both are bound.
        let endpoint: Endpoint
    }

    /// Serves until the wake event.
    func run() {
        var events = EpollEvents(capacity: 16)
        var streams: [UInt64: UpstreamPeer] = [:]
        var nextToken: UInt64 = 3
        // Ends with the wake event, whose token is 0; the bound is for a test that forgets it.
        for _ in 0..<100_000 {
            guard let count = try? epoll.wait(into: &events, milliseconds: 10_000), count > 0 else {
                return
            }
            for index in 0..<count {
                switch events[index].token {
                case 0: return
                case 1: answerDatagrams()
                case 2:
                    guard let accepted = try? StreamSocket.accept(from: sockets.listener) else { continue }
                    let peer = UpstreamPeer(accepted.takeDescriptor())
                    try? epoll.add(peer.descriptor, .readable, token: nextToken)
                    streams[nextToken] = peer
                    nextToken += 1
                case let token:
                    // A connection that has ended would be readable for ever; when closed, it is no
                    // longer watched.
                    if streams[token]?.serve(respond) == false { streams[token] = nil }
                }
            }
        }
    }

    /// Answers the datagrams that wait.
    private func answerDatagrams() {
        var batch = DatagramBatch(capacity: 32, slotSize: 4096)
        var sender = DatagramSender(capacity: 1)
        guard let count = try? batch.receive(from: sockets.datagram) else { return }
        for index in 0..<count {
            guard let from = batch.sender(index) else { continue }
            for answer in respond(copy(of: batch, index), false) {
                sender.add(
                    start: 0, end: answer.count, to: from.endpoint, from: batch.destination(index)?.address,
                    interface: 0)
                _ = sender.send(answer.span, on: sockets.datagram, stopsAtError: true)
            }
        }
    }
}

/// One TCP connection of `TestUpstream`.
private final class UpstreamPeer {
    /// The connection.
    let descriptor: FileDescriptor
    /// Octets from the client.
    private var framing = StreamFraming()

    init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }

    /// Answers what has come; false if nothing more will come.
    func serve(_ respond: TestUpstream.Responder) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var span = buffer.mutableSpan
        let count: Int
        switch try? StreamSocket.receive(from: descriptor, into: &span) {
        case .octets(let number)?: count = number
        case .nothing?: return true
        case .end?, nil: return false
        }
        framing.append(buffer.span.extracting(first: count))
        while let range = try? framing.next() {
            let question = framing.withMessage(range) { message in
                (0..<message.count).map { message[$0] }
            }
            for answer in respond(question, true) {
                guard !answer.isEmpty else {
                    try? StreamSocket.endSending(on: descriptor)
                    return true
                }
                _ = try? StreamSocket.send(TestMessage.framed(answer).span, on: descriptor)
            }
        }
        return true
    }
}

/// The octets of the message in a slot of `batch`.
package func copy(of batch: borrowing DatagramBatch, _ index: Int) -> [UInt8] {
    let message = batch.message(index)
    return (0..<message.count).map { message[$0] }
}
