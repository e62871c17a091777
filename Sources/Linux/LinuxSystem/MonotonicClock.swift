import Glibc
package import Time

/// Reads the clock that never goes back. Corresponds to clock_gettime(2) with CLOCK_MONOTONIC.
package enum MonotonicClock {
    /// The present reading.
    @inline(__always)
    package static var now: MonotonicTime {
        var time = timespec()
        // Sound: writes one timespec; can't fail for this clock.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
