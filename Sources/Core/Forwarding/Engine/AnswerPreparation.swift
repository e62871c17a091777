import AnswerCache
import DNSWire
import DomainNames
import IPAddressing
import Telemetry
import Time

/// Prepares what clients are answered: from a server's message, from what several members have said, from the
/// cache, or from the reasons why there is no answer.
///
/// Nothing is sent here: `prepared` is the answer, and a `TransactionEnding` says how it is given.
struct AnswerPreparation: ~Copyable {
    /// The policy.
    let policy: ForwardingPolicy
    /// The servers' health and the names that they have given.
    let board: HealthBoard
    /// The key of the hashes of learned names, the same for all workers.
    let nameKey: UInt64
    /// The answer that is being given.
    var prepared = PreparedAnswer()
    /// Room for a second answer, while `prepared` is filled from the cache.
    var scratch = PreparedAnswer()
    /// Maps the names of answers.
    var mapper = AnswerMapper()
    /// The shared cache.
    var cache: CacheAccess
    /// Recent failures of questions.
    var failures = FailureTable()
    /// What became of answers, and which answers were given.
    var counters = EngineCounters()

    /// Nothing is prepared.
    init(_ policy: ForwardingPolicy, _ board: HealthBoard, cache: CacheAccess, nameKey: UInt64) {
        self.policy = policy
        self.board = board
        self.cache = cache
        self.nameKey = nameKey
    }

    /// What an answer means for one transaction.
    enum Outcome {
        /// The clients get this.
        case ending(TransactionEnding)
        /// The next group is asked.
        case asksNextGroup
        /// The same group is asked for the names of the endpoints.
        case asksForEndpoints
        /// It can't be read: another server is asked.
        case malformed
        /// The transaction is over, or has nothing to do with it.
        case none
    }

    // MARK: - A server's answer

    /// Maps an answer to the question of `slot`, unless the next group is asked because it says that there is
    /// no such name.
    mutating func prepare(
        _ answer: ServerAnswer, for slot: Int, of target: RouteTarget, in flight: inout QuestionsInFlight,
        at now: MonotonicTime
    ) -> Outcome {
        if answer.isNameError, target.kind != .clusterSet,
            flight.table.transactions[slot].groupPosition + 1 < target.groups.count
        {
            return .asksNextGroup
        }
        flight.learnEDNS(from: answer, slot, at: now)
        do throws(MappingError) {
            let terms = policy.answerTerms(target, flight.table.transactions[slot].groupPosition)
            try flight.table.map(answer, to: slot, terms, with: &mapper, into: &prepared)
        } catch .wire {
            guard let place = answer.attempt else { return .malformed }
            counters.malformed += 1
            flight.meters.count(.malformed, answer.server)
            flight.table.endAttempt(place, of: slot, .unusable)
            return .malformed
        } catch {
            counters.malformed += 1
            flight.meters.count(.malformed, answer.server)
            let reason = ExtendedError(.other, Self.explain(error, target))
            return .ending(withhold(slot, target, because: reason, in: flight, at: now))
        }
        flight.meters.count(.answered, answer.server)
        counters.droppedRecords += mapper.droppedRecords
        prepared.equalizeTTLs()
        switch addressVerdict(slot, target, in: flight.table) {
        case .fine: break
        case .straying: flight.meters.count(.straying, answer.server)
        case .rebinding:
            counters.blocked += Int(flight.table.transactions[slot].waiterCount)
            return .ending(withhold(slot, target, because: Refusals.rebinding, in: flight, at: now))
        case .awaited where target.union != nil:
            return withoutMember(slot, target, because: Refusals.awaited, in: &flight, at: now)
        case .awaited:
            return .ending(withhold(slot, target, because: Refusals.awaited, in: flight, at: now))
        }
        switch resolveOwners(slot, target, in: &flight.table) {
        case .resolved: break
        case .endpointsWanted: return .asksForEndpoints
        case .unknown:
            return .ending(withhold(slot, target, because: Refusals.sharedEndpoint, in: flight, at: now))
        }
        learnNames(slot, target, in: flight.table)
        return joined(answer, to: slot, target, in: &flight, at: now)
    }

    /// Joins the prepared answer with those of the members before.
    mutating func joined(
        _ answer: ServerAnswer, to slot: Int, _ target: RouteTarget, in flight: inout QuestionsInFlight,
        at now: MonotonicTime
    ) -> Outcome {
        switch join(slot, target, in: &flight.table, askedAt: answer.sent) {
        case .nextMember: .asksNextGroup
        case .complete:
            .ending(complete(slot, target, after: answer.origin, in: &flight, at: now))
        case .incomplete: .ending(fail(slot, target, with: .serverFailure, in: flight, at: now))
        }
    }

