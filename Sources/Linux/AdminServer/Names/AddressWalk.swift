import DNSWire
import DomainNames
import IPAddressing
import LinuxSystem
import Synchronization
import Time

/// Asks a DNS server for the names of many addresses, at a steady pace, on a thread of its own.
///
/// The questions are a client's, standard ones (RFC 1035 section 3.5): nothing in the cluster needs to allow
/// them, and the server's own limits, views and cache hold for them.
final class AddressWalk: Sendable {
    /// The server.
    private let server: Endpoint
    /// The ranges whose addresses are asked for, in order.
    private let ranges: [IPPrefix]
    /// Questions a second.
    private let perSecond: Int
    /// Called for each name that was found, on the walk's thread.
    private let found: @Sendable (IPAddress, DomainName) -> Void
    /// How far it is.
    private let state: Mutex<Progress>
    /// Ends the thread early.
    private let isStopped = Atomic(false)

    /// How far a walk is.
    struct Progress: Hashable, Sendable {
        /// Addresses in all.
        var total = 0
        /// Questions sent.
        var asked = 0
        /// Answers of any kind.
        var answered = 0
        /// Answers with a name.
        var found = 0
        /// Answers that are errors, such as SERVFAIL of a cluster that is down.
        var failed = 0
        /// True once the thread has ended.
        var isOver = false
    }

    /// The most addresses of one walk: a /12.
    static let mostAddresses = 1 << 20
    /// The most questions without an answer: no more are sent until some are answered or given up.
    private static let mostOpen = 2_048
    /// How long an answer is waited for at the end.
    private static let lastMilliseconds = 5_000

    /// - Parameter found: Called for each name, on the walk's thread.
    init(
        _ ranges: [IPPrefix], at server: Endpoint, perSecond: Int,
        found: @escaping @Sendable (IPAddress, DomainName) -> Void
    ) {
        self.server = server
        self.ranges = ranges
        self.perSecond = max(1, perSecond)
        self.found = found
        var progress = Progress()
        progress.total = Self.addressCount(of: ranges)
        state = Mutex(progress)
    }

    /// Addresses in IPv4 ranges.
    static func addressCount(of ranges: [IPPrefix]) -> Int {
        ranges.reduce(0) { $0 + 1 << max(0, 32 - $1.length) }
    }

    /// How far it is now.
    var progress: Progress { state.withLock { $0 } }

    /// Ends it soon.
    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Starts the thread.
    func start() throws(Errno) -> NativeThread {
        let socket = try DatagramSocket.connect(to: server)
        let epoll = try Epoll()
        try epoll.add(socket, .readable, token: 0)
        let sockets = Sockets(socket: socket, epoll: epoll)
        return try NativeThread(name: "walk", stackSize: 512 * 1024) { [self] in run(sockets) }
    }

    /// The socket, and what waits for it.
    private final class Sockets: Sendable {
        let socket: FileDescriptor
        let epoll: Epoll

        init(socket: consuming FileDescriptor, epoll: consuming Epoll) {
            self.socket = socket
            self.epoll = epoll
        }
    }

    /// Asks for all addresses, then waits for the last answers.
    private func run(_ sockets: Sockets) {
        let start = MonotonicClock.now
        // The addresses of questions in flight, by message ID.
        var open = [IPAddress?](repeating: nil, count: 65_536)
        var openCount = 0
        var nextID = 0
        var addresses = ranges.lazy.flatMap { range in
            (0..<Self.addressCount(of: [range])).lazy.map { offset in
                IPAddress(family: range.family, bits: range.address.bits + UInt128(offset))
            }
        }.makeIterator()
        var sent = 0
        var end: MonotonicTime?
        var events = EpollEvents(capacity: 1)
        // Ends: every turn waits, and after the last address for a bounded time.
        while !isStopped.load(ordering: .relaxed) {
            let now = MonotonicClock.now
            if let end, now >= end || openCount == 0 { break }
            let due = Int(now.nanoseconds(since: start) * Int64(perSecond) / 1_000_000_000) + 1
            while end == nil, sent < due, openCount < Self.mostOpen {
                guard let address = addresses.next() else {
                    end = now.advanced(milliseconds: Self.lastMilliseconds)
                    break
                }
                sent += 1
                if open[nextID] == nil { openCount += 1 }
                open[nextID] = address
                ask(address, id: nextID, on: sockets.socket)
                nextID = (nextID + 1) % open.count
            }
            // One that was lost gives its place to a later one after a while.
            if openCount >= Self.mostOpen, end == nil {
                for id in open.indices { open[id] = nil }
                openCount = 0
            }
            state.withLock { $0.asked = sent }
            _ = try? sockets.epoll.wait(into: &events, milliseconds: end == nil ? 2 : 50)
            openCount -= receive(from: sockets.socket, &open)
        }
        state.withLock { $0.isOver = true }
    }

    /// Sends one question; one that can't be sent counts as asked.
    private func ask(_ address: IPAddress, id: Int, on socket: borrowing FileDescriptor) {
        guard let name = try? DomainName(parsing: IPPrefix(only: address).reverseZone) else { return }
        let octets: [UInt8] =
            [UInt8(id >> 8), UInt8(id & 0xFF), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name.wire
            + [0, UInt8(RecordType.ptr), 0, 1]
        do throws(Errno) { _ = try StreamSocket.send(octets.span, on: socket) } catch {}
    }

    /// Takes all answers that have come; gives the number of questions that they answer.
    private func receive(from socket: borrowing FileDescriptor, _ open: inout [IPAddress?]) -> Int {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var count = 0
        // Ends with what the socket holds.
        while true {
            var span = buffer.mutableSpan
            let received: Int
            do throws(Errno) {
                guard case .octets(let octets) = try StreamSocket.receive(from: socket, into: &span) else {
                    return count
                }
                received = octets
            } catch {
                return count
            }
            let message = buffer.span.extracting(first: received)
            guard let header = try? MessageHeader(reading: message), header.isResponse,
                let address = open[Int(header.id)]
            else { continue }
            open[Int(header.id)] = nil
            count += 1
            take(message, header, address)
        }
    }

    /// Notes an answer.
    private func take(_ message: Span<UInt8>, _ header: MessageHeader, _ address: IPAddress) {
        let name = header.answerCount > 0 ? Self.firstName(message) : nil
        let isFailure =
            header.rcode != ResponseCode.noError.rawValue && header.rcode != ResponseCode.nameError.rawValue
        state.withLock { progress in
            progress.answered += 1
            if isFailure { progress.failed += 1 }
            if name != nil { progress.found += 1 }
        }
        if let name { found(address, name) }
    }

    /// The name in the data of the first record, if it is a PTR record.
    private static func firstName(_ message: Span<UInt8>) -> DomainName? {
        do throws(WireError) {
            var end = 0
            _ = try FlatName(in: message, at: try Question(reading: message).end, end: &end)
            guard message.count >= end + 10, message[end] == 0, message[end + 1] == UInt8(RecordType.ptr)
            else {
                return nil
            }
            let name = try FlatName(in: message, at: end + 10, end: &end)
            return try? DomainName(wire: name.wire)
        } catch {
            return nil
        }
    }
}
