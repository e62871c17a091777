import CLinux
import Glibc

/// Receives signals as data. Corresponds to signalfd(2).
package struct SignalFD: ~Copyable, Sendable {
    /// The descriptor, to be watched for reading.
    package let descriptor: FileDescriptor

    /// Blocks `signals` in the calling thread and all threads that it starts later; they are received
    /// here instead.
    package init(_ signals: [Int32]) throws(Errno) {
        var set = sigset_t()
        // Sound: the set is a local of ours, and the kernel reads it only.
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw Errno(code: code) }
        descriptor = FileDescriptor(
            owning: try systemCall { unsafe signalfd(-1, &set, clinux_signalfd_flags) })
    }

    /// True if one of these signals, which are blocked, has come and was not received yet. Corresponds to
    /// sigpending(2).
    package static func isWaiting(_ signals: [Int32]) -> Bool {
        var set = sigset_t()
        // Sound: the set is a local of ours.
        guard unsafe sigpending(&set) == 0 else { return false }
        return signals.contains { unsafe sigismember(&set, $0) == 1 }
    }

    /// The next signal's number; nil if none is waiting.
    package func next() throws(Errno) -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // Sound: the kernel writes whole structures of this size.
        let count = try nonBlockingCall { unsafe read(descriptor.number, &info, size) }
        return count == size ? Int32(info.ssi_signo) : nil
    }

    /// The next signal's number; waits for it.
    package func wait() throws(Errno) -> Int32 {
        // Ends with a signal: poll returns once one waits, and this is the only reader of the descriptor.
        while true {
            if let signal = try wait(milliseconds: -1) { return signal }
        }
    }

    /// The next signal's number; nil if none comes in time. Corresponds to poll(2).
    ///
    /// - Parameter milliseconds: -1 waits without limit.
    package func wait(milliseconds: Int32) throws(Errno) -> Int32? {
        if let signal = try next() { return signal }
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        // Sound: one structure, as the count says.
        try systemCall { unsafe poll(&watched, 1, milliseconds) }
        return try next()
    }
}
