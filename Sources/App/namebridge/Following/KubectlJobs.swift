import ClusterDiscovery
import LinuxSystem
import Synchronization

/// The runs of kubectl of one cluster, each on a thread of its own; every one of them can be cut short.
struct KubectlJobs {
    /// The watches that run.
    private var watches: [WatchName: Job] = [:]
    /// The questions that run.
    private var questions: [SurveyTopic: Job] = [:]
    /// The questions that wait for others, in the order of their asking.
    private var waiting: [(topic: SurveyTopic, work: Work)] = []

    /// What runs kubectl until it ends or the descriptor is readable.
    typealias Work = @Sendable (borrowing EventFD) -> Void

    /// Questions at a time.
    private static let mostQuestions = 4
    /// For a thread that runs kubectl, in octets.
    private static let stackSize = 1 << 20

    /// A run.
    private final class Job: Sendable {
        /// Ends it.
        private let stop: EventFD
        /// Its thread.
        private let thread = Mutex<NativeThread?>(nil)

        init(name: String, _ work: @escaping Work) throws(Errno) {
            stop = try EventFD()
            let new = try NativeThread(name: name, stackSize: KubectlJobs.stackSize) { [self] in work(stop) }
            thread.withLock { $0 = new }
        }

        /// Requests the end, without waiting for it.
        func requestEnd() { stop.signal() }

        /// Waits for the end.
        func join() { thread.withLock { $0 }?.join() }
    }

    /// Whether a run was begun.
    enum Begun {
        /// It runs.
        case running
        /// There is no thread or descriptor for it.
        case failed(Errno)
    }

    /// Adds a question; `beginWaiting` begins it.
    mutating func add(_ topic: SurveyTopic, _ work: @escaping Work) { waiting.append((topic, work)) }

    /// Begins questions that wait, as many as may run.
    ///
    /// - Returns: Those that can't be begun, which wait no more.
    mutating func beginWaiting() -> [(SurveyTopic, Errno)] {
        var failures: [(SurveyTopic, Errno)] = []
        while !waiting.isEmpty, questions.count < Self.mostQuestions {  // each turn takes one of them
            let (topic, work) = waiting.removeFirst()
            do throws(Errno) {
                questions[topic] = try Job(name: "kubectl", work)
            } catch {
                failures.append((topic, error))
            }
        }
        return failures
    }

    /// Begins a watch.
    mutating func watch(_ name: WatchName, _ work: @escaping Work) -> Begun {
        do throws(Errno) {
            watches[name] = try Job(name: "kubectl watch", work)
            return .running
        } catch {
            return .failed(error)
        }
    }

    /// Ends a watch.
    func stop(_ name: WatchName) { watches[name]?.requestEnd() }

    /// A watch has ended.
    mutating func forget(_ name: WatchName) { watches.removeValue(forKey: name)?.join() }

    /// A question was answered.
    mutating func forget(_ topic: SurveyTopic) { questions.removeValue(forKey: topic)?.join() }

    /// Ends everything, and waits for it.
    mutating func stopAll() {
        let all = Array(watches.values) + Array(questions.values)
        for job in all { job.requestEnd() }
        for job in all { job.join() }
        (watches, questions, waiting) = ([:], [:], [])
    }
}
