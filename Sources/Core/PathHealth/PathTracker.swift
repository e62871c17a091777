import IPAddressing
import Inventory
import Time

/// What is known of one path, and when the next connection of its probes is due.
///
/// ```
/// unknown --answered--> up --silence, no excuse--> down --`rise` answered probes--> up
///                       up, down --own fault, or every path of the site at once--> unknown
/// ```
/// The silence is the time since the first connection that was not answered: whatever is answered ends it.
struct PathTracker {
    let path: ProbedPath
    let timing: ProbeTiming

    private(set) var state = PathState.unknown
    private(set) var since: MonotonicTime
    private(set) var cause = "no probe has been answered yet"
    private(set) var counts = PathCounts()
    private(set) var roundTrip: Int64 = 0
    private(set) var lastAnswer: MonotonicTime?
    /// True once it was up or down, or something kept it from being either.
    private var hasVerdict = false

    /// What is wrong with this host's own link, as last told.
    private(set) var hostFault: String?

    /// The open ones, the oldest first; at most `mostAttempts`.
    private var attempts: [Attempt] = []
    private var silence: Silence?
    /// Answered probes in a row while the path is down.
    private var successes = 0
    /// Since when connections can't be begun here.
    private var unsentSince: MonotonicTime?
    private var changingUntil: MonotonicTime?
    private var due: MonotonicTime
    private var judgementDue: MonotonicTime
    /// When its silence was last excused by that of all others.
    private var lastExcused: MonotonicTime?
    private var examinationDue: MonotonicTime
    private var jitter = 0
    private var nextTarget = 0
    private var lastNumber: UInt32 = 0
    /// True once a target behind the others has answered: from then on such targets alone are probed, until
    /// they are silent behind all relays.
    private(set) var hasReachedEnd = false
    /// True once it had reached such a target that then was silent behind all relays.
    private(set) var hasForgottenEnd = false
    /// True while it must not rise by what is near, since another path carries.
    var isHeldBack = false
    /// For each target how many connections in a row were not answered.
    private var misses: [Int]
    /// For each target until when it is left out, since nothing can be sent there; nil if it is not.
    private var leftOutUntil: [MonotonicTime?]
    private var lastFailure = ""
    private var told: Told?

    /// More are not open at a time, 8...32: those of the last two round trips. The oldest stays, since the
    /// kernel sends its first packet again.
    private var mostAttempts: Int {
        let milliseconds = Int(min(roundTrip, 1_000_000_000) / 1_000_000)
        return min(32, max(8, 2 * milliseconds / timing.spacing + 2))
    }

    /// Open for so long, in milliseconds: beyond the time in which the kernel sends the first packet again.
    private static let attemptLife = 2000

    /// So long a target is left out that nothing can be sent to, in milliseconds: this host may have no
    /// address of its family.
    private static let leftOut = 5000

    /// A target with so many misses in a row is silent: with a chance of 0.36 for each, once in 10^9.
    private static let silentAfter = 20

    private struct Attempt {
        let number: UInt32
        let target: Int
        let begun: MonotonicTime
    }

    private struct Silence {
        let begun: MonotonicTime
        var attempts: Int
    }

    /// What was last told of it.
    private struct Told: Equatable {
        let state: PathState
        let standing: PathStanding
        let cause: String
        let silentTargets: [Endpoint]
    }

    init(_ path: ProbedPath, at now: MonotonicTime, firstAfter milliseconds: Int) {
        self.path = path
        timing = ProbeTiming(path.settings)
        since = now
        due = now.advanced(milliseconds: milliseconds)
        judgementDue = now
        examinationDue = now
        misses = Array(repeating: 0, count: path.targets.count)
        leftOutUntil = Array(repeating: nil, count: path.targets.count)
    }

    /// The path as another configuration describes it; what was found out of `old` goes on.
    init(_ path: ProbedPath, after old: PathTracker, at now: MonotonicTime) {
        self.init(path, at: now, firstAfter: 0)
        state = old.state
        since = old.since
        cause = old.cause
        counts = old.counts
        roundTrip = old.roundTrip
        lastAnswer = old.lastAnswer
        hasVerdict = old.hasVerdict
        hasReachedEnd = old.hasReachedEnd && path.targets == old.path.targets
        hasForgottenEnd = old.hasForgottenEnd && path.targets == old.path.targets
        if hasReachedEnd { skipNearTargets() }
        changingUntil = old.changingUntil
        told = old.told
    }

