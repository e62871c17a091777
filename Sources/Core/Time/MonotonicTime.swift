/// A reading of a clock that never goes back, in nanoseconds since an arbitrary start. Corresponds
/// to CLOCK_MONOTONIC.
///
/// A plain number, since it is read and compared for every packet.
@usableFromInline
package struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the start of the clock.
    @usableFromInline package var nanoseconds: Int64

    /// Creates a monotonic time.
    @inlinable
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whole milliseconds, rounded down.
    @inlinable
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// True for the same time.
    @inlinable
    package static func == (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds == right.nanoseconds
    }

    /// The earlier one sorts first.
    @inlinable
    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The time `milliseconds` later.
    @inlinable
    package func advanced(milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds + Int64(milliseconds) * 1_000_000)
    }

    /// Nanoseconds from `earlier` to here; negative where `earlier` is later.
    @inlinable
    package func nanoseconds(since earlier: MonotonicTime) -> Int64 {
        nanoseconds - earlier.nanoseconds
    }

    /// Whole seconds from `earlier` to here; 0 if `earlier` is later.
    @inlinable
    package func seconds(since earlier: MonotonicTime) -> Int {
        Int(max(0, nanoseconds - earlier.nanoseconds) / 1_000_000_000)
    }
}
