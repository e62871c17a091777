import CLinux
import Glibc
import Time

extension ChildProcess {
    /// How a program ended whose output was taken while it ran, and what it wrote to its errors.
    package struct StreamEnd: Sendable {
        /// How it ended; nil if it was ended because `stop` or `take` asked for it.
        package let ending: Ending?
        /// The octets on its standard error, the first 64 KiB of them.
        package let errors: [UInt8]
    }

    /// What follows after output was taken.
    package enum StreamStep {
        /// The program goes on.
        case goOn
        /// The program is ended.
        case end
    }

    /// Runs `path` in a process group of its own until it ends, and gives its output on as it comes.
    ///
    /// - Parameters:
    ///   - environment: All of it, as `NAME=VALUE`.
    ///   - timeout: In milliseconds; the program is killed then. Nil: it may run as long as it likes.
    ///   - stop: Ends the program once it is readable.
    ///   - take: Gets the next octets of its standard output, and says whether the program goes on.
    package static func stream(
        _ path: String, _ arguments: [String], environment: [String], timeout: Int? = nil,
        until stop: borrowing EventFD, _ take: ([UInt8]) -> StreamStep
    ) throws(Errno) -> StreamEnd {
        // Sound: the path is read during the call.
        let null = FileDescriptor(owning: try systemCall { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) })
        var output = try OutputPipe()
        var errors = try OutputPipe()
        let process = try spawn(
            path, arguments, environment: environment, input: null.number, output: output.writeNumber,
            errors: errors.writeNumber, flags: clinux_spawn_flags, inherits: false)
        output.closeWriteEnd()
        errors.closeWriteEnd()
        let deadline = timeout.map { MonotonicClock.now.advanced(milliseconds: $0) }
        let end = follow(
            &output, errors: &errors, of: process, deadline: deadline, until: stop, take: take)
        if end != .ended { kill(-process, SIGKILL) }
        let status = try wait(for: process)
        let ending: Ending? =
            switch end {
            case .stopped: nil
            case .late: .timeout
            case .ended: status & 0x7F == 0 ? .exit(status: status >> 8 & 0xFF) : .signal(status & 0x7F)
            }
        return StreamEnd(ending: ending, errors: errors.octets)
    }

    /// Why a program's output is taken no more.
    private enum FollowEnd {
        /// The program has ended.
        case ended
        /// It must be ended: it was asked for.
        case stopped
        /// It must be ended: it did not end in time.
        case late
    }

    /// Octets of a program's errors that are kept.
    private static let errorLimit = 65_536

    /// Takes the output until the program has ended, or must be.
    private static func follow(
        _ output: inout OutputPipe, errors: inout OutputPipe, of process: pid_t, deadline: MonotonicTime?,
        until stop: borrowing EventFD, take: ([UInt8]) -> StreamStep
    ) -> FollowEnd {
        let number = clinux_process_descriptor(process)
        defer { if number >= 0 { close(number) } }
        while true {  // ends with the program, which writes to pipes that are read here
            var polled = [
                pollfd(fd: number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output.readNumber, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors.readNumber, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.descriptor.number, events: Int16(POLLIN), revents: 0),
            ]
            let left = deadline.map { $0.nanoseconds(since: MonotonicClock.now) / 1_000_000 + 1 } ?? 60_000
            guard left > 0 else { return .late }
            // Sound: the array lives during the call.
            _ = unsafe poll(&polled, 4, Int32(min(left, 60_000)))
            if polled[3].revents != 0 { return .stopped }
            // Checked before reading: what a program writes before its end is in the pipe by then.
            let hasEnded =
                number < 0 ? output.readNumber < 0 && errors.readNumber < 0 : polled[0].revents != 0
            output.take(limit: 1 << 20)
            let octets = output.takeOctets()
            if !octets.isEmpty, take(octets) == .end { return .stopped }
            errors.takeAndDrop(beyond: errorLimit)
            if hasEnded, octets.isEmpty { return .ended }
            // Without a descriptor of the process its closed outputs say that it ends.
            if hasEnded, number < 0 { return .ended }
        }
    }
}
