import Foundation
import Glibc
import Synchronization

/// A child process that inherits nothing but its three standard streams.
///
/// Foundation's `Process` does not serve here: it takes a server that closes the descriptors it was given for one that
/// has ended, and waits for it before it looks at any other process.
final class Child: Sendable {
    let identifier: Int32
    /// As waitpid(2) gave it; nil while the child runs.
    private let status = Mutex<Int32?>(nil)

    /// Starts `command`, whose first word is a path. Corresponds to posix_spawn(3).
    ///
    /// - Parameter input: A descriptor to read from; nil: /dev/null.
    init(_ command: [String], environment: [String: String], input: Int32? = nil, output: Int32, errors: Int32) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        // The structure was initialised on the line above.
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let input {
            unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
        for descriptor in Self.openDescriptors where descriptor > 2 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // The threads of a test block signals: the child must not.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        // The structure was initialised on the line above.
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var usual = sigset_t()
        unsafe sigemptyset(&usual)
        for signal in [SIGPIPE, SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&usual, signal) }
        unsafe posix_spawnattr_setsigdefault(&attributes, &usual)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        // The copies live until the call has returned, and both lists end with nil.
        var words = unsafe command.map { unsafe strdup($0) } + [nil]
        var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        var started: pid_t = 0
        let result = unsafe posix_spawn(&started, command[0], &actions, &attributes, &words, &variables)
        guard result == 0 else { throw TestFailure("\(command[0]): errno \(result)") }
        identifier = started
    }

    /// The descriptors of this process; one that is opened meanwhile is missed, so ours close on exec besides.
    private static var openDescriptors: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap { Int32($0) }
    }

    /// True until it has ended.
    var isRunning: Bool { collect(blocking: false) == nil }

    /// Waits for its end. The exit code; 128 and the signal's number where a signal ended it.
    @discardableResult
    func wait() -> Int32 { collect(blocking: true) ?? -1 }

    /// Sends a signal unless it has ended: its number may mean another process by then.
    func signal(_ number: Int32) {
        status.withLock { status in
            if status == nil { _ = kill(identifier, number) }
        }
    }

    private func collect(blocking: Bool) -> Int32? {
        status.withLock { status in
            if let status { return status }
            var raw: Int32 = 0
            while true {  // ends: only an interruption repeats the call
                let result = unsafe waitpid(identifier, &raw, blocking ? 0 : WNOHANG)
                if result == 0 { return nil }
                if result < 0, errno == EINTR { continue }
                break
            }
            let ended = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
            status = ended
            return ended
        }
    }
}
