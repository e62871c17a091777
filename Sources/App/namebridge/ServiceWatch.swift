import AdminServer
import DNSServer
import Glibc
import LinuxSystem
import Telemetry

/// What a server's main thread looks after: signals, the watchdog of a service manager, limits that are
/// reached, and what the manager has given it (sd_notify(3), sd_listen_fds(3)).
struct ServiceWatch {
    let notices = ServiceNotices()
    /// What the watchdog allows between two signs of life, in milliseconds; nil without one.
    private let patience: Int?
    private var pulse = WorkerPulse()
    /// Looks at the workers, one after the other, that found one standing still.
    private var misses = 0
    private var limits = LimitWatch()
    private var lastLook = MonotonicClock.now

    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    init() {
        let isMeant = environment("WATCHDOG_PID").map { $0 == "\(ThisProcess.identifier)" } ?? true
        let microseconds = isMeant ? environment("WATCHDOG_USEC").flatMap { Int($0) } : nil
        patience = microseconds.flatMap { $0 > 0 ? max(8, $0 / 1000) : nil }
    }

    /// How long a worker may sleep so that its life shows in time, in milliseconds; nil: as long as it likes.
    var longestSleepMilliseconds: Int? { patience.map { $0 / 8 } }

    /// The sockets that were given to this process: LISTEN_FDS of them, where LISTEN_PID means it.
    static var inheritedSockets: [InheritedSocket] {
        guard environment("LISTEN_PID") == "\(ThisProcess.identifier)",
            let count = environment("LISTEN_FDS").flatMap({ Int($0) })
        else { return [] }
        return InheritedSocket.all(count: count)
    }

    /// The next signal's number; until it comes, the watchdog is fed while every worker is alive, the manager
    /// hears what the server does, and limits that are reached go to the log.
    mutating func wait(
        for signals: borrowing SignalFD, _ server: DNSServer, _ control: ServerControl
    ) throws(Errno) -> Int32 {
        let period = min(1000, (patience ?? 4000) / 4)
        while true {  // ends with a signal
            if patience != nil { feedWatchdog(server) }
            look(at: server, control)
            if let signal = try signals.wait(milliseconds: Int32(clamping: period)) { return signal }
        }
    }

    private mutating func look(at server: DNSServer, _ control: ServerControl) {
        let now = MonotonicClock.now
        guard now.nanoseconds(since: lastLook) >= 1_000_000_000 else { return }
        lastLook = now
        notices.tellStatus(control.summary)
        for limit in limits.news(server.statistics, at: now) {
            Log.warning(
                "limit reached",
                [("limit", limit.name), ("what", limit.words), ("count", "\(limit.count)")])
        }
    }

    private mutating func feedWatchdog(_ server: DNSServer) {
        guard pulse.isEveryWorkerAlive(server.workerTurns) else {
            misses += 1
            if misses == 2 { Log.failure("watchdog not fed", [("reason", "a worker stands still")]) }
            return
        }
        if misses >= 2 { Log.notice("watchdog fed again") }
        misses = 0
        notices.tellAlive()
    }
}
