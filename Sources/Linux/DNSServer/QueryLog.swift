package import Forwarding
package import IPAddressing
package import Inventory
package import LinuxSystem
import Synchronization
import Telemetry
package import Time

/// Collects the replies to log from the workers, and passes them to the writer on a thread of its own. No
/// worker waits for it: replies without room are dropped and counted.
package final class QueryLog: Sendable {
    /// Which replies are logged.
    let filter: QueryLogFilter
    /// Writes the lines.
    private let write: @Sendable ([LoggedReply], _ dropped: Int) -> Void
    /// The workers' buffers.
    private let rings = Mutex<[QueryLogRing]>([])
    /// The most frequent names and clients.
    private let tables = Mutex(Tables())
    /// Waits for the wake event.
    private let epoll: Epoll
    /// Ends the thread.
    private let wake: EventFD
    /// The log's thread.
    private let thread = Mutex<NativeThread?>(nil)

    /// The most frequent names and clients.
    private struct Tables {
        /// Names in lower case.
        var names = TopTable<[UInt8]>(capacity: 256)
        /// Clients' addresses.
        var clients = TopTable<IPAddress>(capacity: 256)
        /// The last replies, the latest last; at most `mostLatest`.
        var latest: [(reply: LoggedReply, time: MonotonicTime)] = []
    }

    /// The replies that are remembered.
    private static let mostLatest = 20

    /// The most frequent logged names, in wire form, and clients; with their counts.
    package typealias Top = (names: [(key: [UInt8], count: Int)], clients: [(key: IPAddress, count: Int)])

    /// How often the workers' replies are collected.
    private static let periodMilliseconds: Int32 = 200

    /// - Parameter write: Called on the log's thread with replies, and with how many were dropped since the
    ///   last call.
    package init(
        _ settings: QueryLogSettings, write: @escaping @Sendable ([LoggedReply], _ dropped: Int) -> Void
    ) throws(Errno) {
        filter = QueryLogFilter(settings)
        self.write = write
        epoll = try Epoll()
        wake = try EventFD()
        try epoll.add(wake.descriptor, .readable, token: 0)
    }

    /// At most `limit` of each, the most frequent first.
    package func top(_ limit: Int) -> Top {
        tables.withLock { ($0.names.top(limit), $0.clients.top(limit)) }
    }

    /// The last replies, the latest first, and when each was collected.
    package var latest: [(reply: LoggedReply, time: MonotonicTime)] {
        tables.withLock { $0.latest.reversed() }
    }

    /// A buffer for one more worker.
    func addRing() -> QueryLogRing {
        let ring = QueryLogRing()
        rings.withLock { $0.append(ring) }
        return ring
    }

    /// Must be called once.
    func start() throws(Errno) {
        let made = try NativeThread(name: "query-log", stackSize: 512 * 1024) { [self] in run() }
        thread.withLock { $0 = made }
    }

    /// Writes what is left, and ends; must be called after all workers have ended.
    func stop() {
        wake.signal()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    /// Collects replies until the wake event.
    private func run() {
        var events = EpollEvents(capacity: 1)
        while true {
            let count = (try? epoll.wait(into: &events, milliseconds: Self.periodMilliseconds)) ?? 0
            fetch()
            if count > 0 { return }
        }
    }

    /// Collects the replies of all workers.
    private func fetch() {
        var replies: [LoggedReply] = []
        var dropped = 0
        for ring in rings.withLock({ $0 }) { ring.empty(into: &replies, &dropped) }
        guard !replies.isEmpty || dropped > 0 else { return }
        tables.withLock { tables in
            for reply in replies {
                tables.names.add(reply.name.map(Self.folded))
                tables.clients.add(reply.client.address)
            }
            tables.latest += replies.suffix(Self.mostLatest).map { ($0, MonotonicClock.now) }
            tables.latest.removeFirst(max(0, tables.latest.count - Self.mostLatest))
        }
        write(replies, dropped)
    }

    /// An octet of a name in lower case; lengths, at most 63, stay.
    private static func folded(_ octet: UInt8) -> UInt8 {
        (0x41...0x5A).contains(octet) ? octet | 0x20 : octet
    }
}

/// The replies of one worker for the log.
final class QueryLogRing: Sendable {
    /// Replies that fit between two collections.
    static let capacity = 2048

    /// The replies that wait.
    private let replies = Mutex<[LoggedReply]>([])
    /// Replies that did not fit.
    private let dropped = Atomic(0)

    /// Adds the replies of `batch`, as many as fit, without waiting.
    func take(_ batch: inout [LoggedReply]) {
        let offered = batch
        let left = replies.withLockIfAvailable { replies in
            let room = max(0, Self.capacity - replies.count)
            replies.append(contentsOf: offered.prefix(room))
            return max(0, offered.count - room)
        }
        dropped.wrappingAdd(left ?? offered.count, ordering: .relaxed)
        batch.removeAll(keepingCapacity: true)
    }

    /// Takes all replies.
    func empty(into all: inout [LoggedReply], _ count: inout Int) {
        let taken = replies.withLock { replies in
            defer { replies = [] }
            return replies
        }
        all += taken
        count += dropped.exchange(0, ordering: .relaxed)
    }
}
