import DNSServer
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import LinuxSystem
import Synchronization
import Time

/// Asks for the names of many addresses, at a steady pace, on a thread of its own.
///
/// The questions are standard ones (RFC 1035 section 3.5): nothing in the cluster needs to allow them. They
/// are asked as this host, and its view holds for them, at a forwarder that exists for the walk alone: its
/// questions are not among those of clients, it has no cache that their answers share, and clients do not
/// wait behind it.
final class AddressWalk: Sendable {
    /// This host, as the server sees it.
    private let client: IPAddress
    /// Gives the policy in use, and what is known of its servers: a dead one is not waited for.
    private let serving: @Sendable () -> Serving
    /// The ranges whose addresses are asked for, in order.
    private let ranges: [IPPrefix]
    /// How fast it asks, and when it gives up.
    private let pace: Pace
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
        /// Questions without an answer: their names are not known.
        var lost = 0
        /// True once the thread has ended.
        var isOver = false
        /// True if it has ended before its last address, because nothing was answered any more.
        var isGivenUp = false

        /// Adds the questions and answers of another walk.
        mutating func add(_ other: Progress) {
            total += other.total
            asked += other.asked
            answered += other.answered
            found += other.found
            failed += other.failed
            lost += other.lost
        }
    }

    /// Policy and board that belong together.
    typealias Serving = (policy: ForwardingPolicy, board: HealthBoard)

    /// How fast a walk asks, and when it gives up.
    struct Pace: Hashable, Sendable {
        /// Questions a second, at least 1.
        var perSecond: Int
        /// For how long every answer may be an error, in milliseconds: longer than a server's restart.
        var failingMilliseconds = 5_000
    }

    /// The fewest errors in a row that end a walk.
    private static let fewestFailures = 64
    /// The most addresses of one walk: a /12.
    static let mostAddresses = 1 << 20
    /// The most questions without an answer: no more are sent until some are answered or lost, so that a
    /// server that can't keep the pace is asked as fast as it answers.
    private static let mostOpen = 512
    /// A question without an answer is lost after so many milliseconds: longer than the server's own
    /// deadline, so that it says itself that a cluster gives no answer.
    private static let answerMilliseconds = 6_000

    /// - Parameters:
    ///   - client: The address that asks, one of this host.
    ///   - serving: Gives the policy in use, and the board that belongs to it.
    ///   - found: Called for each name, on the walk's thread.
    init(
        _ ranges: [IPPrefix], as client: IPAddress, _ pace: Pace,
        serving: @escaping @Sendable () -> Serving,
        found: @escaping @Sendable (IPAddress, DomainName) -> Void
    ) {
        self.client = client
        self.serving = serving
        self.ranges = ranges
        self.pace = pace
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

    /// Why a walk can't begin.
    enum StartError: Error, CustomStringConvertible {
        /// Its forwarder can't.
        case server(DNSServerError)
        /// Its socket or thread can't.
        case system(Errno)

        var description: String {
            switch self {
            case .server(let error): "\(error)"
            case .system(let error): "\(error)"
            }
        }
    }

    /// Starts the forwarder and the thread.
    func start() throws(StartError) -> NativeThread {
        let serving = serving()
        let server: DNSServer
        do throws(DNSServerError) {
            server = try DNSServer(
                listen: [listener], policy: serving.policy, workers: 1, sharing: serving.board)
            try server.start()
        } catch {
            throw .server(error)
        }
        do throws(Errno) {
            let forwarder = server.boundEndpoints.first ?? listener
            let socket = try DatagramSocket.connect(to: forwarder, from: client)
            let epoll = try Epoll()
            try epoll.add(socket, .readable, token: 0)
            let sockets = Sockets(server, socket: socket, epoll: epoll)
            return try NativeThread(name: "walk", stackSize: 512 * 1024) { [self] in run(sockets) }
        } catch {
            server.stop()
            throw .system(error)
        }
    }

    /// Where the forwarder listens: on loopback, which no other host reaches, with a port that the kernel
    /// chooses. The questions come from `client` all the same.
    var listener: Endpoint {
        Endpoint(address: client.family == .v4 ? IPAddress(v4: 0x7F00_0001) : IPAddress(v6: 1), port: 0)
    }

    /// The forwarder, the socket that asks it, and what waits for that.
    private final class Sockets: Sendable {
        let server: DNSServer
        let socket: FileDescriptor
        let epoll: Epoll

        init(_ server: DNSServer, socket: consuming FileDescriptor, epoll: consuming Epoll) {
            self.server = server
            self.socket = socket
            self.epoll = epoll
        }
    }

    /// Gives the forwarder the policy in use, if a reload has changed it.
    private func follow(on server: DNSServer) {
        let serving = serving()
        guard serving.policy !== server.policy else { return }
        var change = DNSServerChange(
            listen: [listener], policy: serving.policy, settings: DNSServerSettings(), cookieSecrets: [])
        change.board = serving.board
        // What fails is tried again with the next turn; names are listed by the policy in use in any case.
        _ = try? server.replace(change)
    }

    /// Asks for all addresses, then waits for the last answers.
    private func run(_ sockets: Sockets) {
        let start = MonotonicClock.now
        var open = OpenQuestions()
        var addresses = ranges.lazy.flatMap { range in
            (0..<Self.addressCount(of: [range])).lazy.map { offset in
                IPAddress(family: range.family, bits: range.address.bits + UInt128(offset))
            }
        }.makeIterator()
        var sent = 0
        var hasMore = true
        var events = EpollEvents(capacity: 1)
        var failures = FailureRun(since: start)
        // Ends: every turn waits, and each question is answered or lost after a bounded time.
        while !isStopped.load(ordering: .relaxed), hasMore || open.count > 0 {
            follow(on: sockets.server)
            let now = MonotonicClock.now
            let lost = open.removeLost(before: now.advanced(milliseconds: -Self.answerMilliseconds))
            let due = Int(now.nanoseconds(since: start) * Int64(max(1, pace.perSecond)) / 1_000_000_000) + 1
            while sent < due, open.count < Self.mostOpen, hasMore {
                guard let address = addresses.next() else {
                    hasMore = false
                    break
                }
                sent += 1
                ask(address, id: open.add(address, at: now), on: sockets.socket)
            }
            state.withLock { progress in
                progress.asked = sent
                progress.lost += lost
            }
            _ = try? sockets.epoll.wait(into: &events, milliseconds: hasMore ? 2 : 50)
            receive(from: sockets.socket, &open)
            if failures.note(progress, at: MonotonicClock.now) >= pace.failingMilliseconds {
                state.withLock { $0.isGivenUp = true }
                break
            }
        }
        sockets.server.stop()
        state.withLock { $0.isOver = true }
    }

    /// Errors and lost questions since the last answer that is none.
    private struct FailureRun {
        /// Answers without an error, and all failures, until the last such answer.
        private var (answers, failures) = (0, 0)
        /// When that answer came.
        private var time: MonotonicTime

        init(since start: MonotonicTime) { time = start }

        /// How long there have been failures alone, in milliseconds; 0 while they are few.
        mutating func note(_ progress: Progress, at now: MonotonicTime) -> Int {
            let known = progress.answered - progress.failed
            let failed = progress.failed + progress.lost
            if known != answers { (answers, failures, time) = (known, failed, now) }
            return failed - failures < fewestFailures ? 0 : Int(now.nanoseconds(since: time) / 1_000_000)
        }
    }

    /// The questions in flight by their message ID, the oldest first.
    private struct OpenQuestions {
        /// An address, and when it was asked for.
        private struct Entry {
            let id: Int
            let time: MonotonicTime
        }

        /// The addresses by ID; nil for those that were answered.
        private var addresses = [IPAddress?](repeating: nil, count: 65_536)
        /// In the order of asking, from `first` on; those before it are done with.
        private var entries: [Entry] = []
        /// The first entry that may be open.
        private var first = 0
        /// The ID of the next question.
        private var nextID = 0
        /// How many are open.
        private(set) var count = 0

        /// Adds a question; its ID, which no open question has: there are far fewer of them than IDs.
        mutating func add(_ address: IPAddress, at now: MonotonicTime) -> Int {
            let id = nextID
            nextID = (nextID + 1) % addresses.count
            addresses[id] = address
            entries.append(Entry(id: id, time: now))
            count += 1
            return id
        }

        /// Removes the question that is answered; nil if there is none.
        mutating func take(_ id: Int) -> IPAddress? {
            guard let address = addresses[id] else { return nil }
            addresses[id] = nil
            count -= 1
            return address
        }

        /// Removes the questions from before `time`; their number.
        mutating func removeLost(before time: MonotonicTime) -> Int {
            var lost = 0
            while first < entries.count {  // each turn goes on by one entry
                let entry = entries[first]
                if addresses[entry.id] != nil {
                    guard entry.time < time else { break }
                    addresses[entry.id] = nil
                    count -= 1
                    lost += 1
                }
                first += 1
            }
            if first == entries.count || first > 4_096 {
                entries.removeFirst(first)
                first = 0
            }
            return lost
        }
    }

    /// Sends one question; one that can't be sent counts as asked.
    private func ask(_ address: IPAddress, id: Int, on socket: borrowing FileDescriptor) {
        guard let name = try? DomainName(parsing: IPPrefix(only: address).reverseZone) else { return }
        let octets: [UInt8] =
            [UInt8(id >> 8), UInt8(id & 0xFF), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name.wire
            + [0, UInt8(RecordType.ptr), 0, 1]
        do throws(Errno) { _ = try StreamSocket.send(octets.span, on: socket) } catch {}
    }

    /// Takes all answers that have come.
    private func receive(from socket: borrowing FileDescriptor, _ open: inout OpenQuestions) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Ends with what the socket holds.
        while true {
            var span = buffer.mutableSpan
            let received: Int
            do throws(Errno) {
                guard case .octets(let octets) = try StreamSocket.receive(from: socket, into: &span) else {
                    return
                }
                received = octets
            } catch {
                return
            }
            let message = buffer.span.extracting(first: received)
            guard let header = try? MessageHeader(reading: message), header.isResponse,
                let address = open.take(Int(header.id))
            else { continue }
            take(message, header, address)
        }
    }

    /// Notes an answer.
    private func take(_ message: Span<UInt8>, _ header: MessageHeader, _ address: IPAddress) {
        let name = header.answerCount > 0 ? Self.firstName(message) : nil
        // An answer without records that is cut says that the rate limit was reached.
        let isFailure =
            header.isTruncated && name == nil
            || header.rcode != ResponseCode.noError.rawValue
                && header.rcode != ResponseCode.nameError.rawValue
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
