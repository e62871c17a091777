import AdminServer
import DNSServer
import Glibc
import LinuxSystem
import Time

/// The tasks of a server's main thread: signals, the watchdog of a service manager, limits that are reached,
/// and inherited sockets (sd_notify(3), sd_listen_fds(3)).
struct ServiceWatch {
    /// Reports to the service manager.
    let notices = ServiceNotices()
    /// The watchdog's time limit, in milliseconds; nil without a watchdog.
    private let watchdogTimeout: Int?
    /// Tells if the workers are alive.
    private var pulse = WorkerPulse()
    /// Checks in a row that found a worker blocked.
    private var misses = 0
    /// Tells if limits were reached.
    private var limits = LimitWatch()
    /// When limits were last checked.
    private var lastLook = MonotonicClock.now

    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    init() {
        let isMeant = environment("WATCHDOG_PID").map { $0 == "\(ThisProcess.identifier)" } ?? true
        let microseconds = isMeant ? environment("WATCHDOG_USEC").flatMap { Int($0) } : nil
        watchdogTimeout = microseconds.flatMap { $0 > 0 ? max(8, $0 / 1000) : nil }
    }

    /// The longest sleep of a worker that the watchdog allows, in milliseconds; nil: no limit.
    var longestSleepMilliseconds: Int? { watchdogTimeout.map { $0 / 8 } }

    /// The sockets that this process has inherited: LISTEN_FDS of them, if LISTEN_PID is this process.
    static var inheritedSockets: [InheritedSocket] {
        guard environment("LISTEN_PID") == "\(ThisProcess.identifier)",
            let count = environment("LISTEN_FDS").flatMap({ Int($0) })
        else { return [] }
        return InheritedSocket.all(count: count)
    }

    /// The next signal's number. Until one comes, the watchdog is fed as long as every worker is alive, the
    /// manager gets the server's state, and limits that are reached are logged.
    mutating func wait(
        for signals: borrowing SignalFD, _ control: ServerControl, _ paths: PathWatch
    ) throws(Errno) -> Int32 {
        let server = control.server
        let period = min(1000, (watchdogTimeout ?? 4000) / 4)
        while true {  // ends with a signal
            if watchdogTimeout != nil { feedWatchdog(server) }
            look(at: server, control, paths)
            if let signal = try signals.wait(milliseconds: Int32(clamping: period)) { return signal }
        }
    }

    /// Logs the limits that were reached, and reports the state.
    private mutating func look(at server: DNSServer, _ control: ServerControl, _ paths: PathWatch) {
        let now = MonotonicClock.now
        guard now.nanoseconds(since: lastLook) >= 1_000_000_000 else { return }
        lastLook = now
        notices.tellStatus(control.summary)
        paths.lookAround()
        for limit in limits.news(server.statistics, at: now) {
            Log.warning(
                "limit reached",
                [("limit", limit.name), ("what", limit.words), ("count", "\(limit.count)")])
        }
    }

    /// Feeds the watchdog if every worker is alive.
    private mutating func feedWatchdog(_ server: DNSServer) {
        guard pulse.look(at: server.workerTurns) == .allAlive else {
            misses += 1
            if misses == 2 { Log.failure("watchdog not fed", [("reason", "a worker is blocked")]) }
            return
        }
        if misses >= 2 { Log.notice("watchdog fed again") }
        misses = 0
        notices.tellAlive()
    }
}
