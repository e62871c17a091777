import DNSWire
import DomainNames
import IPAddressing
import Telemetry
import Time

/// The questions that servers are asked: which clients wait for which, what is sent to which server and when,
/// and which message answers what.
///
/// A state machine that only sends questions: what clients get is for the engine to decide and send.
struct QuestionsInFlight: ~Copyable {
    /// The policy.
    let policy: ForwardingPolicy
    /// The most in flight.
    let limits: EngineLimits
    /// The key of the hashes.
    private let hashKey: UInt64
    /// The questions, and the clients that wait.
    var table: TransactionTable
    /// The timers of the questions.
    var timers = TimerWheel()
    /// The state of the name servers.
    var servers: ServerSet
    /// What was asked and answered.
    var counters = EngineCounters()
    /// The labelled counters of servers.
    var meters: ServerMeters

    /// Nothing is in flight.
    init(_ policy: ForwardingPolicy, limits: EngineLimits, servers: ServerSet, hashKey: UInt64) {
        self.policy = policy
        self.limits = limits
        self.hashKey = hashKey
        self.servers = servers
        table = TransactionTable(
            mostTransactions: limits.transactions, mostWaiters: limits.waiters,
            servers: policy.servers.count, groups: policy.groups.count, hashKey: hashKey)
        meters = ServerMeters(policy)
    }

    /// What became of a question that is to be asked.
    enum Entry {
        /// It became a transaction in this slot, to which `begun` has happened.
        case begun(Int)
        /// It waits with an identical one.
        case joined
        /// There is no place for it.
        case noPlace(PlaceShortage)
        /// Under the cluster's own domain its name would pass 255 octets.
        case nameIsTooLong
    }

    /// Lets the client wait for a transaction that asks the same, or adds one.
    mutating func add(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int, view: Int
    ) -> Entry {
        var shape = QuestionShape(exchange.query, suffixStart: suffixStart)
        let skipped = policy.skippedMembers(exchange, target)
        shape.skippedMembers = skipped.places
        let recipient = exchange.recipient
        guard !hasTooMany(recipient) else { return .noPlace(.ofClient) }
        let asked = AskedQuestion(exchange.message, shape, view: view)
        let key = asked.hash(for: target, key: hashKey)
        if let slot = table.find(asked, for: target, exchange.loopMarks, key: key) {
            guard table.addWaiter(recipient, to: slot) == .admitted else { return .noPlace(.ofAll) }
            counters.joined += 1
            return .joined
        }
        if target.rewritesQuestion, suffixStart + target.mapping.inner.wire.count > maximumNameLength {
            return .nameIsTooLong
        }
        guard let slot = table.add(recipient, key: key) else { return .noPlace(.ofAll) }
        table.transactions[slot].begin(asked, for: target, exchange.loopMarks)
        if target.goesAroundPaths || skipped.places != 0 {
            table.transactions[slot].merged = MergedAnswer(skipped: skipped.reasons)
        }
        timers.grow(to: table.transactions.count)
        table.transactions[slot].start(milliseconds: limits.answerMilliseconds, at: exchange.now)
        return .begun(slot)
    }

    /// True if the client has as many questions in flight as it may.
    ///
    /// This host's own addresses are not limited: the office's resolver may run here.
    private func hasTooMany(_ recipient: Recipient) -> Bool {
        let client = recipient.path.client.address
        guard recipient.wantsReply, !client.isLoopback else { return false }
        return table.waiterCount(of: client, isAddressValidated: recipient.isAddressValidated)
            >= limits.waitersPerClient
    }

    // MARK: - Reports of sockets

    /// What a report means for one of the transactions that wait for `path`; nil if nothing.
    mutating func event(
        of report: PathReport, on path: UpstreamPath, for slot: Int, at now: MonotonicTime
    ) -> TransactionEvent? {
        switch report {
        case .failed(let failure):
            guard table.endAttempts(of: slot, by: path, .failed(failure)) > 0 else { return nil }
            // Servers close idle connections at any time: the question may have been sent just then.
            if path.transport == .tcp, failure == .closed,
                table.attempts(of: slot).timesAskedOverTCP(path.server) < 2
            {
                return .wantsRepeat(AttemptPlan(server: path.server, transport: .tcp))
            }
            if failure == .closed { blame(path.server, failure, at: now) }
            return .attemptFailed
        case .failedHere(let failure):
            let count = table.endAttempts(of: slot, by: path, .unsent(failure), isAbandoned: true)
            return count > 0 ? .unsent : nil
        case .hinted:
            let isFirst = !table.attempts(of: slot).isHinted
            table.hintAttempts(of: slot, by: path)
            return .hinted(isFirst: isFirst)
        case .distrusted:
            let count = table.endAttempts(of: slot, by: path, .distrusted, isAbandoned: true)
            return count > 0 ? .wantsTCP(server: path.server) : nil
        }
    }

