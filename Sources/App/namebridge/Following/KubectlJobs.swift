import ClusterDiscovery
import LinuxSystem
import Synchronization

/// The runs of kubectl of one cluster, each on a thread of its own.
struct KubectlJobs {
    /// The watches that run.
    private var watches: [WatchName: Watch] = [:]
    /// The threads of questions that may still run.
    private var questions: [NativeThread] = []

    /// Questions at a time; with more, the next one waits for the first.
    private static let mostQuestions = 4
    /// For a thread that runs kubectl, in octets.
    private static let stackSize = 1 << 20

    /// A watch that runs.
    private final class Watch: Sendable {
        /// Ends it.
        let stop: EventFD
        /// Its thread.
        let thread = Mutex<NativeThread?>(nil)

        init() throws(Errno) { stop = try EventFD() }
    }

    /// Asks a question.
    mutating func ask(_ work: @escaping @Sendable () -> Void) {
        if questions.count >= Self.mostQuestions { questions.removeFirst().join() }
        do throws(Errno) {
            questions.append(try NativeThread(name: "kubectl", stackSize: Self.stackSize, work))
        } catch {
            work()  // without a thread: one after the other
        }
    }

    /// Whether a watch was begun.
    enum Begun {
        /// It runs.
        case running
        /// There is no thread or descriptor for it.
        case failed(Errno)
    }

    /// Begins a watch.
    mutating func watch(
        _ name: WatchName, _ work: @escaping @Sendable (borrowing EventFD) -> Void
    ) -> Begun {
        do throws(Errno) {
            let watch = try Watch()
            let thread = try NativeThread(name: "kubectl watch", stackSize: Self.stackSize) {
                work(watch.stop)
            }
            watch.thread.withLock { $0 = thread }
            watches[name] = watch
            return .running
        } catch {
            return .failed(error)
        }
    }

    /// Ends a watch.
    func stop(_ name: WatchName) { watches[name]?.stop.signal() }

    /// A watch has ended.
    mutating func forget(_ name: WatchName) {
        watches.removeValue(forKey: name)?.thread.withLock { $0 }?.join()
    }

    /// Ends everything, and waits for it.
    mutating func stopAll() {
        for watch in watches.values { watch.stop.signal() }
        for watch in watches.values { watch.thread.withLock { $0 }?.join() }
        for question in questions { question.join() }
        watches = [:]
        questions = []
    }
}
