import Inventory
import Time

/// The times that follow from a path's settings, in milliseconds.
///
/// A single lost packet must never look like a dead path, so that one missed connection is followed by many:
/// with 20 % of packets lost both ways a connection fails with probability 0.36, and 18 of them in a row with
/// 10^-8.
struct ProbeTiming: Hashable, Sendable {
    /// The longest time from one probe to the next while all goes well.
    let every: Int

    /// From the first connection without an answer to the verdict; at least a second, which outlasts bursts
    /// of loss and short reroutes.
    let verdict: Int

    /// Between connections while none is answered.
    let spacing: Int

    /// Connections that must have been tried for a verdict.
    let leastAttempts: Int

    /// Answered probes in a row after which a path is up again.
    let rise: Int

    let hold: Int

    init(_ settings: ProbeSettings) {
        every = max(100, Self.milliseconds(settings.every))
        verdict = max(1000, every * settings.fail * 2 / 3)
        spacing = max(20, verdict / (6 * settings.fail))
        // The first wait may be longer, see `firstSpacing`, and the last connections need time for answers.
        leastAttempts = 6 * settings.fail - 4
        rise = settings.rise
        hold = Self.milliseconds(settings.hold)
    }

    /// Between the first connection of a probe and the second: longer on a path with a long round trip, so
    /// that not every probe takes several.
    func firstSpacing(roundTrip: Int64) -> Int {
        max(spacing, min(Int(clamping: roundTrip / 500_000), 4 * spacing))
    }

    /// What is added to `every`, by random bits: less than 0, so that a dead path is noticed in `every` and
    /// `verdict` at the latest.
    func jitter(_ bits: UInt64) -> Int { -every / 50 - Int(bits % UInt64(max(1, every * 2 / 25))) }

    /// The last time on the grid up to `time`, so that probes of many paths go out together.
    func onGrid(_ time: MonotonicTime) -> MonotonicTime {
        let grid = Int64(max(1, min(20, every / 25))) * 1_000_000
        return MonotonicTime(nanoseconds: time.nanoseconds / grid * grid)
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
