package import IPAddressing
package import LinuxSystem
import Time

/// One packet that is sent for real, to see whether something comes back.
package struct PacketProbe: Sendable {
    /// The destination; its port is 0 for an echo request.
    package var destination: Endpoint
    /// What is sent.
    package var content: Content
    /// The address that it comes from; nil: the kernel's choice.
    package var source: IPAddress?

    /// What is sent.
    package enum Content: Hashable, Sendable {
        /// The begin of a TCP connection, which is reset once it is there.
        case connection
        /// A datagram.
        case datagram([UInt8])
        /// An echo request of so many octets, with the header of IP, which is not fragmented.
        case echo(size: Int)
    }

    package init(to destination: Endpoint, _ content: Content, from source: IPAddress? = nil) {
        self.destination = destination
        self.content = content
        self.source = source
    }

    /// What came back.
    package enum Outcome: Hashable, Sendable {
        /// An answer, after so many microseconds.
        case answered(Int)
        /// The destination refuses, after so many microseconds.
        case refused(Int)
        /// A machine on the way reports an error, or this one cannot send it.
        case failed(Errno)
        /// Nothing.
        case silent
    }

    /// How many are open at a time: the rest waits for its turn.
    private static let mostOpen = 64

    /// Sends all of them, and waits up to `milliseconds` for what comes back; datagrams are sent twice. The
    /// outcomes in the order of the probes.
    package static func send(_ probes: [PacketProbe], milliseconds: Int) -> [Outcome] {
        var outcomes: [Outcome] = []
        while outcomes.count < probes.count {  // each turn adds at least one
            let next = Array(probes[outcomes.count...].prefix(mostOpen))
            do throws(Errno) {
                var round = try ProbeRound(next)
                outcomes += round.run(milliseconds: milliseconds)
            } catch {
                outcomes += next.map { _ in .failed(error) }
            }
        }
        return outcomes
    }
}

/// Probes that wait for their answers at the same time.
private struct ProbeRound: ~Copyable {
    /// The probes.
    private let probes: [PacketProbe]
    /// Their sockets; nil once there is an outcome.
    private var sockets: [OpenProbe?]
    /// Their outcomes.
    private var outcomes: [PacketProbe.Outcome]
    /// Watches the sockets.
    private let epoll: Epoll
    /// When they were sent.
    private let start = MonotonicClock.now

    /// Opens the sockets and sends.
    init(_ probes: [PacketProbe]) throws(Errno) {
        self.probes = probes
        sockets = probes.map { _ in nil }
        outcomes = probes.map { _ in .silent }
        epoll = try Epoll()
        for index in probes.indices {
            do throws(Errno) {
                let open = try OpenProbe(probes[index])
                let interest: Epoll.Interest = probes[index].content == .connection ? .writable : .readable
                try epoll.add(open.socket, interest, token: UInt64(index))
                sockets[index] = open
            } catch {
                outcomes[index] = outcome(of: error)
            }
        }
    }

    /// Waits for the answers.
    mutating func run(milliseconds: Int) -> [PacketProbe.Outcome] {
        var events = EpollEvents(capacity: 64)
        let end = start.advanced(milliseconds: milliseconds)
        let again = start.advanced(milliseconds: milliseconds / 2)
        var isRepeated = false
        while sockets.contains(where: { $0 != nil }) {  // ends: at the deadline at the latest
            let now = MonotonicClock.now
            guard now < end else { break }
            if now >= again, !isRepeated {
                isRepeated = true
                for open in sockets { open?.sendAgain() }
            }
            let due = isRepeated ? end : again
            let left = max(0, due.nanoseconds(since: now)) / 1_000_000 + 1
            let count = (try? epoll.wait(into: &events, milliseconds: Int32(clamping: left))) ?? 0
            for index in 0..<count { take(Int(events[index].token)) }
        }
        return outcomes
    }

    /// Looks at a socket that is ready.
    private mutating func take(_ index: Int) {
        guard let open = sockets[index] else { return }
        do throws(Errno) {
            guard try open.isAnswered() else { return }
            outcomes[index] = .answered(microseconds)
        } catch {
            outcomes[index] = outcome(of: error)
        }
        sockets[index] = nil
    }

    /// Since the packets were sent.
    private var microseconds: Int { Int(MonotonicClock.now.nanoseconds(since: start) / 1_000) }

    /// What an error shows.
    private func outcome(of error: Errno) -> PacketProbe.Outcome {
        error == .connectionRefused ? .refused(microseconds) : .failed(error)
    }
}

/// A probe with its socket.
private final class OpenProbe {
    /// The socket.
    let socket: FileDescriptor
    /// The probe.
    private let probe: PacketProbe
    /// What is sent; empty for a connection.
    private let message: [UInt8]
    /// By which the reply to an echo request is recognised.
    private let token: UInt64

    /// Opens the socket and sends.
    init(_ probe: PacketProbe) throws(Errno) {
        self.probe = probe
        var random = SystemRandomNumberGenerator()
        token = random.next()
        switch probe.content {
        case .connection:
            message = []
            socket = try StreamSocket.probe(probe.destination, from: probe.source)
        case .datagram(let octets):
            message = octets
            socket = try DatagramSocket.connect(to: probe.destination, from: probe.source)
        case .echo(let size):
            message = EchoSocket.request(to: probe.destination.address.family, token: token, size: size)
            socket = try EchoSocket.connect(to: probe.destination.address, from: probe.source)
        }
        try send()
    }

    /// Sends a datagram once more: the first may have waited in vain for the address of a neighbour.
    func sendAgain() {
        // An error shows in `isAnswered`.
        do throws(Errno) { try send() } catch {}
    }

    /// Sends the message, unless it is a connection.
    private func send() throws(Errno) {
        guard probe.content != .connection else { return }
        let octets = message
        _ = try StreamSocket.send(octets.span, on: socket)
    }

    /// True once an answer has come; it throws what an error message says.
    func isAnswered() throws(Errno) -> Bool {
        if let error = socket.pendingError() { throw error }
        if probe.content == .connection { return true }
        var room = [UInt8](repeating: 0, count: 65_535)
        var span = room.mutableSpan
        switch try StreamSocket.receive(from: socket, into: &span) {
        case .nothing: return false
        case .end: return true
        case .octets(let count):
            guard case .echo = probe.content else { return true }
            return EchoSocket.isReply(
                room.span.extracting(first: count), to: probe.destination.address.family, token: token)
        }
    }
}