    // MARK: - Time

    /// When `advance` is to be called.
    var nextDue: MonotonicTime {
        var next = due
        if let first = attempts.first { next = min(next, end(of: first)) }
        if let judgement = nextJudgement { next = min(next, judgement) }
        if let changingUntil { next = min(next, changingUntil) }
        return next
    }

    /// Sends and closes what is due.
    mutating func advance(
        at now: MonotonicTime, index: Int, random: inout some RandomNumberGenerator,
        into actions: inout [PathAction]
    ) {
        while let first = attempts.first, end(of: first) <= now {  // each turn takes one away
            drop(0, index: index, into: &actions)
        }
        if let until = changingUntil, until <= now { changingUntil = nil }
        if due <= now { connect(at: now, index: index, random: &random, into: &actions) }
        guard let silence, silence.attempts >= 3, examinationDue <= now else { return }
        examinationDue = now.advanced(milliseconds: state == .down ? 1000 : 300)
        actions.append(.examineHost(path: index, path.targets[nextTarget].endpoint))
    }

    /// The process was not running, or was late: what was not answered meanwhile says nothing.
    mutating func forgive(at now: MonotonicTime) {
        unsentSince = nil
        if silence != nil, state != .down {
            silence = nil
            due = now
        }
    }

    private mutating func connect(
        at now: MonotonicTime, index: Int, random: inout some RandomNumberGenerator,
        into actions: inout [PathAction]
    ) {
        if attempts.count >= mostAttempts { drop(1, index: index, into: &actions) }
        lastNumber &+= 1
        attempts.append(Attempt(number: lastNumber, target: nextTarget, begun: now))
        actions.append(
            .connect(AttemptID(path: index, number: lastNumber), path.targets[nextTarget].endpoint))
        chooseNextTarget(at: now)
        jitter = timing.jitter(random.next())
        let count = (silence?.attempts ?? 0) + 1
        let begun = silence?.begun ?? now
        silence = Silence(begun: begun, attempts: count)
        due = now.advanced(milliseconds: spacing(after: count, silentSince: begun, at: now))
    }

    /// Goes on to a target that something can be sent to; if there is none, each has its turn.
    private mutating func chooseNextTarget(at now: MonotonicTime) {
        let count = path.targets.count
        let inTurn = (1...count).lazy.map { [nextTarget] in (nextTarget + $0) % count }
        nextTarget = inTurn.first { canSend(to: $0, at: now) } ?? (nextTarget + 1) % count
        if hasReachedEnd { skipNearTargets() }
    }

    /// True if a target is probed, and is not left out.
    private func canSend(to target: Int, at now: MonotonicTime) -> Bool {
        guard path.targets[target].isBehindOthers || !hasReachedEnd else { return false }
        return leftOutUntil[target].map { $0 <= now } ?? true
    }

    /// Goes on to a target behind the others. Ends: there is one, since it has answered.
    private mutating func skipNearTargets() {
        while !path.targets[nextTarget].isBehindOthers { nextTarget = (nextTarget + 1) % path.targets.count }
    }

    /// From a connection to the next, in milliseconds, where it is not answered before.
    private mutating func spacing(
        after count: Int, silentSince begun: MonotonicTime, at now: MonotonicTime
    )
        -> Int
    {
        if state == .down {
            guard successes > 0 else { return timing.every / 2 + jitter / 2 }
            if count < 6 { return timing.spacing }
            successes = 0
            return timing.every / 2
        }
        guard now < verdictTime(of: begun) else { return timing.every / 2 + jitter / 2 }
        return count == 1 ? timing.firstSpacing(roundTrip: roundTrip) : timing.spacing
    }

    /// Closes the open connection at `place`, which was not answered.
    private mutating func drop(_ place: Int, index: Int, into actions: inout [PathAction]) {
        let attempt = attempts.remove(at: place)
        actions.append(.close(AttemptID(path: index, number: attempt.number)))
        miss(attempt, "no answer")
    }

    private func end(of attempt: Attempt) -> MonotonicTime {
        attempt.begun.advanced(milliseconds: Self.attemptLife)
    }

