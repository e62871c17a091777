import Synchronization
package import Time

/// The state of one name server that all workers and the prober share.
///
/// A few atomic numbers, read for every question that is asked and written when something changes.
package final class ServerHealth: Sendable {
    /// The raw value of `mode`.
    private let modeValue = Atomic<UInt8>(Mode.full.rawValue)
    /// See `roundTrip`.
    private let roundTripValue = Atomic<Int64>(0)
    /// See `payloadSize`.
    private let payloadSizeValue = Atomic<Int>(1232)
    /// See `answeredProbes`.
    private let answeredProbesValue = Atomic<Int>(0)
    /// When a question last came back.
    private let loopedAtValue = Atomic<Int64>(0)
    /// True if it is suspected to forward to us.
    private let isSuspectedValue = Atomic<Bool>(false)
    /// True if it is suspected to be silent.
    private let isSilentValue = Atomic<Bool>(false)
    /// See `keepsLetterCase`.
    private let keepsLetterCaseValue = Atomic<Bool>(false)
    /// The running check for a loop.
    fileprivate let loopTrial = LoopTrial()
    /// The names of running checks, shared with the other servers.
    private let loopNames: LoopNames
    /// See `revivedAt`.
    private let revivedAtValue = Atomic<Int64>(.min)
    /// The last failure.
    private let errorText = Mutex<String>("")
    private let unmatchedCount = Atomic<Int>(0)
    private let unmatchedAt = Atomic<Int64>(.min)

    /// How the server can be reached; each mode is worse than the one before.
    package enum Mode: UInt8, Sendable, CaseIterable {
        /// UDP with EDNS, and TCP for truncated answers.
        case full
        /// It answers over UDP only without EDNS (RFC 6891 section 6.2.2).
        case withoutEDNS
        /// It answers over TCP only: UDP is dropped on the way.
        case onlyTCP
        /// It does not answer: only probes are sent to it.
        case dead
        /// It forwards our questions back to us: only probes are sent to it.
        case looping
    }

    /// A server that is not known yet.
    ///
    /// - Parameter loopNames: Shared with the other servers.
    package init(_ loopNames: LoopNames = LoopNames()) {
        self.loopNames = loopNames
    }

    /// How it can be reached.
    package var mode: Mode { Mode(rawValue: modeValue.load(ordering: .relaxed)) ?? .dead }

    /// True if only probes may be sent to it.
    package var isDead: Bool { modeValue.load(ordering: .relaxed) >= Mode.dead.rawValue }

    /// The smoothed round-trip time of probes, in nanoseconds; 0 while none was answered.
    package var roundTrip: Int64 { roundTripValue.load(ordering: .relaxed) }

    /// The number of answered probes: shows whether one was answered since an earlier reading.
    package var answeredProbes: Int { answeredProbesValue.load(ordering: .relaxed) }

    /// When a probe last found it alive after it had been dead; questions that failed before may be
    /// asked again.
    package var revivedAt: MonotonicTime {
        MonotonicTime(nanoseconds: revivedAtValue.load(ordering: .relaxed))
    }

    /// The UDP payload size to advertise to it, in octets.
    package var payloadSize: Int { payloadSizeValue.load(ordering: .relaxed) }

    /// Why it was last found dead, or the result of its last probe; empty while there was no failure.
    package var lastError: String { errorText.withLock { $0 } }

    /// It answered a probe in this mode, at `now`.
    ///
    /// - Parameter payloadSize: The size to advertise to it: larger if truncated answers can't be asked again
    ///   over TCP.
    package func answered(
        in mode: Mode, after nanoseconds: Int64, payloadSize: Int, at now: MonotonicTime
    ) {
        if isDead { revivedAtValue.store(now.nanoseconds, ordering: .relaxed) }
        // A measurement may be too slow by chance, but never too quick: a lower one is accepted at once.
        let old = roundTrip
        let isQuicker = old == 0 || nanoseconds < old
        roundTripValue.store(isQuicker ? nanoseconds : old + (nanoseconds - old) / 4, ordering: .relaxed)
        answeredProbesValue.add(1, ordering: .relaxed)
        payloadSizeValue.store(payloadSize, ordering: .relaxed)
        modeValue.store(mode.rawValue, ordering: .relaxed)
    }

    /// A question with the mark of questions to this server came in. A client that has seen the mark can copy
    /// it: a probe checks whether the server forwards to us.
    package func suspectLoop() {
        guard !isSuspectedValue.load(ordering: .relaxed) else { return }
        isSuspectedValue.store(true, ordering: .relaxed)
    }

    /// True if its last answer to a probe repeated the letter case of the question's name; see `LetterCase`.
    package var keepsLetterCase: Bool { keepsLetterCaseValue.load(ordering: .relaxed) }

    /// Its answer to a probe repeated the letter case of the question's name, or did not.
    package func learn(keepsLetterCase: Bool) {
        guard self.keepsLetterCase != keepsLetterCase else { return }
        keepsLetterCaseValue.store(keepsLetterCase, ordering: .relaxed)
    }

    /// It owes a worker an answer, or ICMP says that it can't be reached. It may only have no answer to that
    /// question, and such reports can be forged: a probe checks it.
    package func suspectSilence() {
        guard !isSilentValue.load(ordering: .relaxed) else { return }
        isSilentValue.store(true, ordering: .relaxed)
    }

    /// The outcome of taking a suspicion.
    package enum Suspicion {
        /// There was one since the last call.
        case taken
        /// There was none.
        case none
    }

    /// Takes the suspicion that it is silent.
    package func takeSilence() -> Suspicion {
        guard isSilentValue.load(ordering: .relaxed) else { return .none }
        return isSilentValue.exchange(false, ordering: .relaxed) ? .taken : .none
    }

    /// A message came in its name that matches no question: forged, or delivered twice. It says nothing of
    /// the server, but where to look.
    package func noteUnmatched(at now: MonotonicTime) {
        unmatchedCount.add(1, ordering: .relaxed)
        unmatchedAt.store(now.nanoseconds, ordering: .relaxed)
    }

    /// How many messages came so, and when the last one did.
    package var unmatched: (count: Int, last: MonotonicTime) {
        let last = MonotonicTime(nanoseconds: unmatchedAt.load(ordering: .relaxed))
        return (unmatchedCount.load(ordering: .relaxed), last)
    }

    /// True if it is suspected, or was found to forward to us: then a probe for loops is needed.
    package var isDoubted: Bool { isSuspectedValue.load(ordering: .relaxed) || mode == .looping }

    /// A probe asks it for the name of `check` from now on; an earlier suspicion is being checked.
    package func begin(_ check: LoopCheck) {
        isSuspectedValue.store(false, ordering: .relaxed)
        let old = loopTrial.state.withLock { state in
            let old = state?.check.name
            state = (check, way: nil)
            return old
        }
        loopNames.insert(check.name, insteadOf: old, of: loopTrial)
    }

    /// A question for the name with this number came in.
    ///
    /// - Parameter way: The way by which it came, as text.
    /// - Returns: The content of the answer; nil if the probe asks for another name.
    func secret(ofName name: UInt64, way: @autoclosure () -> String) -> UInt64? {
        loopTrial.state.withLock { state in
            guard let check = state?.check, check.name == name else { return nil }
            state?.way = way()
            return check.secret
        }
    }

    /// Its answer to a probe contained our answer: it forwards to us.
    package func confirmLoop(at now: MonotonicTime) {
        guard let way = loopTrial.state.withLock({ $0?.way }) else { return }
        markLooping(way, at: now)
    }

    /// A question to it came back: it is given up until probes no longer come back.
    func markLooping(_ reason: String, at now: MonotonicTime) {
        loopedAtValue.store(now.nanoseconds, ordering: .relaxed)
        guard modeValue.exchange(Mode.looping.rawValue, ordering: .relaxed) != Mode.looping.rawValue else {
            return
        }
        errorText.withLock { $0 = reason }
    }

    /// True if a question to it came back recently: its probes are then ignored.
    ///
    /// A dead server is probed every half second, but for a loop through resolvers only now and then.
    package func isLooping(at now: MonotonicTime) -> Bool {
        guard mode == .looping else { return false }
        return now.nanoseconds - loopedAtValue.load(ordering: .relaxed) < 30_000_000_000
    }

    /// It is given up until a probe is answered.
    package func markDead(_ reason: String) {
        errorText.withLock { $0 = reason }
        modeValue.store(Mode.dead.rawValue, ordering: .relaxed)
    }
}

