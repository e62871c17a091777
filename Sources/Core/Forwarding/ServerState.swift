import Telemetry

/// What one worker has learnt of one name server.
struct ServerState {
    /// Smoothed round-trip time and its mean deviation, in nanoseconds (RFC 6298 section 2); 0 until the
    /// first answer.
    private(set) var roundTrip: Int64 = 0
    private var deviation: Int64 = 0

    /// When `roundTrip` was last measured.
    private(set) var measured = MonotonicTime(nanoseconds: 0)

    /// Failures since the last answer, the first of them at `failingSince`.
    private(set) var failures = 0
    private(set) var failingSince = MonotonicTime(nanoseconds: 0)

    /// Until then others are asked first; see `penalty`.
    private(set) var avoidedUntil = MonotonicTime(nanoseconds: 0)

    /// True where it was found dead when it was last looked at.
    private var wasDead = false

    /// True once the server declined a question with EDNS and answered the same one without.
    var refusesEDNS = false

    mutating func answered(after nanoseconds: Int64, at now: MonotonicTime) {
        forgive()
        measured = now
        guard roundTrip > 0 else {
            roundTrip = max(nanoseconds, 1)
            deviation = nanoseconds / 2
            return
        }
        deviation += (abs(nanoseconds - roundTrip) - deviation) / 4
        roundTrip = max(roundTrip + (nanoseconds - roundTrip) / 8, 1)
    }

    mutating func failed(at now: MonotonicTime) {
        if failures == 0 { failingSince = now }
        failures = min(failures + 1, 16)
        avoidedUntil = now.advanced(milliseconds: penalty)
    }

    /// Takes over whether it is alive: one that came back starts afresh.
    mutating func notice(isDead: Bool) {
        if wasDead, !isDead { forgive() }
        wasDead = isDead
    }

    /// Forgets its failures: it answered, or a probe found it alive.
    mutating func forgive() {
        failures = 0
        avoidedUntil = MonotonicTime(nanoseconds: 0)
    }

    func isAvoided(at now: MonotonicTime) -> Bool { now < avoidedUntil }

    /// About the time within which 95 of 100 answers come, in milliseconds, 10...400: later a second server
    /// is asked too.
    var patienceMilliseconds: Int {
        guard roundTrip > 0 else { return 400 }
        return Int(min(max((roundTrip + 4 * deviation) / 1_000_000, 10), 400))
    }

    /// True where it has not answered at all for so long, and so often, that asking it is a waste.
    ///
    /// - Parameter isLastResort: No other server of its group is alive: then the judgement takes longer.
    func isHopeless(at now: MonotonicTime, isLastResort: Bool) -> Bool {
        failures >= 3 && now.nanoseconds(since: failingSince) >= (isLastResort ? 1_000_000_000 : 250_000_000)
    }

    /// Half a second after the first failure, doubling up to four seconds, in milliseconds.
    private var penalty: Int { min(500 << (failures - 1), 4_000) }
}