    /// Closes all that is open: nothing is learnt of it.
    mutating func closeAll(index: Int, into actions: inout [PathAction]) {
        for attempt in attempts { actions.append(.close(AttemptID(path: index, number: attempt.number))) }
        attempts = []
    }

    // MARK: - Results

    mutating func learn(
        _ result: AttemptResult, of number: UInt32, at now: MonotonicTime, index: Int,
        into actions: inout [PathAction]
    ) {
        guard let place = attempts.firstIndex(where: { $0.number == number }) else { return }
        let attempt = attempts.remove(at: place)
        leftOutUntil[attempt.target] = nil
        switch result {
        case .answered: answer(attempt, at: now)
        case .refused where path.targets[attempt.target].mayRefuse: answer(attempt, at: now)
        case .refused: miss(attempt, "connection refused")
        case .failed(let reason): miss(attempt, reason)
        case .unsent(let reason): notSent(attempt, reason, at: now)
        }
    }

    private mutating func answer(_ attempt: Attempt, at now: MonotonicTime) {
        counts.answered += 1
        misses[attempt.target] = 0
        if path.targets[attempt.target].isBehindOthers {
            if !hasReachedEnd { reachEnd() }
        } else if hasReachedEnd {
            return
        }
        learnRoundTrip(now.nanoseconds(since: attempt.begun))
        lastAnswer = now
        unsentSince = nil
        hostFault = nil
        let begun = silence?.begun ?? now
        silence = nil
        guard state == .down else {
            if state == .unknown { become(.up, "", at: now) }
            let next = begun.advanced(milliseconds: timing.every + jitter)
            due = max(timing.onGrid(next), now.advanced(milliseconds: timing.spacing))
            return
        }
        successes += 1
        due = now.advanced(milliseconds: timing.every * 3 / 4 + jitter / 2)
        guard successes >= timing.rise, !isHeldBack else { return }
        become(.up, "", at: now)
        if timing.hold > 0 { changingUntil = now.advanced(milliseconds: timing.hold) }
    }

    /// A target behind the others has answered for the first time.
    private mutating func reachEnd() {
        hasReachedEnd = true
        hasForgottenEnd = false
        for index in misses.indices where !path.targets[index].isBehindOthers { misses[index] = 0 }
        skipNearTargets()
    }

    /// A fall is believed at once, a rise slowly; a second and more is that of a packet sent again.
    private mutating func learnRoundTrip(_ sample: Int64) {
        guard roundTrip > 0 else { return roundTrip = max(1, sample) }
        guard sample < 1_000_000_000 else { return }
        roundTrip = max(1, sample < roundTrip ? sample : roundTrip + (sample - roundTrip) / 8)
    }

    private mutating func miss(_ attempt: Attempt, _ reason: String) {
        counts.missed += 1
        unsentSince = nil
        misses[attempt.target] += 1
        lastFailure = "\(path.targets[attempt.target].endpoint): \(reason)"
    }

    /// What can't be sent says nothing of the path; if it lasts, the path's state is not known any more.
    private mutating func notSent(_ attempt: Attempt, _ reason: String, at now: MonotonicTime) {
        counts.unsent += 1
        leftOutUntil[attempt.target] = now.advanced(milliseconds: Self.leftOut)
        if path.targets.indices.contains(where: { canSend(to: $0, at: now) }) {
            // What the others do not answer is a silence as before.
            silence = silence.flatMap {
                $0.attempts > 1 ? Silence(begun: $0.begun, attempts: $0.attempts - 1) : nil
            }
            due = now.advanced(milliseconds: timing.spacing)
            return
        }
        silence = nil
        due = now.advanced(milliseconds: timing.every / 2 + jitter / 2)
        let begun = unsentSince ?? now
        unsentSince = begun
        guard now.nanoseconds(since: begun) >= 1_000_000_000 else { return }
        become(.unknown, "probes can't be sent: \(reason)", at: now)
    }

    // MARK: - Verdicts

    /// True if nothing has been answered for so long, and so often, that a verdict is due.
    func isJudgementDue(at now: MonotonicTime) -> Bool {
        nextJudgement.map { $0 <= now } ?? false
    }

    private var nextJudgement: MonotonicTime? {
        guard state != .down, let silence, silence.attempts >= timing.leastAttempts else { return nil }
        return max(verdictTime(of: silence.begun), judgementDue)
    }

