import DNSWire
import DomainNames
import Forwarding
import LinuxSystem
import Time

/// Decides how one name server is probed: when to ask, in which way, and what the answers mean.
///
/// While the server is well, one question over UDP with EDNS every two seconds is enough; every half second
/// if it is slow, or was a moment ago. If that gets no answer the same question is sent in every way at once,
/// and the best way that is answered becomes the server's mode.
struct ServerProbe {
    /// A way to ask the server.
    enum Way: Int, CaseIterable {
        /// Over UDP with EDNS.
        case full = 0
        /// Over UDP without EDNS.
        case withoutEDNS = 1
        /// Over TCP.
        case overTCP = 2
    }

    /// When the next round begins; during a round, when it ends at the latest.
    private(set) var due: MonotonicTime
    /// True during a round.
    private(set) var isRunning = false
    /// Rounds since the start.
    private(set) var rounds = 0
    /// True if the present or last round asks for a name that only a loop brings back.
    private(set) var isLoopRound = false

    /// When each way was asked in this round.
    private var asked: [Way: MonotonicTime] = [:]
    /// The round-trip time of each way that was answered.
    private var answered: [Way: Int64] = [:]
    /// Rounds in a row without an answer.
    private var failures = 0
    /// Until then doubts of workers have no effect.
    private var nextDoubt = MonotonicTime(nanoseconds: 0)
    /// Rounds in a row in which the server could only be reached in a worse way.
    private var worseRounds = 0
    /// Quick answers still required from a server that was slow or silent.
    private var owedAnswers = 0
    /// The last error.
    private var reason = ""
    /// The ways for which a report says that no server listens, or that the way is closed.
    private var hinted: Set<Way> = []
    /// Why a way could not be asked in, for want of something here; nil: every way was.
    private var shortage: LocalFailure?
    /// When the round began.
    private var began = MonotonicTime(nanoseconds: 0)
    /// Whether TCP works; nil before the first try.
    private var reachesTCP: Bool?

    /// Between two rounds of a quick server.
    private static let pauseMilliseconds = 2_000
    /// Between two rounds of a dead server.
    private static let pauseWhileDeadMilliseconds = 500
    /// Clients' questions go to other servers than a slow one, so only probes see that it is quick again.
    private static let pauseWhileSlowMilliseconds = 500
    /// A slower answer is slow.
    private static let slowNanoseconds: Int64 = 100_000_000
    /// Answers in a row until a server that was slow or silent counts as quick: the first one may be late for
    /// another reason, and would keep workers away for the longer pause.
    private static let answersUntilQuick = 4
    /// How long a round waits for answers.
    private static let timeoutMilliseconds = 400
    /// How long an answer may still come after every way was reported closed: such reports can be forged, and
    /// the server's answers take no longer than a real report.
    private static let hintedMilliseconds = 200
    /// Milliseconds between two doubts that are looked into.
    private static let pauseBetweenDoubts = 500
    /// TCP is tried once in so many rounds.
    private static let roundsPerTCP = 15
    /// A loop is looked for again after so many rounds, and at first after this many.
    private static let roundsPerLoopCheck = 12
    /// The first round that looks for a loop.
    private static let firstLoopCheck = 2

    init(firstAt time: MonotonicTime) {
        due = time
    }

    /// The ways to ask now, if a round is due and none is running.
    ///
    /// - Parameter isDoubted: True if a loop is to be looked for. Every other round does so: a client that
    ///   raises such doubts does not keep the server from being probed, and causes no extra probes.
    mutating func begin(isDead: Bool, isDoubted: Bool = false, at now: MonotonicTime) -> [Way] {
        guard !isRunning, now >= due else { return [] }
        isRunning = true
        rounds += 1
        isLoopRound =
            !isLoopRound && (isDoubted || rounds % Self.roundsPerLoopCheck == Self.firstLoopCheck)
        reason = "timeout"
        asked = [:]
        answered = [:]
        hinted = []
        shortage = nil
        began = now
        due = now.advanced(milliseconds: Self.timeoutMilliseconds)
        let ways: [Way] =
            isDead || failures > 0 || worseRounds > 0
            ? Way.allCases : rounds % Self.roundsPerTCP == 1 ? [.full, .overTCP] : [.full]
        for way in ways { asked[way] = now }
        return ways
    }

    /// A way got a usable answer.
    mutating func succeeded(_ way: Way, at now: MonotonicTime) {
        guard let sent = asked[way], answered[way] == nil else { return }
        answered[way] = now.nanoseconds(since: sent)
    }

