package import IPAddressing
import Synchronization
package import Telemetry

/// What this host or this process was short of while it asked servers or took clients: workers and prober
/// note it here, the status, the metrics and the log tell it.
///
/// One for the life of a server, whatever its configurations.
package final class LocalShortages: Sendable {
    /// All that is known of one kind of shortage.
    package struct Entry: Hashable, Sendable {
        package let failure: LocalFailure
        /// Since the start.
        package fileprivate(set) var total = 0
        /// The last ones.
        package fileprivate(set) var run = EventRun()
        /// Whom the last question was for; nil if it was none.
        package fileprivate(set) var server: Endpoint?

        package init(_ failure: LocalFailure) { self.failure = failure }
    }

    /// By raw value of `LocalFailure`.
    private let table = Mutex(LocalFailure.allCases.map(Entry.init))

    package init() {}

    /// Something could not be done for want of something here.
    ///
    /// - Parameter server: Whom it was for; nil if for no server.
    package func note(_ failure: LocalFailure, for server: Endpoint?, at now: MonotonicTime) {
        table.withLock { table in
            let place = Int(failure.rawValue)
            table[place].total += 1
            table[place].run.note(at: now)
            table[place].server = server
        }
    }

    /// One for each kind of shortage, also for those that never were.
    package var entries: [Entry] { table.withLock { $0 } }
}
