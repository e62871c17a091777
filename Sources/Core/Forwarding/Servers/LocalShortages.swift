package import IPAddressing
import Synchronization
package import Telemetry
package import Time

/// Shortages of this host or process that prevented questions to servers or connections of clients: workers
/// and prober record them, the status, the metrics and the log show them.
///
/// One for the life of a server, over all configurations.
package final class LocalShortages: Sendable {
    /// The occurrences of one kind of shortage.
    package struct Entry: Hashable, Sendable {
        /// What was short.
        package let failure: LocalFailure
        /// Occurrences since the start.
        package fileprivate(set) var total = 0
        /// The recent occurrences.
        package fileprivate(set) var run = EventRun()
        /// The server of the last question; nil if it was for none.
        package fileprivate(set) var server: Endpoint?

        /// Creates an entry.
        package init(_ failure: LocalFailure) { self.failure = failure }
    }

    /// By raw value of `LocalFailure`.
    private let table = Mutex(LocalFailure.allCases.map(Entry.init))

    /// Creates local shortages.
    package init() {}

    /// An operation failed because of a local failure.
    ///
    /// - Parameter server: The server concerned; nil if there is none.
    package func note(_ failure: LocalFailure, for server: Endpoint?, at now: MonotonicTime) {
        table.withLock { table in
            let place = Int(failure.rawValue)
            table[place].total += 1
            table[place].run.note(at: now)
            table[place].server = server
        }
    }

    /// One for each kind of shortage, also for those that never occurred.
    package var entries: [Entry] { table.withLock { $0 } }
}
