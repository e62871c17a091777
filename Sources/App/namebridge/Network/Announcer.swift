import Glibc
import LinuxSystem
import Synchronization

/// Prints lines without waiting for the reader. A terminal whose login was cut off takes no more text, and an
/// apply that waited for it would hold the lock that the rollback needs.
final class Announcer: Sendable {
    /// Text and flag, shared with the thread.
    private let state = Mutex(State())

    /// Where the lines go: standard error if standard output has a result for a program.
    private let stream: StandardStream

    init(to stream: StandardStream = .output) { self.stream = stream }

    /// What both threads share.
    private struct State {
        /// Text that is still to be written.
        var text: [UInt8] = []
        /// True while the thread writes.
        var isWriting = false
    }

    /// The thread that wrote last; nil before the first line.
    private let thread = Mutex<NativeThread?>(nil)

    /// Writes a line at once if the terminal accepts it: the process may be gone a moment later. For one
    /// thread only.
    func announce(_ line: String) {
        let begins = state.withLock { state in
            state.text += line.utf8
            state.text.append(0x0A)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard begins else { return }
        thread.withLock { thread in
            thread?.join()  // it has nothing left to do
            do throws(Errno) {
                thread = try NativeThread(name: "announcer", stackSize: 256 * 1024) { [self] in write() }
            } catch {
                thread = nil
                write()
            }
        }
    }

    /// Waits until all text is written, two seconds at most.
    func finish() {
        for _ in 0..<200 where state.withLock({ $0.isWriting }) { ThisProcess.sleep(milliseconds: 10) }
    }

    /// Ends when no text is left.
    private func write() {
        while let text = next() {
            if stream == .error {
                writeError(String(decoding: text, as: UTF8.self), terminator: "")
                continue
            }
            // The reader is gone: the work goes on without output.
            do throws(Errno) { try StandardOutput.write(text) } catch { continue }
        }
    }

    /// Takes the waiting text; nil if there is none.
    private func next() -> [UInt8]? {
        state.withLock { state in
            guard !state.text.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { state.text = [] }
            return state.text
        }
    }
}

extension ThisProcess {
    /// A change that has begun is finished even if the terminal goes away: an apply that stopped in the
    /// middle would block every other process from rolling back.
    static func finishWhatIsBegun() {
        ignore([SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU])
    }
}
