import Inventory

/// The times that follow from a path's settings, in milliseconds.
///
/// A single lost packet must never look like a dead path, so that one missed connection is followed by many:
/// with 20 % of packets lost both ways a connection fails with probability 0.36, and 18 of them in a row with
/// 10^-8.
struct ProbeTiming: Hashable, Sendable {
    /// From one probe to the next while all goes well.
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

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
