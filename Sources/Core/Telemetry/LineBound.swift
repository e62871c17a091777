package import Time

/// Bounds how many lines a log takes, so that no attack and no flapping fills it.
package struct LineBound: Sendable {
    /// Lines that may come at once, and lines a second after that.
    package static let burst = 200
    /// Lines a second in the long run.
    package static let perSecond = 20

    /// In billionths of a line: 0...burst.
    private var room = Int64(Self.burst) * 1_000_000_000
    /// When a line was last asked for.
    private var last: MonotonicTime?
    /// Lines left out since the last one that was written.
    package private(set) var dropped = 0

    /// Creates a line bound.
    package init() {}

    /// Whether a line may be written now: how many were left out before it; nil if it is left out itself.
    package mutating func admit(at now: MonotonicTime) -> Int? {
        let full = Int64(Self.burst) * 1_000_000_000
        if let last {
            // At most what fills it, so that no product grows beyond its type.
            let elapsed = min(max(0, now.nanoseconds(since: last)), full)
            room = min(full, room + elapsed * Int64(Self.perSecond))
        }
        last = now
        guard room >= 1_000_000_000 else {
            dropped += 1
            return nil
        }
        room -= 1_000_000_000
        defer { dropped = 0 }
        return dropped
    }
}
