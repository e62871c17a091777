import CLinux
import Glibc
import Time

/// Runs another program, gives it its input, and collects its output, with limits on time and size.
package enum ChildProcess {
    /// A program's output, and how it ended.
    package struct Result: Sendable {
        /// How it ended.
        package let ending: Ending
        /// The octets on its standard output.
        package let output: [UInt8]
        /// The octets on its standard error.
        package let errors: [UInt8]

        /// Creates a result.
        package init(ending: Ending, output: [UInt8] = [], errors: [UInt8] = []) {
            self.ending = ending
            self.output = output
            self.errors = errors
        }
    }

    /// How a program ended.
    package enum Ending: Hashable, Sendable {
        /// It ended by itself.
        case exit(status: Int32)
        /// A signal ended it.
        case signal(Int32)
        /// It was killed because it did not end in time.
        case timeout
        /// It was killed because its output was larger than allowed.
        case tooMuchOutput
    }

    /// How to run a program that may talk with the person at the terminal, such as one that logs in.
    package struct Conversation {
        /// In milliseconds, instead of the run's timeout, once the program has written to its errors: then it
        /// may be waiting for the person.
        package let timeout: Int

        /// Receives the program's errors, piece by piece, as they come.
        package let hear: (ArraySlice<UInt8>) -> Void

        /// Creates a conversation.
        package init(timeout: Int, hear: @escaping (ArraySlice<UInt8>) -> Void) {
            self.timeout = timeout
            self.hear = hear
        }
    }

    /// Where programs are searched for; the PATH of a daemon and of an ordinary user may lack the first two.
    package static let searchPath = [
        "/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin",
    ]

    /// The file of the program `name`; nil if there is none. Corresponds to access(2).
    ///
    /// - Parameter folders: Where to search for it, in this order.
    package static func path(of name: String, in folders: [String] = searchPath) -> String? {
        if name.contains("/") { return name }
        return folders.map { "\($0)/\(name)" }.first { path in
            // Sound: the path is read during the call.
            unsafe access(path, X_OK) == 0
        }
    }

    /// Runs `path` until it ends, in a process group of its own and with messages in English.
    ///
    /// Its whole input is there before it starts: even if this process is killed, the program never reads
    /// half of it.
    ///
    /// - Parameters:
    ///   - environment: All of it, as `NAME=VALUE`; nil: only PATH, and the language.
    ///   - timeout: In milliseconds; the program is killed then.
    ///   - outputLimit: In octets, for the output and the errors each.
    ///   - inherits: True if it keeps the descriptors that this process marked for it, such as a lock.
    ///   - conversation: If set, the program reads this process's own input if that is a terminal, and
    ///     stays in its process group, without which the terminal would stop it.
    package static func run(
        _ path: String, _ arguments: [String], environment: [String]? = nil, input: [UInt8] = [],
        timeout: Int, outputLimit: Int = 64 << 20, inherits: Bool = true, conversation: Conversation? = nil
    ) throws(Errno) -> Result {
        let script = FileDescriptor(owning: try systemCall { unsafe clinux_memory_file("input") })
        try script.write(input)
        // Sound: moves the offset of a file of our own.
        try systemCall { lseek(script.number, 0, SEEK_SET) }
        var output = try OutputPipe()
        var errors = try OutputPipe()
        // Corresponds to isatty(3).
        let isAtTerminal = conversation != nil && isatty(0) == 1
        let process = try spawn(
            path, arguments, environment: environment ?? plainEnvironment,
            input: isAtTerminal ? 0 : script.number, output: output.writeNumber, errors: errors.writeNumber,
            flags: isAtTerminal ? clinux_spawn_flags & ~Int16(POSIX_SPAWN_SETPGROUP) : clinux_spawn_flags,
            inherits: inherits)
        output.closeWriteEnd()
        errors.closeWriteEnd()
        let early = collect(
            &output, &errors, of: process,
            within: Limits(timeout: timeout, octets: outputLimit, conversation: conversation))
        if early != nil { kill(isAtTerminal ? process : -process, SIGKILL) }
        let status = try wait(for: process)
        let ending =
            early ?? (status & 0x7F == 0 ? .exit(status: status >> 8 & 0xFF) : .signal(status & 0x7F))
        return Result(ending: ending, output: output.octets, errors: errors.octets)
    }

    /// Starts `path` in a session of its own, independent of terminals and logins, and returns.
    ///
    /// - Parameter log: The file that its output is appended to.
    /// - Returns: Its process identifier.
    @discardableResult
    package static func startDetached(
        _ path: String, _ arguments: [String], environment: [String] = [], log: String
    ) throws(Errno) -> Int32 {
        // Sound: the paths are read during the calls.
        let null = FileDescriptor(owning: try systemCall { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) })
        let file = FileDescriptor(
            owning: try systemCall { unsafe open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600) })
        return try spawn(
            path, arguments, environment: plainEnvironment + environment, input: null.number,
            output: file.number, errors: file.number,
            flags: clinux_spawn_flags & ~Int16(POSIX_SPAWN_SETPGROUP) | clinux_spawn_session, inherits: false)
    }

    /// The environment of a program that needs nothing of the caller's.
    static let plainEnvironment = ["PATH=" + searchPath.joined(separator: ":"), "LC_ALL=C"]

    // MARK: - The parts of a run

    /// What ends a program that does not end by itself.
    private struct Limits {
        /// In milliseconds.
        let timeout: Int
        /// Octets of the output, and of the errors.
        let octets: Int
        /// The talk that takes longer.
        let conversation: Conversation?
    }

    /// Collects both outputs until the program has ended. If that takes too long or the output is too large,
    /// gives the ending that must follow.
    private static func collect(
        _ output: inout OutputPipe, _ errors: inout OutputPipe, of process: pid_t, within limits: Limits
    ) -> Ending? {
        let conversation = limits.conversation
        let start = MonotonicClock.now.nanoseconds
        var heard = 0
        let number = clinux_process_descriptor(process)
        defer { if number >= 0 { close(number) } }
        while true {  // ends after the longer of the two timeouts at the latest
            let allowed = Int64(heard > 0 ? max(limits.timeout, conversation?.timeout ?? 0) : limits.timeout)
            let left = allowed - (MonotonicClock.now.nanoseconds - start) / 1_000_000
            guard left > 0 else { return .timeout }
            var polled = [
                pollfd(fd: number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output.readNumber, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors.readNumber, events: Int16(POLLIN), revents: 0),
            ]
            // Sound: the array lives during the call.
            _ = unsafe poll(&polled, 3, Int32(min(left, 1_000)))
            // Checked before reading: what a program writes before its end is in the pipe by then.
            let hasEnded =
                number < 0 ? output.readNumber < 0 && errors.readNumber < 0 : polled[0].revents != 0
            output.take(limit: limits.octets)
            errors.take(limit: limits.octets)
            if let conversation, errors.octets.count > heard {
                conversation.hear(errors.octets[heard...])
                heard = errors.octets.count
            }
            if output.isOver(limits.octets) || errors.isOver(limits.octets) { return .tooMuchOutput }
            if hasEnded { return nil }
        }
    }

    /// Corresponds to waitpid(2).
    static func wait(for process: pid_t) throws(Errno) -> Int32 {
        var status: Int32 = 0
        // Sound: the kernel writes one number.
        try systemCall { unsafe waitpid(process, &status, 0) }
        return status
    }

    /// True if the process that `startDetached` began has ended; it leaves nothing behind then.
    /// Corresponds to waitpid(2) with WNOHANG.
    package static func hasEnded(_ process: Int32) -> Bool {
        waitpid(process, nil, WNOHANG) != 0
    }

    /// Corresponds to posix_spawn(3), with all signals as they are by default.
    static func spawn(
        _ path: String, _ arguments: [String], environment: [String], input: Int32, output: Int32,
        errors: Int32, flags: Int16, inherits: Bool
    ) throws(Errno) -> pid_t {
        var attributes = posix_spawnattr_t()
        var actions = unsafe posix_spawn_file_actions_t()
        var signals = sigset_t()
        var none = sigset_t()
        // Sound: each call writes the one structure that it is given, and both are destroyed below.
        unsafe posix_spawnattr_init(&attributes)
        unsafe posix_spawn_file_actions_init(&actions)
        defer {
            unsafe posix_spawnattr_destroy(&attributes)
            unsafe posix_spawn_file_actions_destroy(&actions)
        }
        unsafe sigfillset(&signals)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setflags(&attributes, flags)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        for (target, source) in [(0, input), (1, output), (2, errors)] as [(Int32, Int32)] {
            unsafe posix_spawn_file_actions_adddup2(&actions, source, target)
        }
        if !inherits {
            // Sound: writes into the structure. The program inherits none of our descriptors, in particular
            // no lock.
            unsafe clinux_spawn_close_from(&actions, 3)
        }
        var process: pid_t = 0
        let code = unsafe withCStrings([path] + arguments) { words in
            unsafe withCStrings(environment) { variables in
                // Sound: every pointer lives during the call.
                unsafe posix_spawn(&process, path, &actions, &attributes, words, variables)
            }
        }
        guard code == 0 else { throw Errno(code: code) }
        return process
    }
}