    /// The last connections of a silence need time for their answers.
    private func verdictTime(of begun: MonotonicTime) -> MonotonicTime {
        begun.advanced(milliseconds: timing.verdict + Int(min(roundTrip, 1_000_000_000) / 1_000_000))
    }

    /// True if it has been silent for so long that it may be down.
    func isSilent(at now: MonotonicTime) -> Bool {
        silence.map { 2 * now.nanoseconds(since: $0.begun) >= Int64(timing.verdict) * 1_000_000 } ?? false
    }

    /// - Parameter excuse: Why the silence may not be the path's fault; nil: it is.
    mutating func judge(excuse: String?, at now: MonotonicTime) {
        if let excuse {
            lastExcused = now
            judgementDue = now.advanced(milliseconds: timing.every / 2)
            become(.unknown, excuse, at: now)
        } else if let excused = lastExcused, now < excused.advanced(milliseconds: timing.verdict) {
            // A fault of all is over for one of them: the others may be answered a little later.
            judgementDue = excused.advanced(milliseconds: timing.verdict)
        } else {
            successes = 0
            become(.down, silenceWords, at: now)
        }
    }

    /// What is behind the others is silent over all relays, which is no fault of one: the others are probed
    /// as well, and what they do not answer from now on is a silence.
    mutating func forgetEnd(at now: MonotonicTime) {
        guard hasReachedEnd else { return }
        hasReachedEnd = false
        hasForgottenEnd = true
        silence = nil
        due = now
    }

    /// What was silent behind all relays answers through another one: if this one had reached it, it must
    /// again.
    mutating func expectEnd(at now: MonotonicTime) {
        guard hasForgottenEnd else { return }
        reachEnd()
        successes = 0
        silence = nil
        due = now
    }

    /// This host's own link does not work (`fault`), or does.
    mutating func noteHost(_ fault: String?, at now: MonotonicTime) {
        // What was not answered while the link was down says nothing of the path.
        if hostFault != nil, fault == nil { forgive(at: now) }
        hostFault = fault
        if state == .down, let fault { become(.unknown, fault, at: now) }
    }

    private var silenceWords: String {
        let probed = path.targets.filter { $0.isBehindOthers || !hasReachedEnd }
        let targets = probed.map { "\($0.endpoint)" }.joined(separator: ", ")
        guard !lastFailure.isEmpty, !lastFailure.hasSuffix(": no answer") else {
            return "no answer from \(targets)"
        }
        return "no answer from \(targets) (\(lastFailure))"
    }

    private mutating func become(_ next: PathState, _ cause: String, at now: MonotonicTime) {
        self.cause = cause
        guard next != state else { return }
        if state == .down {
            counts.downNanoseconds += max(0, now.nanoseconds(since: since))
        }
        if hasVerdict { counts.transitions += 1 }
        hasVerdict = true
        state = next
        since = now
        successes = 0
        changingUntil = nil
        lastFailure = ""
    }

    // MARK: - What is told

    private func standing(at now: MonotonicTime) -> PathStanding {
        if state == .down { return .down }
        return changingUntil != nil || state == .up && isSilent(at: now) ? .changing : .steady
    }

    private var silentTargets: [Endpoint] {
        guard state == .up else { return [] }
        // What is behind the others may be behind a firewall that never answers.
        return misses.indices.filter {
            misses[$0] >= Self.silentAfter && (hasReachedEnd || !path.targets[$0].isBehindOthers)
        }.map { path.targets[$0].endpoint }
    }

    func verdict(at now: MonotonicTime) -> PathVerdict {
        PathVerdict(
            path: path, state: state, standing: standing(at: now), since: since, cause: cause,
            silentTargets: silentTargets, roundTrip: roundTrip, lastAnswer: lastAnswer, counts: counts)
    }

    /// What there is to tell.
    enum News {
        /// Something has changed since the last call.
        case changed
        /// Nothing has.
        case none
    }

    /// Takes what has changed as told.
    mutating func takeNews(at now: MonotonicTime) -> News {
        let current = Told(
            state: state, standing: standing(at: now), cause: cause, silentTargets: silentTargets)
        guard current != told else { return .none }
        told = current
        return .changed
    }
}
