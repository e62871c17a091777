import ClusterDiscovery
import Inventory
import InventoryFile
import LinuxSystem
import Synchronization
import Time

/// Follows one cluster on a thread of its own: does what `FollowedCluster` decides, through kubectl.
final class ClusterFollower: Sendable {
    /// How the cluster is followed.
    let settings: FollowSettings
    /// The cluster's key.
    private let key: String
    /// Runs kubectl.
    private let kubectl: Kubectl
    /// The files of all clusters.
    private let files: Files
    /// The messages of the threads that run kubectl.
    private let box = Mutex(Box())
    /// Wakes the thread.
    private let wake: EventFD
    /// The thread; nil before the start.
    private let thread = Mutex<NativeThread?>(nil)

    /// What the thread has not taken yet.
    private struct Box {
        /// In the order of their arrival.
        var messages: [Message] = []
        /// Octets of the lines of watches among them.
        var size = 0
        /// True if the thread must end.
        var mustEnd = false
    }

    /// A message of a thread that runs kubectl.
    private enum Message {
        /// The answer to a question.
        case answer(SurveyTopic, Result<[UInt8], KubectlFailure>)
        /// A line of a watch.
        case line([UInt8], WatchName)
        /// The end of a watch.
        case end(WatchName, KubectlFailure?)
    }

    init(
        key: String, settings: FollowSettings, kubectl: Kubectl, files: Files
    ) throws(Errno) {
        self.key = key
        self.settings = settings
        self.kubectl = kubectl
        self.files = files
        wake = try EventFD()
    }

    /// The files of all clusters.
    struct Files {
        /// The folder of facts.
        let facts: StateFolder
        /// The facts in it.
        let known: KnownFacts
        /// The path of the configuration.
        let configuration: String
        /// Paths of the running server's control socket.
        let controls: [String]
        /// Called when facts were written.
        let noteChange: @Sendable () -> Void
    }

    /// Starts the thread.
    func start() throws(Errno) {
        let new = try NativeThread(name: "follow \(key)", stackSize: 1 << 20) { [self] in run() }
        thread.withLock { $0 = new }
    }

    /// Requests the end of the thread, without waiting for it.
    func requestEnd() {
        box.withLock { $0.mustEnd = true }
        wake.signal()
    }

    /// Ends the thread and what it has started; the files stay.
    func stop() {
        requestEnd()
        thread.withLock { $0 }?.join()
    }

    // MARK: - The thread

    /// The readings of the clocks.
    private var now: FollowTime { FollowTime(monotonic: MonotonicClock.now, wall: WallClock.seconds) }

    /// Until `stop`.
    private func run() {
        var writer = FactsWriter(folder: files.facts, key: key)
        let earlier = writer.earlier(context: settings.context)
        if let earlier { files.known.note(earlier) }
        var cluster = FollowedCluster(
            key: key, settings: settings, facts: earlier, at: now, readYAML: { YAMLValues.read($0) })
        var jobs = KubectlJobs()
        var reports = FollowReports(key: key, context: settings.context)
        var purge = NamePurge(cluster: key, paths: files.controls)
        while true {  // ends when it must
            let (messages, mustEnd) = box.withLock { box in
                defer {
                    box.messages = []
                    box.size = 0
                }
                return (box.messages, box.mustEnd)
            }
            if mustEnd { break }
            for message in messages {
                switch message {
                case .answer(let topic, let answer):
                    jobs.forget(topic)
                    cluster.take(answer, for: topic, at: now)
                case .line(let line, let watch): cluster.takeEvent(line, from: watch, at: now)
                case .end(let watch, let failure):
                    jobs.forget(watch)
                    cluster.endWatch(watch, failure, at: now)
                }
            }
            begin(cluster.due(at: now), &jobs)
            if let facts = cluster.facts(at: now) {
                switch write(facts, &writer) {
                case .written: reports.objection = nil
                case .failed: cluster.noteUnwritten(retry: 1_000, at: now)
                case .refused(let objection):
                    reports.objection = objection
                    cluster.noteUnwritten(retry: 10_000, at: now)
                }
            }
            purge.run(cluster.takeChangedNames(), at: now.monotonic)
            reports.tell(cluster, writer, at: now)
            wait(until: min(cluster.nextTime, purge.nextTime ?? cluster.nextTime))
        }
        jobs.stopAll()
    }

    /// Whether facts were written.
    private enum Writing {
        /// They are on the disk.
        case written
        /// They are not: the log says why.
        case failed
        /// They contradict the configuration.
        case refused(String)
    }

    /// Tries and writes the facts, after those of another cluster that are being written.
    private func write(_ facts: ClusterFacts, _ writer: inout FactsWriter) -> Writing {
        files.known.writing.withLock { _ in writeAlone(facts, &writer) }
    }

