import IPAddressing
import Time

/// The state of one name server in one worker.
struct ServerState {
    /// Smoothed round-trip time and its mean deviation, in nanoseconds (RFC 6298 section 2); 0 until the
    /// first answer.
    private(set) var roundTrip: Int64 = 0
    /// The mean deviation.
    private var deviation: Int64 = 0

    /// Failures since the last answer.
    private(set) var failures = 0

    /// Until this time other servers are preferred; see `penalty`.
    private(set) var avoidedUntil = MonotonicTime(nanoseconds: 0)

    /// The value of `ServerHealth.answeredProbes` at the last reading.
    private var answeredProbes = 0

    /// True if a probe was answered later than a question of this worker.
    private(set) var isProbedSince = false

    /// The mark in each question to it, so that we recognise one that comes back; see `LoopTrail`.
    let mark: UInt64
    /// The cookies between us and the server.
    var cookie: UpstreamCookie

    /// A server that was not asked yet.
    init(_ server: Endpoint, mark: UInt64, _ identity: ProcessIdentity) {
        self.mark = mark
        cookie = UpstreamCookie(client: identity.clientCookie(for: server))
    }

    /// Until this time it is asked without EDNS.
    private var withoutEDNSUntil = MonotonicTime(nanoseconds: 0)

    /// It answered after this time.
    mutating func answered(after nanoseconds: Int64) {
        forgive()
        isProbedSince = false
        guard roundTrip > 0 else {
            roundTrip = max(nanoseconds, 1)
            deviation = nanoseconds / 2
            return
        }
        deviation += (abs(nanoseconds - roundTrip) - deviation) / 4
        roundTrip = max(roundTrip + (nanoseconds - roundTrip) / 8, 1)
    }

    /// It failed.
    mutating func failed(at now: MonotonicTime) {
        failures = min(failures + 1, 16)
        avoidedUntil = now.advanced(milliseconds: penalty)
    }

    /// True once it has answered a question with EDNS.
    private var knowsEDNS = false
    /// Questions in a row that it declined with EDNS and answered without.
    private var refusals = 0

    /// It declined a question with EDNS and answered the same one without: it is asked without EDNS for ten
    /// seconds, since it may be replaced by one that supports EDNS.
    ///
    /// A server that has shown support for EDNS loses DO, cookies and loop marks only after several such
    /// questions: the cause may be one name.
    mutating func learnRefusal(ofEDNSAt now: MonotonicTime) {
        refusals += 1
        guard !knowsEDNS || refusals >= Self.refusalsUntilBelieved else { return }
        knowsEDNS = false
        refusals = 0
        withoutEDNSUntil = now.advanced(milliseconds: 10_000)
    }

    /// Questions until a server with EDNS support counts as one without.
    private static let refusalsUntilBelieved = 3

    /// It answered a question with EDNS, ours or a probe's.
    mutating func learnEDNS() {
        knowsEDNS = true
        refusals = 0
        withoutEDNSUntil = MonotonicTime(nanoseconds: 0)
    }

    /// True if it is asked without EDNS.
    func refusesEDNS(at now: MonotonicTime) -> Bool { now < withoutEDNSUntil }

    /// Takes over the results of probes: one answered since cancels earlier failures.
    ///
    /// The probe's round-trip time shows how slow the server is now.
    ///
    /// - Parameter isFull: True if the last one was answered with EDNS.
    mutating func notice(answeredProbes count: Int, isFull: Bool = false) {
        guard count != answeredProbes else { return }
        answeredProbes = count
        isProbedSince = true
        if isFull { learnEDNS() }
        forgive()
    }

    /// Clears its failures.
    private mutating func forgive() {
        failures = 0
        avoidedUntil = MonotonicTime(nanoseconds: 0)
    }

    /// True if other servers are preferred.
    func isAvoided(at now: MonotonicTime) -> Bool { now < avoidedUntil }

    /// About the time within which 95 of 100 answers come, in milliseconds, 10...400: after it a second
    /// server is asked too.
    var usualMilliseconds: Int {
        guard roundTrip > 0 else { return 400 }
        return Int(min(max((roundTrip + 4 * deviation) / 1_000_000, 10), 400))
    }

    /// Half a second after the first failure, doubling up to four seconds, in milliseconds.
    private var penalty: Int { min(500 << (failures - 1), 4_000) }
}