/// The names that probes ask for now, each with its server: a question for such a name costs one look,
/// however many servers there are.
package final class LoopNames: Sendable {
    /// The check of a server that may be gone.
    private struct Entry {
        weak var trial: LoopTrial?
    }

    /// By name.
    private let entries = Mutex<[UInt64: Entry]>([:])

    /// No names.
    package init() {}

    /// A probe asks for `name`, of `trial`, from now on, and no longer for `old`.
    fileprivate func insert(_ name: UInt64, insteadOf old: UInt64?, of trial: LoopTrial) {
        entries.withLock { entries in
            if let old {
                entries[old] = nil
            } else {
                // Servers that are gone.
                entries = entries.filter { $0.value.trial != nil }
            }
            entries[name] = Entry(trial: trial)
        }
    }

    /// The check whose probe asks for `name`; nil if none does.
    fileprivate func trial(of name: UInt64) -> LoopTrial? {
        entries.withLock { $0[name]?.trial }
    }
}

/// A question by which a probe finds out whether a server forwards to us. Both numbers are drawn anew
/// each time.
package struct LoopCheck: Hashable, Sendable {
    /// The number in the name that is asked for.
    package let name: UInt64
    /// The content of our answer to a question for the name. If the server's answer contains it, the server
    /// has asked us: a client that copies the name gets the secret itself, but cannot put it into the
    /// server's answer.
    package let secret: UInt64

    /// A check with these numbers.
    package init(name: UInt64, secret: UInt64) {
        self.name = name
        self.secret = secret
    }
}

