import IPAddressing
package import LinuxSystem
package import PathHealth
import Synchronization
import Time

/// Sends the probes of all paths from one thread, and tells what they show.
package final class PathProber: Sendable {
    /// Waits for sockets and `wake`.
    private let epoll: Epoll
    /// Signalled with each command.
    private let wake: EventFD
    /// The thread.
    private let thread = Mutex<NativeThread?>(nil)
    /// The most connections at a time.
    private let mostOpen: Int
    /// Called with each change.
    private let news: @Sendable (PathVerdict) -> Void
    /// The commands to the thread.
    private let commands = Mutex(Commands())
    /// The latest verdicts.
    private let published = Mutex<[PathVerdict]>([])

    /// Commands to the thread.
    private struct Commands {
        /// To be probed from now on; nil if nothing has changed.
        var paths: [ProbedPath]?
        /// True if the thread must end.
        var isStopped = false
    }

    /// What the kernel has waiting for the thread's wake-up, and nothing else.
    private static let wakeToken = UInt64.max

    /// From one publication to the next while nothing happens, in nanoseconds.
    private static let publicationInterval: Int64 = 500_000_000

    /// - Parameters:
    ///   - paths: What is probed at first; may be empty.
    ///   - mostOpen: Connections that may be open at a time; beyond it none is begun.
    ///   - news: Called on the prober's thread when a verdict changes.
    package init(
        _ paths: [ProbedPath], mostOpen: Int, news: @escaping @Sendable (PathVerdict) -> Void
    ) throws(Errno) {
        self.mostOpen = mostOpen
        self.news = news
        epoll = try Epoll()
        wake = try EventFD()
        commands.withLock { $0.paths = paths }
        try epoll.add(wake.descriptor, .readable, token: Self.wakeToken)
    }

    /// Starts probing. To be called once.
    package func start() throws(Errno) {
        let made = try NativeThread(name: "paths", stackSize: 256 * 1024) { [self] in
            var run = ProbeRun(mostOpen: mostOpen)
            self.run(&run)
        }
        thread.withLock { $0 = made }
    }

    /// Ends probing, and waits until it has ended.
    package func stop() {
        commands.withLock { $0.isStopped = true }
        wake.signal()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    /// Probes these paths from now on; what was found out of those that stay goes on.
    package func replace(_ paths: [ProbedPath]) {
        commands.withLock { $0.paths = paths }
        wake.signal()
    }

    /// What is known of each path; at most half a second old.
    package var verdicts: [PathVerdict] { published.withLock { $0 } }

    /// Probes until it is stopped.
    private func run(_ run: inout ProbeRun) {
        var events = EpollEvents(capacity: 64)
        var publicationDue = MonotonicClock.now
        while true {  // ends with `stop`
            let (paths, isStopped) = commands.withLock { commands in
                defer { commands.paths = nil }
                return (commands.paths, commands.isStopped)
            }
            if isStopped { return }
            if let paths { run.replace(paths, epoll) }
            let count = (try? epoll.wait(into: &events, milliseconds: run.milliseconds)) ?? 0
            for index in 0..<count {
                let event = events[index]
                if event.token == Self.wakeToken {
                    wake.clear()
                } else {
                    run.take(event.token, event.readiness)
                }
            }
            let changed = run.advance(epoll)
            let now = MonotonicClock.now
            if !changed.isEmpty || paths != nil || publicationDue <= now {
                publicationDue = MonotonicTime(nanoseconds: now.nanoseconds + Self.publicationInterval)
                let verdicts = run.verdicts
                published.withLock { $0 = verdicts }
            }
            for verdict in changed { news(verdict) }
        }
    }
}
