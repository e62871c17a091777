import Forwarding
import LinuxSystem
import Time

/// What all parts of a worker use: what calls into an engine are given, counts, buffers and limits.
struct WorkerResources: ~Copyable {
    /// What the worker was made of.
    let seed: WorkerSeed
    /// The limits of connections.
    var settings: DNSServerSettings
    /// What each call into an engine is given.
    var turn = Turn(at: MonotonicClock.now, random: KernelRandom())
    /// Counts of the sockets.
    var counters = WorkerCounters()
    /// Where what is missing here is noted.
    let shortages: LocalShortages
    /// The sockets towards servers of all engines.
    let openSockets = OpenSocketCount()
    /// Answers may have any size, regardless of what we advertise.
    var answerBatch = DatagramBatch(capacity: 32, slotSize: 65_535)
    /// The octets of one read of a TCP connection.
    var readBuffer = [UInt8](repeating: 0, count: 64 * 1024)
    /// When connections are checked next; nil while there are none.
    var nextSweep: MonotonicTime? = nil

    init(_ seed: WorkerSeed, _ settings: DNSServerSettings, shortages: LocalShortages) {
        self.seed = seed
        self.settings = settings
        self.shortages = shortages
    }

    /// The time of the present turn.
    var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }

    /// Schedules a check of the connections; called for each new one.
    mutating func planSweep() {
        if nextSweep == nil { nextSweep = now.advanced(milliseconds: settings.sweepMilliseconds) }
    }
}
