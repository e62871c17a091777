import Synchronization
package import Telemetry

/// What all workers and the prober know together of one name server.
///
/// A few atomic numbers, read for every question that is asked and written when something changes.
package final class ServerHealth: Sendable {
    private let modeValue = Atomic<UInt8>(Mode.full.rawValue)
    private let roundTripValue = Atomic<Int64>(0)
    private let payloadSizeValue = Atomic<Int>(1232)
    private let answeredProbesValue = Atomic<Int>(0)
    private let loopedAtValue = Atomic<Int64>(0)
    private let isSuspectedValue = Atomic<Bool>(false)
    private let isSilentValue = Atomic<Bool>(false)
    private let keepsLetterCaseValue = Atomic<Bool>(false)
    private let loopTrial = Mutex<LoopTrial?>(nil)
    private let revivedAtValue = Atomic<Int64>(.min)
    private let errorText = Mutex<String>("")
    private let unmatchedCount = Atomic<Int>(0)
    private let unmatchedAt = Atomic<Int64>(.min)

    /// How the server can be reached; each is worse than the one before.
    package enum Mode: UInt8, Sendable, CaseIterable {
        /// UDP with EDNS, and TCP for what is truncated.
        case full
        /// It answers over UDP without EDNS alone (RFC 6891 section 6.2.2).
        case withoutEDNS
        /// It answers over TCP alone: something on the way drops UDP.
        case onlyTCP
        /// It does not answer: only probes are sent to it.
        case dead
        /// It forwards our questions back to us: only probes are sent to it.
        case looping
    }

    package init() {}

    package var mode: Mode { Mode(rawValue: modeValue.load(ordering: .relaxed)) ?? .dead }

    /// True where only probes are to be sent to it.
    package var isDead: Bool { modeValue.load(ordering: .relaxed) >= Mode.dead.rawValue }

    /// The round-trip time that probes saw, smoothed, in nanoseconds; 0 while none was answered.
    package var roundTrip: Int64 { roundTripValue.load(ordering: .relaxed) }

    /// Probes answered so far: tells one that was answered since from those before.
    package var answeredProbes: Int { answeredProbesValue.load(ordering: .relaxed) }

    /// When a probe last found it alive after it had been dead; what was asked in vain before is to be asked
    /// again.
    package var revivedAt: MonotonicTime {
        MonotonicTime(nanoseconds: revivedAtValue.load(ordering: .relaxed))
    }

    /// The UDP payload size to advertise to it, in octets.
    package var payloadSize: Int { payloadSizeValue.load(ordering: .relaxed) }

    /// Why it was last found dead, or what its last probe said; empty while nothing went wrong.
    package var lastError: String { errorText.withLock { $0 } }

    /// It answered a probe in this mode, at `now`.
    ///
    /// - Parameter payloadSize: What to advertise to it: more where truncated answers can't be asked again
    /// over TCP.
    /// - Returns: True where it was dead before, or in another mode.
    @discardableResult
    package func answered(
        in mode: Mode, after nanoseconds: Int64, payloadSize: Int, at now: MonotonicTime
    ) -> Bool {
        if isDead { revivedAtValue.store(now.nanoseconds, ordering: .relaxed) }
        // It may seem slow for a moment, but never quicker than it is: a fall is believed at once.
        let old = roundTrip
        let isQuicker = old == 0 || nanoseconds < old
        roundTripValue.store(isQuicker ? nanoseconds : old + (nanoseconds - old) / 4, ordering: .relaxed)
        answeredProbesValue.add(1, ordering: .relaxed)
        payloadSizeValue.store(payloadSize, ordering: .relaxed)
        return modeValue.exchange(mode.rawValue, ordering: .relaxed) != mode.rawValue
    }

    /// A question came in that bears the mark of those to it. Whoever has seen one can copy the mark: a probe
    /// finds out whether the server forwards to us.
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

    /// It owes a worker an answer, or something on the way says that it can't be reached. It may just not
    /// know an answer to that question, and such reports can be forged: a probe finds out.
    package func suspectSilence() {
        guard !isSilentValue.load(ordering: .relaxed) else { return }
        isSilentValue.store(true, ordering: .relaxed)
    }

    /// True where it was suspected since the last call.
    package func takeSilence() -> Bool {
        isSilentValue.load(ordering: .relaxed) && isSilentValue.exchange(false, ordering: .relaxed)
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

    /// True where it is suspected, or was found to forward to us: then a loop is to be looked for.
    package var isDoubted: Bool { isSuspectedValue.load(ordering: .relaxed) || mode == .looping }

    /// A probe asks it for the name of `check` from now on; what was suspected before is being looked into.
    package func begin(_ check: LoopCheck) {
        isSuspectedValue.store(false, ordering: .relaxed)
        loopTrial.withLock { $0 = LoopTrial(check: check, way: nil) }
    }

    /// A question for the name with this number came in.
    ///
    /// - Parameter way: How it came, in words.
    /// - Returns: What the answer is to say; nil where the probe asks for another name.
    func secret(ofName name: UInt64, way: @autoclosure () -> String) -> UInt64? {
        loopTrial.withLock { trial in
            guard let check = trial?.check, check.name == name else { return nil }
            trial?.way = way()
            return check.secret
        }
    }

    /// Its answer to a probe held what we had answered: it forwards to us.
    package func confirmLoop(at now: MonotonicTime) {
        guard let way = loopTrial.withLock({ $0?.way }) else { return }
        markLooping(way, at: now)
    }

    /// A question to it came back: it is given up until probes come back no more.
    func markLooping(_ reason: String, at now: MonotonicTime) {
        loopedAtValue.store(now.nanoseconds, ordering: .relaxed)
        guard modeValue.exchange(Mode.looping.rawValue, ordering: .relaxed) != Mode.looping.rawValue else {
            return
        }
        errorText.withLock { $0 = reason }
    }

    /// True where a question to it came back lately: what its probes say does not count.
    ///
    /// A dead server is probed every half second, but for a loop through resolvers only now and then.
    package func isLooping(at now: MonotonicTime) -> Bool {
        guard mode == .looping else { return false }
        return now.nanoseconds - loopedAtValue.load(ordering: .relaxed) < 30_000_000_000
    }

    /// It is given up until a probe is answered. True where that is news.
    @discardableResult
    package func markDead(_ reason: String) -> Bool {
        errorText.withLock { $0 = reason }
        return modeValue.exchange(Mode.dead.rawValue, ordering: .relaxed) != Mode.dead.rawValue
    }
}

/// A question by which a probe finds out whether a server forwards to us. Both numbers are drawn anew each
/// time.
package struct LoopCheck: Hashable, Sendable {
    /// Stands in the name that is asked for.
    package let name: UInt64
    /// Stands in the answer that we give to who asks us for the name. Where the server's answer has it, the
    /// server has asked us: somebody who saw the name, and copies it, gets the secret himself and no further.
    package let secret: UInt64

    package init(name: UInt64, secret: UInt64) {
        self.name = name
        self.secret = secret
    }
}

/// A check that is on, and the way by which its name came back, if it did.
private struct LoopTrial {
    let check: LoopCheck
    var way: String?
}

/// The health of all servers of a policy, shared by its workers and the prober.
package final class HealthBoard: Sendable {
    /// As `ForwardingPolicy.servers`.
    package let servers: [ServerHealth]

    /// True where somebody probes dead servers: without a prober nobody is ever given up.
    package let isProbed: Bool

    /// What was missing here while servers were asked; the same for all boards of a process.
    package let shortages: LocalShortages

    /// For each of `ForwardingPolicy.groups` what it says of a name that it does not have; see `noSuchName`.
    private let noSuchNames: Mutex<[[UInt8]]>

    package init(servers count: Int, groups: Int, isProbed: Bool) {
        servers = (0..<count).map { _ in ServerHealth() }
        shortages = LocalShortages()
        noSuchNames = Mutex(Array(repeating: [], count: groups))
        self.isProbed = isProbed
    }

    /// The board of the policy that takes the old one's place: what is known of the servers and groups that
    /// they have in common goes on.
    package convenience init(_ change: PolicyChange, after board: HealthBoard) {
        let places = change.new.places(in: change.old)
        let servers = places.map { $0.map { board.servers[$0] } ?? ServerHealth() }
        let old = board.noSuchNames.withLock { $0 }
        let names = change.groupPlaces.map { $0.map { old[$0] } ?? [] }
        self.init(servers, names, board.shortages, isProbed: board.isProbed)
    }

    private init(
        _ servers: [ServerHealth], _ names: [[UInt8]], _ shortages: LocalShortages, isProbed: Bool
    ) {
        self.servers = servers
        self.shortages = shortages
        noSuchNames = Mutex(names)
        self.isProbed = isProbed
    }

    /// A message that denies a name with the group's SOA, see `NameDenial`; nil while the SOA is not known.
    package func noSuchName(group: Int) -> [UInt8]? {
        noSuchNames.withLock { $0[group].isEmpty ? nil : $0[group] }
    }

    /// Learns the SOA record of a group's domain.
    ///
    /// - Parameter record: Owner, type, class, TTL, length and data, uncompressed.
    package func learnSOA(group: Int, record: [UInt8]) {
        noSuchNames.withLock { $0[group] = NameDenial.message(soa: record) }
    }
}