    /// The same without regard to other clusters.
    private func writeAlone(_ facts: ClusterFacts, _ writer: inout FactsWriter) -> Writing {
        let trial = FactsTrial(configuration: files.configuration, known: files.known)
        if let objection = trial.objection(to: facts) { return .refused(objection) }
        do throws(Errno) {
            try writer.write(facts)
            files.known.note(facts)
            files.noteChange()
            let nodes = facts.nodes?.value.count ?? 0
            Log.notice("facts written", [("cluster", key), ("nodes", "\(nodes)")])
            return .written
        } catch {
            Log.failure("facts not written", [("cluster", key), ("reason", "\(error)")])
            return .failed
        }
    }

    /// Sleeps until `time` or a message.
    private func wait(until time: MonotonicTime) {
        let now = MonotonicClock.now
        let left = time > now ? time.nanoseconds - max(0, now.nanoseconds) : 0
        wake.wait(
            milliseconds: Int32(clamping: min(60_000, (min(left, 60_000_000_000) + 999_999) / 1_000_000)))
        _ = wake.clear()
    }

    /// Begins tasks on threads of their own.
    private func begin(_ tasks: [FollowTask], _ jobs: inout KubectlJobs) {
        for task in tasks {
            switch task {
            case .ask(let topic, let path):
                jobs.add(topic) { [self] stop in post(.answer(topic, answer(to: path, until: stop))) }
            case .watch(let topic, let number, let path):
                let watch = WatchName(topic: topic, number: number)
                let begun = jobs.watch(watch) { [self] stop in
                    let failure = kubectl.watch(path, context: settings.context, until: stop) { line in
                        post(line, of: watch, until: stop)
                    }
                    post(.end(watch, failure))
                }
                if case .failed(let error) = begun {
                    post(.end(watch, .other("kubectl can't be run: \(error)")))
                }
            case .stop(let watch): jobs.stop(watch)
            }
        }
        for (topic, error) in jobs.beginWaiting() {
            post(.answer(topic, .failure(.other("kubectl can't be run: \(error)"))))
        }
    }

    /// The answer to one question.
    private func answer(
        to path: String, until stop: borrowing EventFD
    ) -> Result<[UInt8], KubectlFailure> {
        do throws(KubectlFailure) {
            return .success(try kubectl.get(path, context: settings.context, until: stop))
        } catch {
            return .failure(error)
        }
    }

    /// Octets of lines that may wait for the thread.
    private static let mostWaiting = 8 << 20

    /// Gives the thread a line of a watch. While too much waits for it, so does the watch: kubectl writes to
    /// a full pipe, and the API server waits for kubectl.
    private func post(_ line: [UInt8], of watch: WatchName, until stop: borrowing EventFD) {
        while !stop.isSignalled {  // ends when the thread has taken what waits, or must end
            let isDone = box.withLock { box in
                if box.mustEnd { return true }
                // A single line may be longer than what is left.
                guard box.size == 0 || box.size + line.count <= Self.mostWaiting else { return false }
                box.messages.append(.line(line, watch))
                box.size += line.count + 64
                return true
            }
            if isDone { return wake.signal() }
            stop.wait(milliseconds: 10)
        }
    }

    /// Gives the thread a message.
    private func post(_ message: Message) {
        box.withLock { $0.messages.append(message) }
        wake.signal()
    }
}

/// The log and the report of one cluster.
private struct FollowReports {
    /// The cluster's key.
    private let key: String
    /// The context in the kubeconfig.
    private let context: String
    /// The report in the file.
    private var written: FollowReport?
    /// Why the present facts can't be used with the configuration; nil if they can.
    var objection: String?

    /// While nothing else changes, the report is written so often, in seconds.
    private static let interval = 60

    init(key: String, context: String) {
        self.key = key
        self.context = context
    }

    /// Logs a new state, and writes the report if it is new, or old.
    mutating func tell(_ cluster: FollowedCluster, _ writer: FactsWriter, at now: FollowTime) {
        let state = cluster.state
        let trouble = state.reason(kubectl: kubectlCommand(context: context))
        let word = trouble == nil && objection != nil ? "refused" : state.word
        let reason = trouble ?? objection
        let isNew = written?.state != word || written?.reason != reason
        let age = (cluster.answered ?? 0) - (written?.answered ?? 0)
        guard isNew || age >= Self.interval else { return }
        if isNew { log(word, reason) }
        let report = FollowReport(
            cluster: key, context: context, state: word, reason: reason,
            since: isNew ? now.wall : written?.since ?? now.wall, answered: cluster.answered)
        written = report
        do throws(Errno) {
            try writer.write(report)
        } catch {
            Log.failure("report not written", [("cluster", key), ("reason", "\(error)")])
        }
    }

    /// A line for a new state.
    private func log(_ state: String, _ reason: String?) {
        guard let reason else { return Log.notice(state, [("cluster", key)]) }
        Log.warning("\(state), the facts stay as they are", [("cluster", key), ("reason", reason)])
    }
}
