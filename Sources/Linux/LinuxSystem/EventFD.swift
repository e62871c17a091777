import CLinux
import Glibc

/// Wakes a thread that waits in epoll. Corresponds to eventfd(2).
package struct EventFD: ~Copyable, Sendable {
    /// The descriptor, to be watched for reading.
    package let descriptor: FileDescriptor

    /// Creates an event descriptor.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try systemCall { eventfd(0, clinux_eventfd_flags) })
    }

    /// Makes the descriptor readable until `clear`.
    package func signal() {
        // Fails only if the counter is full, and then the descriptor is readable already.
        _ = eventfd_write(descriptor.number, 1)
    }

    /// Waits until the descriptor is readable, or that many milliseconds. Corresponds to poll(2).
    package func wait(milliseconds: Int32) {
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        // Sound: one structure, as the count says. A signal may end it early.
        _ = unsafe poll(&watched, 1, milliseconds)
    }

    /// True if it was signalled and not cleared since.
    package var isSignalled: Bool {
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        // Sound: one structure, as the count says.
        return unsafe poll(&watched, 1, 0) > 0
    }

    /// What was found at a reset.
    package enum Signal {
        /// It had been signalled.
        case taken
        /// It had not.
        case none
    }

    /// Resets the descriptor.
    @discardableResult
    package func clear() -> Signal {
        var value: eventfd_t = 0
        // Sound: the kernel writes eight octets.
        return unsafe eventfd_read(descriptor.number, &value) == 0 ? .taken : .none
    }
}
