import CLinux
import Glibc

/// Random numbers from the kernel, fetched 512 octets at a time. Corresponds to getrandom(2).
///
/// A class, so that no copy gives the same numbers a second time. For one thread.
package final class KernelRandom: RandomNumberGenerator {
    /// Numbers of the last request.
    private var numbers = InlineArray<64, UInt64>(repeating: 0)
    /// Numbers before this index are used; 64 means that none is left.
    private var position = 64

    /// Creates a kernel random.
    package init() {}

    /// The next random number.
    package func next() -> UInt64 {
        if position == 64 { refill() }
        let number = numbers[position]
        numbers[position] = 0
        position += 1
        return number
    }

    /// Requests new numbers.
    private func refill() {
        var drawn = InlineArray<64, UInt64>(repeating: 0)
        var span = drawn.mutableSpan
        // Sound: 512 octets are writable there; the kernel's numbers need no initialisation.
        let count = unsafe span.withUnsafeMutableBufferPointer { buffer in
            // Ends: requests above 256 octets may be interrupted, but only by a signal.
            while true {
                let count = unsafe getrandom(buffer.baseAddress, 512, 0)
                if count >= 0 || clinux_errno() != EINTR { return count }
            }
        }
        // The kernel fills the request once it has been seeded, which is before any program
        // starts (random(7)).
        precondition(count == 512, "the kernel gave no random numbers")
        numbers = drawn
        position = 0
    }
}
