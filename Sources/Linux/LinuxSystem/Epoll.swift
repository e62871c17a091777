import CLinux
import Glibc

/// Watches descriptors for readiness, level-triggered. Corresponds to epoll(7).
package struct Epoll: ~Copyable, Sendable {
    /// The epoll itself.
    private let descriptor: FileDescriptor

    /// What a descriptor is watched for; errors and hang-ups are always reported.
    package struct Interest: OptionSet, Hashable, Sendable {
        /// Bits of `EPOLL...`.
        package let rawValue: UInt32

        /// Creates an interest.
        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// EPOLLIN.
        package static let readable = Interest(rawValue: 0x001)  // EPOLLIN
        /// EPOLLOUT.
        package static let writable = Interest(rawValue: 0x004)  // EPOLLOUT
        /// EPOLLERR.
        package static let failed = Interest(rawValue: 0x008)  // EPOLLERR
        /// Of several epolls that watch the same descriptor, one wakes rather than all (EPOLLEXCLUSIVE); such
        /// a watch can't be modified.
        package static let exclusive = Interest(rawValue: 1 << 28)
        /// EPOLLHUP.
        package static let hungUp = Interest(rawValue: 0x010)  // EPOLLHUP
    }

    /// Creates an epoll.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try systemCall { epoll_create1(clinux_epoll_flags) })
    }

    /// - Parameter token: Returned with each event of this descriptor.
    package func add(_ watched: borrowing FileDescriptor, _ interest: Interest, token: UInt64) throws(Errno) {
        try control(EPOLL_CTL_ADD, watched.number, interest: interest, token: token)
    }

    /// Changes what a descriptor is watched for.
    package func modify(
        _ watched: borrowing FileDescriptor, _ interest: Interest, token: UInt64
    )
        throws(Errno)
    {
        try control(EPOLL_CTL_MOD, watched.number, interest: interest, token: token)
    }

    /// Stops watching. Closing a descriptor does the same.
    package func remove(_ watched: borrowing FileDescriptor) throws(Errno) {
        try control(EPOLL_CTL_DEL, watched.number, interest: [], token: 0)
    }

    /// Corresponds to epoll_ctl(2)
    private func control(
        _ operation: Int32, _ watched: Int32, interest: Interest, token: UInt64
    )
        throws(Errno)
    {
        try systemCall {
            clinux_epoll_control(descriptor.number, operation, watched, interest.rawValue, token)
        }
    }

    /// Waits for events; returns their number, 0 after `milliseconds` without one.
    ///
    /// - Parameter milliseconds: nil waits without limit. Corresponds to epoll_wait(2).
    package func wait(into events: inout EpollEvents, milliseconds: Int32?) throws(Errno) -> Int {
        let number = descriptor.number
        // Sound: the kernel writes at most `count` events into the buffer.
        return try unsafe events.fill { (buffer) throws(Errno) -> Int in
            Int(
                try systemCall {
                    unsafe epoll_wait(number, buffer.baseAddress, Int32(buffer.count), milliseconds ?? -1)
                })
        }
    }
}

/// Room for the events of one wait.
@safe
package struct EpollEvents: ~Copyable {
    /// The events of the last wait.
    private let storage: UnsafeMutableBufferPointer<epoll_event>
    /// Events of the last wait.
    private var count = 0

    /// Creates epoll events.
    package init(capacity: Int) {
        unsafe storage = .allocate(capacity: capacity)
        unsafe storage.initialize(repeating: epoll_event())
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// Lets `body` write events, and notes their number.
    fileprivate mutating func fill(
        _ body: (UnsafeMutableBufferPointer<epoll_event>) throws(Errno) -> Int
    ) throws(Errno) -> Int {
        count = try unsafe body(storage)
        return count
    }

    /// The token and readiness of event `index`, 0..<the last wait's result.
    package subscript(index: Int) -> (token: UInt64, readiness: Epoll.Interest) {
        precondition(index >= 0 && index < count, "an event is read that no wait has given")
        // Sound: the index was checked, and all events are initialised.
        let event = unsafe storage.baseAddress.unsafelyUnwrapped + index
        return unsafe (clinux_event_token(event), Epoll.Interest(rawValue: event.pointee.events))
    }
}
