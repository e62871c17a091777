import DNSWire
import DomainNames
import IPAddressing
import Time

/// What the members of a merged suffix or cluster set have said about one question so far. A class, so that
/// the transactions of all other questions, which are copied, have one word for it.
final class MergedAnswer {
    /// Why members are not asked, as text: no packets of the clients reach them.
    let skipped: [UInt8]

    /// The records of the members so far, each once.
    private(set) var records: [[UInt8]] = []
    /// The lowest TTL of the records.
    private(set) var ttl = UInt32.max
    /// When the first of the members was asked whose records these are.
    private(set) var asked: MonotonicTime?
    /// The place in `target.groups` of the first member with records.
    private(set) var position = 0
    /// True if a member has the name, without such data.
    var hasName = false
    /// Members of a cluster set that have denied the name.
    var denials = 0
    /// True once the members of a cluster set are asked for the names of the endpoints (SRV) in place of
    /// addresses that several of them have.
    var asksForEndpoints = false

    /// - Parameter skipped: Empty if every member may be asked.
    init(skipped: [UInt8] = []) {
        self.skipped = skipped
    }

    /// Adds the records of the member at `position`, which was asked at `time`.
    func add(_ data: [[UInt8]], ttl: UInt32, of position: Int, askedAt time: MonotonicTime) {
        if records.isEmpty { self.position = position }
        asked = min(asked ?? time, time)
        self.ttl = min(self.ttl, ttl)
        var known = Set(records)
        for record in data where known.insert(record).inserted { records.append(record) }
    }
}

/// The members of a merged suffix, or clusters for plain names, that are not asked for one client.
struct SkippedMembers {
    /// Bit n is set for the nth of the target's groups.
    var places: UInt32 = 0
    /// The reasons, as text.
    var reasons: [UInt8] = []
}

/// The next step of a question to the members of a union.
enum UnionStep {
    /// The next member is asked.
    case nextMember
    /// The prepared answer is complete.
    case complete
    /// What the members said is no answer, because one of them gave none.
    case incomplete
}

// MARK: - Members without a path

extension ForwardingPolicy {
    /// The groups of the target that are passed over for the client, since no packets of it reach them: the
    /// members of a merged suffix, and for plain names the clusters whose path says `on-down: next`.
    func skippedMembers(_ exchange: ClientExchange, _ target: RouteTarget) -> SkippedMembers {
        var skipped = SkippedMembers()
        guard gates.areBusy, target.goesAroundPaths || target.kind == .bareDomain else {
            return skipped
        }
        let client = exchange.recipient.path.client.address
        for (place, group) in target.groups.enumerated() {
            let number = groups[group].number
            let reason: ExtendedError
            switch gates.position(of: client, cluster: number) {
            case .skipped(let why): reason = why
            case .closed(let why) where target.goesAroundPaths: reason = why
            case .closed, .changing, .open: continue
            }
            skipped.places |= 1 << UInt32(place)
            if !skipped.reasons.isEmpty { skipped.reasons += Array("; ".utf8) }
            skipped.reasons += reason.text
        }
        return skipped
    }

    /// True if some members are not asked for this client: what is cached was put together from all.
    func mustAskAroundPaths(_ exchange: ClientExchange, _ route: Route?) -> Bool {
        guard case .ask(let target, _) = route else { return false }
        return skippedMembers(exchange, target).places != 0
    }
}

// MARK: - Unions

extension TransactionTable {
    /// True if no member after the current one of `slot` is asked.
    func isLastMember(_ slot: Int, _ target: RouteTarget) -> Bool {
        let skips = transactions[slot].question.skippedMembers
        let later = target.groups.indices.dropFirst(transactions[slot].groupPosition + 1)
        return later.allSatisfy { skips & 1 << UInt32($0) != 0 }
    }

    /// The group whose answer is given: of a union the first one with a part in it.
    func answeringGroup(of slot: Int, _ target: RouteTarget) -> Int {
        guard let merged = transactions[slot].merged, !merged.records.isEmpty else {
            return target.groups[transactions[slot].groupPosition]
        }
        return target.groups[merged.position]
    }

    /// Writes the joined records as the answer to the question of `slot`.
    func begin(_ prepared: inout PreparedAnswer, for slot: Int, records: [[UInt8]], ttl: UInt32) {
        prepared.begin(
            question: question(of: slot), type: transactions[slot].question.type, ttl: ttl, data: records)
    }
}
