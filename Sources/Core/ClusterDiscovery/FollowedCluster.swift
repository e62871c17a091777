package import Inventory
package import JSON
package import Time

/// Follows one cluster: lists, watches, and what is known from them, as a state machine without I/O.
///
/// ```
/// due(at:) -> tasks -> (kubectl) -> take(...), takeEvent(...), endWatch(...) -> facts(at:) -> (file)
/// ```
/// At first everything is asked as `discover` does (`ClusterSurvey`). Then the lists that change are
/// watched, each from the version that it was read at; what is not watched is asked again from time to
/// time. A list is either being read or being watched, never both, so that no event is lost between them.
///
/// Nothing is removed because of a failure: a list that was not read, or only in part, stays as it was. A
/// change that would remove more than half of the nodes waits until their lists were read once more.
package struct FollowedCluster: Sendable {
    /// The cluster's key in the configuration file.
    package let key: String
    /// How it is followed.
    private let settings: FollowSettings
    /// Parses the YAML inside of ConfigMaps.
    private let readYAML: @Sendable (String) -> JSONValue?

    /// What is known; nil until everything was asked once.
    private(set) var known: ClusterSurvey?
    /// The questions that are being asked; nil if none are.
    private var round: Round?
    /// The watched lists.
    private var watches: [SurveyTopic: Watch] = [:]
    /// Watches that must be ended, since their lists are read again.
    private var ending: [FollowTask] = []
    /// The number of the last watch.
    private var lastWatch = 0

    /// Why the cluster can't be asked at all; nil if it can.
    private var outage: KubectlFailure?
    /// Failed rounds in a row.
    private var attempts = 0
    /// No round begins before.
    private var pause: MonotonicTime
    /// When everything that is not watched is asked again.
    private var nextSurvey: MonotonicTime
    /// When the cluster answered last, in seconds since 1970; nil if it never did.
    package private(set) var answered: Int?

    /// The names that have changed since they were taken last.
    private var changedNames = ChangedNames()
    /// Turns what is known into facts.
    private var deriving: FactsDeriving

    /// Everything that is not watched is asked again after so many milliseconds: ConfigMaps, DaemonSets.
    static let surveyInterval = 300_000

    /// The items of a page: a follower has all day, and is to stay small.
    private static let pageSize = 100

    /// A watch that ends earlier has failed, in milliseconds.
    private static let shortLife = 5_000
    /// After a watch that lasted longer a failure is the first of its row, in milliseconds.
    private static let longLife = 30_000

    /// Questions that belong together.
    private struct Round: Sendable {
        /// The questions and answers.
        var survey: ClusterSurvey
        /// True if everything is asked that is not watched; false for single lists.
        let isWhole: Bool
        /// The lists that are watched meanwhile: their answers are not from this round.
        var watched: Set<SurveyTopic> = []
        /// The questions without an answer yet.
        var open: Set<SurveyTopic> = []
    }

    /// The state of a watched list.
    private struct Watch: Sendable {
        /// Whether it is read, will be watched, or is watched.
        var stage: Stage
        /// Not before this time.
        var until: MonotonicTime
        /// Which watch; events of earlier ones do not count.
        var number = 0
        /// Failures in a row.
        var failures = 0
        /// The last failure; nil once the list was read or an event came.
        var failure: KubectlFailure?

        /// The stages of a list.
        enum Stage { case unread, ready, watched }
    }

    /// - Parameters:
    ///   - facts: The facts of an earlier run; nil if there are none.
    ///   - readYAML: Parses the YAML inside of ConfigMaps.
    package init(
        key: String, settings: FollowSettings, facts: ClusterFacts?, at now: FollowTime,
        readYAML: @escaping @Sendable (String) -> JSONValue?
    ) {
        self.key = key
        self.settings = settings
        self.readYAML = readYAML
        pause = now.monotonic
        nextSurvey = now.monotonic
        deriving = FactsDeriving(facts, cluster: key, context: settings.context, at: now.monotonic)
    }

    // MARK: - What to do

    /// The tasks to begin now; each is given once.
    package mutating func due(at now: FollowTime) -> [FollowTask] {
        if let known { lookAgain(known, at: now.monotonic) }
        var tasks = ending
        ending = []
        if round == nil, now.monotonic >= pause { beginRound(at: now.monotonic) }
        if let round {
            for topic in round.survey.next() where !round.open.contains(topic) {
                self.round?.open.insert(topic)
                tasks.append(.ask(topic, path: round.survey.path(of: topic)))
            }
        }
        guard outage == nil else { return tasks }
        for (topic, watch) in watches where watch.stage == .ready && watch.until <= now.monotonic {
            lastWatch += 1
            watches[topic]?.stage = .watched
            watches[topic]?.until = now.monotonic
            watches[topic]?.number = lastWatch
            let path = topic.watchPath(from: known?.versions[topic])
            tasks.append(.watch(topic, number: lastWatch, path: path))
        }
        return tasks
    }

    /// When `due` and `facts` must be called again, unless something is taken before.
    package var nextTime: MonotonicTime {
        var times = deriving.nextTime.map { [$0] } ?? []
        if !ending.isEmpty { times.append(MonotonicTime(nanoseconds: .min)) }
        if outage == nil { times += watches.values.filter { $0.stage == .ready }.map(\.until) }
        if round == nil {
            if outage != nil || known == nil {
                times.append(pause)
            } else {
                // Nothing is asked before `pause`.
                times.append(max(pause, nextSurvey))
                times += watches.values.filter { $0.stage == .unread }.map { max(pause, $0.until) }
            }
        }
        return times.min() ?? MonotonicTime(nanoseconds: .max)
    }

    /// Begins the questions that are due.
    private mutating func beginRound(at now: MonotonicTime) {
        guard let known, now < nextSurvey else { return beginWholeRound() }
        var topics = watches.filter { $0.value.stage == .unread && ($0.value.until <= now || outage != nil) }
            .map(\.key)
        if outage != nil { topics.insert(.version, at: 0) }
        guard !topics.isEmpty else { return }
        let survey = ClusterSurvey(
            context: known.context, readYAML: readYAML, only: topics, pageSize: Self.pageSize)
        round = Round(survey: survey, isWhole: false)
    }

    /// Asks everything but the lists that are watched.
    private mutating func beginWholeRound() {
        var survey = ClusterSurvey(
            context: settings.context, readYAML: readYAML, triesServices: false, pageSize: Self.pageSize)
        let watched = watches.filter { $0.value.stage != .unread }.map(\.key)
        for topic in watched { survey.answers[topic] = known?.answers[topic] }
        round = Round(survey: survey, isWhole: true, watched: Set(watched))
    }

    // MARK: - Answers

    /// Takes the answer to a question.
    package mutating func take(
        _ answer: Result<[UInt8], KubectlFailure>, for topic: SurveyTopic, at now: FollowTime
    ) {
        guard round?.open.remove(topic) != nil else { return }
        switch answer {
        case .success(let octets):
            answered = now.wall
            round?.survey.take(octets, for: topic)
        case .failure(let failure): round?.survey.take(failure, for: topic)
        }
        guard let round, round.open.isEmpty, round.survey.next().isEmpty else { return }
        self.round = nil
        finish(round, at: now.monotonic)
    }

    /// Takes over the answers of a round.
    private mutating func finish(_ round: Round, at now: MonotonicTime) {
        if let failure = round.survey.failure { return fail(failure, at: now) }
        outage = nil
        if round.isWhole {
            finishWhole(round.survey, watched: round.watched, at: now)
        } else {
            attempts = 0
            for topic in watches.keys where round.survey.answers[topic] != nil {
                use(topic, round.survey, at: now)
            }
        }
        deriving.noteChange()
    }

    /// Takes over one list that was read again.
    private mutating func use(_ topic: SurveyTopic, _ survey: ClusterSurvey, at now: MonotonicTime) {
        guard survey.isWhole(topic), let answer = survey.answers[topic] else {
            let failure = survey.partial[topic] ?? survey.failure(topic) ?? .timeout
            return noteFailure(failure, of: topic, stage: .unread, at: now)
        }
        if topic == .endpointSlices, known?.answers[topic] != nil { changedNames.areUnknown = true }
        known?.answers[topic] = answer
        known?.versions[topic] = survey.versions[topic]
        watches[topic]?.stage = .ready
        watches[topic]?.failure = nil
        let failures = watches[topic]?.failures ?? 0
        watches[topic]?.until = now.advanced(milliseconds: Self.delay(after: failures - 1))
        deriving.noteList(of: topic)
    }

    /// Takes over everything that was asked; what failed stays as it was.
    private mutating func finishWhole(
        _ survey: ClusterSurvey, watched: Set<SurveyTopic>, at now: MonotonicTime
    ) {
        let doubts = survey.doubts
        if known == nil, let doubt = doubts.first, deriving.hasFacts {
            // A part of the answers could contradict the facts of an earlier run: all of them, or none.
            return fail(doubt, at: now)
        }
        attempts = doubts.isEmpty ? 0 : attempts + 1
        var merged = known ?? survey
        for (topic, answer) in survey.answers where !watched.contains(topic) {
            if known != nil, !survey.isWhole(topic), known?.document(topic) != nil { continue }
            merged.answers[topic] = answer
            merged.versions[topic] = survey.versions[topic]
            if topic.isWatched, survey.isWhole(topic) {
                watches[topic] = Watch(stage: .ready, until: now)
                deriving.noteList(of: topic)
            }
        }
        known = merged
        if settings.endpoints, watches[.endpointSlices] == nil {
            watches[.endpointSlices] = Watch(stage: .unread, until: now)
        }
        nextSurvey = now.advanced(
            milliseconds: doubts.isEmpty ? Self.surveyInterval : Self.delay(after: attempts + 3))
    }

    /// The cluster can't be asked, or not wholly.
    private mutating func fail(_ failure: KubectlFailure, at now: MonotonicTime) {
        attempts += 1
        outage = failure
        pause = now.advanced(milliseconds: Self.delay(after: failure, attempts))
    }

    // MARK: - Events

    /// Takes a line of a watch.
    package mutating func takeEvent(_ line: [UInt8], from watch: WatchName, at now: FollowTime) {
        let topic = watch.topic
        guard watches[topic]?.number == watch.number, watches[topic]?.stage == .watched else { return }
        guard let event = WatchEvent(line: line) else {
            return end(watch, .other("the API server sends what is no event"), at: now.monotonic)
        }
        switch event {
        case .gone: end(watch, .expired, at: now.monotonic)
        case .failed(let failure): end(watch, failure, at: now.monotonic)
        case .changed, .deleted, .bookmark:
            answered = now.wall
            watches[topic]?.failures = 0
            watches[topic]?.failure = nil
            if topic == .endpointSlices, event.object != nil {
                known?.noteVersion(of: event, of: topic)
                if let service = event.service { changedNames.note(service, isGone: event.isDeletion) }
            } else {
                switch known?.apply(event, to: topic) {
                case .changed: deriving.noteEvent(at: now.monotonic)
                case .tooMany:
                    let failure = "the list has more than \(ClusterSurvey.mostItems) items"
                    end(watch, .other(failure), at: now.monotonic)
                case .some(.none), nil: break
                }
            }
        }
    }

    /// A watch has ended.
    ///
    /// - Parameter failure: Nil if the server ended it in order, as it does after some time.
    package mutating func endWatch(_ watch: WatchName, _ failure: KubectlFailure?, at now: FollowTime) {
        let topic = watch.topic
        guard let state = watches[topic], state.number == watch.number, state.stage == .watched else {
            return
        }
        if let failure { return conclude(topic, failure, at: now.monotonic) }
        let isShort = now.monotonic < state.until.advanced(milliseconds: Self.shortLife)
        watches[topic]?.stage = .ready
        watches[topic]?.failures = isShort ? state.failures + 1 : 0
        watches[topic]?.until = now.monotonic.advanced(
            milliseconds: Self.delay(after: isShort ? state.failures + 1 : 0))
    }

    /// Ends a watch that can't go on.
    private mutating func end(_ watch: WatchName, _ failure: KubectlFailure, at now: MonotonicTime) {
        ending.append(.stop(watch))
        conclude(watch.topic, failure, at: now)
    }

    /// The list of a watch that failed is read again.
    private mutating func conclude(_ topic: SurveyTopic, _ failure: KubectlFailure, at now: MonotonicTime) {
        if let watch = watches[topic], now >= watch.until.advanced(milliseconds: Self.longLife) {
            watches[topic]?.failures = 0
        }
        if failure == .expired, let watch = watches[topic], watch.failures == 0 {
            // As it should: the server forgets old versions. Another failure in a row is one.
            watches[topic]?.stage = .unread
            watches[topic]?.until = now
            watches[topic]?.failures = 1
            return
        }
        noteFailure(failure, of: topic, stage: .unread, at: now)
        guard failure.isFinal, outage == nil else { return }
        fail(failure, at: now)
    }

    /// Notes a failure of one list.
    private mutating func noteFailure(
        _ failure: KubectlFailure, of topic: SurveyTopic, stage: Watch.Stage, at now: MonotonicTime
    ) {
        let failures = (watches[topic]?.failures ?? 0) + 1
        watches[topic]?.failures = failures
        watches[topic]?.failure = failure
        watches[topic]?.stage = stage
        watches[topic]?.until = now.advanced(milliseconds: Self.delay(after: failure, failures))
    }

    // MARK: - Times

    /// The delay after so many failures in a row, in milliseconds: none, then a second, doubled up to a
    /// minute.
    private static func delay(after failures: Int) -> Int {
        failures <= 0 ? 0 : min(60_000, 1_000 << min(failures - 1, 6))
    }

    /// The delay after so many failures, the last of which was `failure`. A login program is not run again
    /// and again, and a server that wants fewer requests gets fewer.
    private static func delay(after failure: KubectlFailure, _ failures: Int) -> Int {
        switch failure {
        case .unauthorized, .login, .loginVersion, .noContext, .noConfiguration, .certificate, .forbidden:
            min(300_000, 30_000 << min(failures - 1, 4))
        case .throttled: min(120_000, 10_000 << min(failures - 1, 4))
        default: delay(after: failures)
        }
    }

    // MARK: - Results

    /// The facts were not written: they are given again after so many milliseconds.
    package mutating func noteUnwritten(retry milliseconds: Int, at now: FollowTime) {
        deriving.noteUnwritten(until: now.monotonic.advanced(milliseconds: milliseconds))
    }

    /// The facts to write now; nil if the file is right, or it is too early.
    package mutating func facts(at now: FollowTime) -> ClusterFacts? {
        guard let known else { return nil }
        return deriving.facts(of: known, at: now)
    }

    /// Reads the lists once more that a large removal depends on.
    private mutating func lookAgain(_ known: ClusterSurvey, at now: MonotonicTime) {
        let lists = watches.keys.filter(\.saysNodes)
        guard deriving.beginSecondLook(at: now, Set(lists)) == .begun else { return }
        for topic in lists {
            if let watch = watches[topic], watch.stage == .watched {
                ending.append(.stop(WatchName(topic: topic, number: watch.number)))
            }
            watches[topic]?.stage = .unread
            watches[topic]?.until = now
        }
    }

    /// The names that have changed since the last call; nil if none has.
    package mutating func takeChangedNames() -> ChangedNames? {
        defer { changedNames = ChangedNames() }
        return changedNames == ChangedNames() ? nil : changedNames
    }

    /// How it is going.
    package var state: FollowState {
        if let outage { return .failing(outage) }
        if known == nil { return .starting }
        let failures = watches.sorted { $0.key.path < $1.key.path }.compactMap(\.value.failure)
        if let failure = failures.first { return .failing(failure) }
        return deriving.isDoubtful ? .doubting : .following
    }
}

extension SurveyTopic {
    /// True for lists that say which nodes there are, and which pods are on them.
    fileprivate var saysNodes: Bool {
        switch self {
        case .nodes, .calicoBlocks, .ciliumNodes: true
        default: false
        }
    }
}