/// The running check of one server, and the way by which its name came back, if it did.
///
/// `LoopNames` refers to it weakly. It is no part of `ServerHealth`, since the reference counts of an object
/// with weak references are several times slower, and each question needs those of its server.
private final class LoopTrial: Sendable {
    /// Nil until the first check.
    let state = Mutex<(check: LoopCheck, way: String?)?>(nil)
}

/// The health of all servers of a policy, shared by its workers and the prober.
package final class HealthBoard: Sendable {
    /// As `ForwardingPolicy.servers`.
    package let servers: [ServerHealth]

    /// True if dead servers are probed: without a prober no server is ever given up.
    package let isProbed: Bool

    /// The names of running checks.
    let loopNames: LoopNames

    /// The places in `servers`, by their checks for loops.
    private let places: [ObjectIdentifier: Int]

    /// What was missing here while servers were asked; the same for all boards of a process.
    package let shortages: LocalShortages

    /// Names outside of the schema that servers have given; the same for all boards of a process.
    let learnedNames: LearnedNames

    /// For each of `ForwardingPolicy.groups` its answer for a name that does not exist; see `noSuchName`.
    private let noSuchNames: Mutex<[[UInt8]]>

    /// A board of unknown servers.
    package init(servers count: Int, groups: Int, isProbed: Bool) {
        let loopNames = LoopNames()
        self.loopNames = loopNames
        servers = (0..<count).map { _ in ServerHealth(loopNames) }
        places = Self.places(of: servers)
        shortages = LocalShortages()
        learnedNames = LearnedNames()
        noSuchNames = Mutex(Array(repeating: [], count: groups))
        self.isProbed = isProbed
    }

    /// The board of the next policy: the state of servers and groups in both policies continues.
    package convenience init(_ change: PolicyChange, after board: HealthBoard) {
        let places = change.new.places(in: change.old)
        let servers = places.map { $0.map { board.servers[$0] } ?? ServerHealth(board.loopNames) }
        let old = board.noSuchNames.withLock { $0 }
        let names = change.groupPlaces.map { $0.map { old[$0] } ?? [] }
        self.init(servers, names, after: board)
    }

    /// The board of other servers that continues what `board` knows of the process.
    private init(_ servers: [ServerHealth], _ names: [[UInt8]], after board: HealthBoard) {
        self.servers = servers
        places = Self.places(of: servers)
        loopNames = board.loopNames
        shortages = board.shortages
        learnedNames = board.learnedNames
        noSuchNames = Mutex(names)
        isProbed = board.isProbed
    }

    private static func places(of servers: [ServerHealth]) -> [ObjectIdentifier: Int] {
        Dictionary(zip(servers.map { ObjectIdentifier($0.loopTrial) }, 0...)) { first, _ in first }
    }

    /// The place in `servers` of the server whose probe asks for the name with this number; nil if none of
    /// them does. Two looks, however many servers there are.
    func server(askedFor name: UInt64) -> Int? {
        loopNames.trial(of: name).flatMap { places[ObjectIdentifier($0)] }
    }

    /// A message that denies a name with the group's SOA, see `NameDenial`; nil while the SOA is not known.
    package func noSuchName(group: Int) -> [UInt8]? {
        noSuchNames.withLock { $0[group].isEmpty ? nil : $0[group] }
    }

    /// Stores the SOA record of a group's domain.
    ///
    /// - Parameter record: Owner, type, class, TTL, length and data, uncompressed.
    package func learnSOA(group: Int, record: [UInt8]) {
        noSuchNames.withLock { $0[group] = NameDenial.message(soa: record) }
    }
}