    /// Completes the prepared answer for the clients of `slot`, and caches it.
    ///
    /// - Parameter answer: The server that answered last; nil if none has.
    mutating func complete(
        _ slot: Int, _ target: RouteTarget, after answer: AnswerOrigin?,
        in flight: inout QuestionsInFlight, at now: MonotonicTime
    ) -> TransactionEnding {
        let reasons = flight.table.reasons(of: slot)
        if !reasons.isEmpty {
            // A failed cluster is not a negative answer: the others' NXDOMAIN is not valid for all.
            let isAgreed = (flight.table.transactions[slot].merged?.denials ?? 0) > 1
            guard !prepared.isNameError || isAgreed else {
                return fail(slot, target, with: .serverFailure, in: flight, at: now)
            }
            let isJoined = flight.table.transactions[slot].merged?.records.isEmpty == false
            let isOfNext =
                target.kind == .bareDomain && flight.table.transactions[slot].question.skippedMembers != 0
            let code: ExtendedError.Code = isJoined || isOfNext ? .synthesized : .networkError
            prepared.extendedError = ExtendedError(code: code.rawValue, text: reasons)
        }
        if prepared.isNameError, prepared.extendedError == nil, target.kind == .clusterSuffix {
            let hint = cache.alternative(
                to: prepared, cachePlace(of: slot, target, in: flight.table), by: policy)
            prepared.extendedError = hint
        }
        let sent = flight.table.transactions[slot].merged?.asked ?? answer?.sent ?? now
        // A server that was also asked and is silent for longer than usual has failed.
        flight.blameSilence(slot, longerThan: nil, at: now)
        if cache.cache != nil, flight.table.transactions[slot].question.skippedMembers == 0 {
            cache.store(&prepared, cachePlace(of: slot, target, in: flight.table), askedAt: sent)
        }
        counters.answered += Int(flight.table.transactions[slot].waiterCount)
        // Whole seconds on the way are counted, so that a late answer is valid no longer for waiting clients.
        let age = UInt32(clamping: now.seconds(since: sent))
        return TransactionEnding(source: .miss, body: .prepared(.age(age)), server: answer?.server)
    }

    /// The reason of a mapping error, as text.
    private static func explain(_ error: MappingError, _ target: RouteTarget) -> String {
        switch error {
        case .wire(let error): "the answer is malformed: \(error)"
        case .nameWouldExceedLimit(let name):
            "under \(target.answerNames.outer) a name in the answer would take more than 255 octets: "
                + ((try? DomainName(wire: name))?.description ?? "")
        }
    }

    /// Checks whether the addresses of the prepared answer to `slot` may be sent.
    private func addressVerdict(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable
    ) -> AddressVerdict {
        if target.kind != .upstream, prepared.isAwaited(by: policy) { return .awaited }
        switch target.kind {
        case .upstream: return prepared.leadsInside(policy) ? .rebinding : .fine
        // Its addresses are any, or those of other members.
        case .privateZone, .clusterSet: return .fine
        case .clusterSuffix, .bareDomain, .merged, .reverse:
            let group = target.groups[table.transactions[slot].groupPosition]
            return prepared.strays(from: policy.groups[group].addresses) ? .straying : .fine
        }
    }

    /// Remembers the names in the data of the prepared answer of the current group of `slot` that the schema
    /// does not have. Most answers begin with an address, and have none.
    private func learnNames(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable
    ) {
        guard target.kind != .upstream, prepared.marks.count > 0, Self.hasNameInData(prepared.marks[0])
        else { return }
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]].number
        for index in 0..<prepared.marks.count {
            let mark = prepared.marks[index]
            // Behind the TTL's offset stand TTL and length; in SRV priority, weight and port come first.
            let start: Int
            switch Int(mark.type) {
            case RecordType.cname, RecordType.ptr: start = Int(mark.ttlOffset) + 6
            case RecordType.srv: start = Int(mark.ttlOffset) + 12
            default: continue
            }
            var end = 0
            guard let name = try? FlatName(in: prepared.octets.span, at: start, end: &end),
                let suffixStart = policy.startOfKubernetesSuffix(name.octets.span),
                !policy.schema.canExist(name.octets.span, suffixStart: suffixStart)
            else { continue }
            board.learnedNames.insert(
                name.octets.span.extracting(first: suffixStart), group: group, key: nameKey)
        }
    }

    /// True for the types whose names in the data are learned.
    private static func hasNameInData(_ mark: RecordMark) -> Bool {
        switch Int(mark.type) {
        case RecordType.cname, RecordType.ptr, RecordType.srv: true
        default: false
        }
    }

    /// The key under which the answer to `slot` is cached.
    func cachePlace(
        of slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable
    ) -> CacheAccess.Place {
        let group = policy.groups[table.answeringGroup(of: slot, target)]
        return CacheAccess.Place(
            shape: table.transactions[slot].question, view: Int(table.transactions[slot].view),
            limits: target.cacheLimits, owner: UInt16(clamping: group.number),
            isAfterFailure: table.transactions[slot].failure != nil)
    }
}