/// Calls `body` with `strings` as C takes a list of arguments: an array of pointers that ends with NULL.
private func withCStrings<Value>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    // Sound: strdup's copies live until the deferred free, and `body` does not keep them.
    var copies = unsafe strings.map { unsafe strdup($0) }
    defer { unsafe copies.forEach { unsafe free($0) } }
    unsafe copies.append(nil)
    return unsafe copies.withUnsafeMutableBufferPointer { buffer in
        // Sound: the array has at least its NULL, so that it has a base address.
        guard let base = buffer.baseAddress else { preconditionFailure("an array of one has an address") }
        return unsafe body(base)
    }
}

/// One output of a program, read without waiting.
struct OutputPipe: ~Copyable {
    /// The end that this process reads.
    private let readEnd: FileDescriptor
    /// The end that the program writes; nil once it is closed here.
    private var writeEnd: FileDescriptor?
    /// The number of the end that is written, until it is closed.
    let writeNumber: Int32
    /// The octets read so far.
    private(set) var octets: [UInt8] = []
    /// True once the program has closed its end.
    private var isAtEnd = false

    init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        // Sound: the kernel writes two numbers.
        try systemCall { unsafe clinux_pipe(&ends) }
        readEnd = FileDescriptor(owning: ends[0])
        writeEnd = FileDescriptor(owning: ends[1])
        writeNumber = ends[1]
    }

    /// -1 once nothing more can come; poll(2) ignores it.
    var readNumber: Int32 { isAtEnd ? -1 : readEnd.number }

    /// The octets that were read and not taken yet.
    mutating func takeOctets() -> [UInt8] {
        defer { octets = [] }
        return octets
    }

    /// Closes this process's copy of the program's end.
    mutating func closeWriteEnd() { writeEnd = nil }

    /// True if the program has written more than `limit` octets.
    func isOver(_ limit: Int) -> Bool { octets.count > limit }

    /// Reads what is available, and keeps the first `limit` octets of all: the program is never kept waiting.
    mutating func takeAndDrop(beyond limit: Int) {
        take(limit: limit)
        if octets.count > limit { octets.removeLast(octets.count - limit) }
    }

    /// Reads what is available, up to a little more than `limit` octets in total.
    mutating func take(limit: Int) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isAtEnd, octets.count <= limit {  // each turn reads something, or ends
            // Sound: at most the chunk's count of octets is written into it.
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(readEnd.number, $0.baseAddress, $0.count)
            }
            if count > 0 {
                octets += chunk[..<count]
            } else if count == 0 {
                isAtEnd = true
            } else if clinux_errno() != EINTR {
                return
            }
        }
    }
}
