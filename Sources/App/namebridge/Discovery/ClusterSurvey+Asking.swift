import ClusterDiscovery
import InventoryFile
import LinuxSystem
import Synchronization

extension ClusterSurvey {
    /// The most questions to one cluster at a time.
    private static let parallel = 4

    /// Asks the cluster of `context` until there is no further question.
    static func asking(context: String, _ kubectl: Kubectl) -> ClusterSurvey {
        var survey = ClusterSurvey(context: context) { YAMLValues.read($0) }
        while true {  // ends: each turn answers every topic of one round, and a survey has few rounds
            let topics = survey.next()
            if topics.isEmpty { return survey }
            for start in stride(from: 0, to: topics.count, by: parallel) {
                let some = Array(topics[start..<min(start + parallel, topics.count)])
                for (topic, answer) in ask(some, of: survey, kubectl) {
                    switch answer {
                    case .success(let octets): survey.take(octets, for: topic)
                    case .failure(let failure): survey.take(failure, for: topic)
                    }
                }
            }
        }
    }

    /// The outcome of each topic.
    private typealias Answers = [(SurveyTopic, Result<[UInt8], KubectlFailure>)]

    /// Asks all of `topics` at once.
    private static func ask(_ topics: [SurveyTopic], of survey: ClusterSurvey, _ kubectl: Kubectl) -> Answers
    {
        let collected = Collected()
        var threads: [NativeThread] = []
        for topic in topics {
            let work: @Sendable () -> Void = {
                let answer = Result { () throws(KubectlFailure) in try kubectl.ask(topic, of: survey) }
                collected.answers.withLock { $0.append((topic, answer)) }
            }
            do throws(Errno) {
                threads.append(try NativeThread(name: "kubectl", stackSize: 1 << 20, work))
            } catch {
                work()  // without a thread: one after the other
            }
        }
        for thread in threads { thread.join() }
        return collected.answers.withLock { $0 }
    }

    /// Collects the threads' answers.
    private final class Collected: Sendable {
        /// The outcomes so far.
        let answers = Mutex<Answers>([])
    }
}