    /// What a report means for the server of `path`.
    mutating func note(_ report: PathReport, on path: UpstreamPath, at now: MonotonicTime) {
        switch report {
        case .failed(.closed), .distrusted: break
        case .failed(let failure): blame(path.server, failure, at: now)
        case .failedHere: meters.count(.unsent, path.server)
        case .hinted: servers.suspectSilence(of: path.server)
        }
    }

    /// The question with `id` could not be sent by `path`: the transaction to which `unsent` has happened;
    /// nil if it is over.
    mutating func endUnsent(_ id: UInt16, over path: UpstreamPath, _ failure: LocalFailure) -> Int? {
        guard let slot = table.transaction(withID: id),
            let index = table.attempts(of: slot).place(waitingFor: id, by: path)
        else { return nil }
        meters.count(.unsent, path.server)
        table.endAttempt(index, of: slot, .unsent(failure))
        return slot
    }

    // MARK: - The end of a transaction

    /// The reply to each client of `slot`.
    ///
    /// - Parameter isLogged: True if there is a query log, which also says what was sent.
    func draft(
        _ ending: TransactionEnding, _ slot: Int, _ target: RouteTarget, isLogged: Bool, at now: MonotonicTime
    ) -> ReplyDraft {
        let elapsed = Int(now.nanoseconds(since: table.transactions[slot].started) / 1000)
        // If all servers are down, nothing was sent, and the reply leaves at once.
        let wasSent = ending.server != nil || table.transactions[slot].attemptCount > 0
        let suffixStart = table.transactions[slot].question.suffixStart
        return ReplyDraft(
            body: ending.body, source: ending.source, view: Int(table.transactions[slot].view),
            cluster: policy.groups[table.answeringGroup(of: slot, target)].number, server: ending.server,
            sent: isLogged && wasSent
                ? ReplyDraft.SentQuestion(target: target, suffixStart: suffixStart) : nil,
            microseconds: elapsed > 0 ? elapsed : nil)
    }

    /// The clients of `slot` have their reply: frees it, or listens for a late answer.
    ///
    /// - Parameter hasCache: True if a late answer would be cached.
    mutating func end(_ slot: Int, _ ending: TransactionEnding, hasCache: Bool, at now: MonotonicTime) {
        if ending.isFailure, hasCache, mayComeLate(slot) {
            let end = now.advanced(milliseconds: limits.lateMilliseconds)
            if table.keepListening(slot, atMost: limits.lateTransactions, until: end) == .begun {
                return timers.set(slot, due: end, now: now)
            }
        }
        timers.clear(slot)
        table.removeTransaction(slot)
    }

    /// True if a late answer to `slot` would be of use to the clients that come next.
    private func mayComeLate(_ slot: Int) -> Bool {
        // A member's answer alone is not that of a union.
        guard table.transactions[slot].merged == nil else { return false }
        return limits.lateMilliseconds > 0 && table.transactions[slot].loopMarks.isEmpty
            && !table.transactions[slot].isLate
    }

    /// True if `slot` was refused for lack of room, but there is room for clients with validated addresses:
    /// its clients are asked to validate theirs.
    func wouldHelpProof(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) -> Bool {
        let group = target.groups[table.transactions[slot].groupPosition]
        guard table.transactions[slot].isTurnedAway, !table.transactions[slot].isAddressValidated,
            servers.isAnswering(policy.groups[group], at: now)
        else {
            return false
        }
        return table.hasRoom(for: group, atMost: limits.transactionsPerGroup)
    }
}

/// The end of a transaction: the reply of its clients.
struct TransactionEnding {
    /// The source of the reply.
    let source: AnswerSource
    /// The content of the reply.
    var body = ReplyDraft.Body.prepared()
    /// The server that answered; nil if none did.
    var server: Int?
    /// True if no server answered in time.
    var isFailure = false
}

/// Whose places are all taken.
enum PlaceShortage {
    /// Those of the client.
    case ofClient
    /// Those of all clients, or of all without validated addresses.
    case ofAll
}

/// What happened on a path towards a server, for all questions that wait there.
package enum PathReport: Hashable, Sendable {
    /// A socket or connection reported an error: all that wait for it continue at once.
    case failed(UpstreamFailure)
    /// No attempt gets an answer, because of a local failure.
    case failedHere(LocalFailure)
    /// ICMP, which can be forged, says that no answers come: the attempts keep waiting, another server is
    /// asked at once, or the same by another socket, and a probe checks the server.
    case hinted
    /// Too many answers match no question: one of them could be right by chance, so all that wait there are
    /// asked over TCP, which can't be forged this way.
    case distrusted
}
