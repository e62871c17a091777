import Telemetry

/// What one worker has learnt of one name server.
struct ServerState {
    /// Smoothed round-trip time, in nanoseconds; 0 until the first answer (as in RFC 6298 section 2).
    private(set) var roundTrip: Int64 = 0

    /// Failures since the last answer.
    private(set) var failures = 0

    /// Until then others are asked first; see `penalty`.
    private(set) var avoidedUntil = MonotonicTime(nanoseconds: 0)

    /// True once the server declined a question with EDNS and answered the same one without.
    var refusesEDNS = false

    mutating func answered(after nanoseconds: Int64) {
        failures = 0
        avoidedUntil = MonotonicTime(nanoseconds: 0)
        roundTrip = roundTrip == 0 ? nanoseconds : roundTrip + (nanoseconds - roundTrip) / 8
    }

    mutating func failed(at now: MonotonicTime) {
        failures = min(failures + 1, 16)
        avoidedUntil = now.advanced(milliseconds: penalty)
    }

    func isAvoided(at now: MonotonicTime) -> Bool { now < avoidedUntil }

    /// Half a second after the first failure, doubling up to four seconds, in milliseconds.
    private var penalty: Int { min(500 << (failures - 1), 4_000) }
}