    /// A way got an error.
    mutating func failed(_ way: Way, _ why: String) {
        guard asked[way] != nil, answered[way] == nil else { return }
        asked[way] = nil
        if way != .overTCP { reason = why }
        endSoonIfHinted()
    }

    /// A report says that a way is closed: the answer may still come.
    mutating func hinted(_ way: Way, _ why: String) {
        guard asked[way] != nil, answered[way] == nil else { return }
        hinted.insert(way)
        if way != .overTCP { reason = why }
        endSoonIfHinted()
    }

    /// Shortens the round if all outstanding ways were reported closed.
    private mutating func endSoonIfHinted() {
        guard !hinted.isEmpty, asked.keys.allSatisfy({ answered[$0] != nil || hinted.contains($0) })
        else { return }
        due = min(due, began.advanced(milliseconds: Self.hintedMilliseconds))
    }

    /// A way could not be asked in, for want of something here.
    mutating func failedHere(_ way: Way, _ why: LocalFailure) {
        guard asked[way] != nil, answered[way] == nil else { return }
        asked[way] = nil
        shortage = why
    }

    /// The result of a round.
    enum Verdict {
        /// How the server can be reached.
        case alive(ServerHealth.Mode, roundTrip: Int64, payloadSize: Int)
        /// Not well; it is asked again at once, in every way.
        case doubtful
        /// No answer in any way.
        case dead(String)
        /// Nothing: it could not be asked, for want of something here.
        case notAsked(LocalFailure)
    }

    /// The result of the round once it is over; nil while it runs, and without a round.
    mutating func finish(isDead: Bool, at now: MonotonicTime) -> Verdict? {
        guard isRunning, now >= due || asked.keys.allSatisfy({ answered[$0] != nil }) else { return nil }
        isRunning = false
        if asked[.overTCP] != nil || answered[.overTCP] != nil { reachesTCP = answered[.overTCP] != nil }
        let modes: [(Way, ServerHealth.Mode)] = [
            (.full, .full), (.withoutEDNS, .withoutEDNS), (.overTCP, .onlyTCP),
        ]
        for (way, mode) in modes {
            guard let roundTrip = answered[way] else { continue }
            failures = 0
            worseRounds = mode == .full ? 0 : worseRounds + 1
            if worseRounds == 1, !isDead {
                // One answer in the better way may have been lost.
                due = now
                return .doubtful
            }
            owedAnswers = roundTrip > Self.slowNanoseconds ? Self.answersUntilQuick : max(owedAnswers - 1, 0)
            due = now.advanced(
                milliseconds: owedAnswers > 0 ? Self.pauseWhileSlowMilliseconds : Self.pauseMilliseconds)
            return .alive(
                mode, roundTrip: roundTrip,
                payloadSize: reachesTCP == false ? 4096 : EDNS.advertisedPayloadSize)
        }
        if asked.isEmpty, let shortage {
            due = now.advanced(milliseconds: Self.pauseWhileDeadMilliseconds)
            return .notAsked(shortage)
        }
        failures += 1
        owedAnswers = Self.answersUntilQuick
        if failures == 1, !isDead {
            due = now
            return .doubtful
        }
        due = now.advanced(milliseconds: Self.pauseWhileDeadMilliseconds)
        return .dead(reason)
    }

    /// The server is doubted: a loop is looked for at once, unless the last round did so.
    mutating func hurryLoopCheck(at now: MonotonicTime) {
        guard !isRunning, !isLoopRound else { return }
        due = min(due, now)
    }

    /// True if workers' doubts are looked into: at most once in so many milliseconds, however often clients
    /// ask for names that the server does not find.
    func mayDoubtLife(at now: MonotonicTime) -> Bool { !isRunning && failures == 0 && now >= nextDoubt }

    /// Workers wait for an answer of the server: it is asked at once, in every way, and is dead if it answers
    /// none. Must be called only if `mayDoubtLife`.
    mutating func doubtLife(at now: MonotonicTime) {
        nextDoubt = now.advanced(milliseconds: Self.pauseBetweenDoubts)
        failures = 1
        due = min(due, now)
    }

    /// The workers gave the server up: it is asked soon, in every way.
    mutating func hurry(at now: MonotonicTime) {
        guard !isRunning else { return }
        due = min(due, now.advanced(milliseconds: Self.pauseWhileDeadMilliseconds))
    }
}
