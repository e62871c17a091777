import DNSWire
import DomainNames
import Time

/// One question in flight: sent to servers once, however many clients wait for it.
struct Transaction {
    /// Nil while the slot is free.
    var target: RouteTarget? { isFree ? nil : lastTarget }
    /// True while the slot is free.
    private(set) var isFree = true
    /// The target, also of the last transaction while the slot is free: the next one usually has the same,
    /// and needs no reference counts for it. Counting at the end of a transaction waits for all that was
    /// written before, such as the place of its message ID.
    private var lastTarget: RouteTarget?

    /// Hash of the parts that identify a question; see `TransactionTable.find`.
    var key: UInt64 = 0
    /// The next slot in the same hash bucket, or the next free slot; -1 at the end.
    var next: Int32 = -1

    /// The view of its clients.
    var view: Int32 = 0
    /// The question.
    private(set) var question = QuestionShape()
    /// Octets of the name that servers are asked for.
    private(set) var sentNameLength = 0
    /// True if this name has the cluster's own suffix in place of the client's.
    private(set) var isRewritten = false

    /// The clients that wait: a list in `TransactionTable`, the first of which brought the question.
    var firstWaiter: Int32 = -1
    /// The last of the waiting clients.
    var lastWaiter: Int32 = -1
    /// The number of waiting clients.
    var waiterCount: Int32 = 0

    /// When it was first asked.
    private(set) var started = MonotonicTime(nanoseconds: 0)
    /// When the clients get a reply at the latest.
    private(set) var deadline = MonotonicTime(nanoseconds: 0)
    /// When the current group is given up.
    private(set) var groupDeadline = MonotonicTime(nanoseconds: 0)

    /// Place in `target.groups` of the group that is asked now.
    private(set) var groupPosition = 0
    /// Questions sent so far to the current group; see `TransactionTable.attempts`.
    var attemptCount = 0
    /// The last response code by which a server of the current group declined; nil if none did.
    var lastDecline: ResponseCode?

    /// True if a waiting client has a validated address: then the reserve for such clients may be used.
    var isAddressValidated = false

    /// The group in which the slot is counted; see `TransactionTable.enter`; nil if none.
    var countedGroup: Int?
    /// True if the current group was not asked since it has too many questions in flight.
    var isTurnedAway = false

    /// True if the current group was given the rest of the client's time; see
    /// `QuestionsInFlight.groupTimeIsOver`.
    var isExtended = false

    /// The group from which another transaction's answer to the same question is awaited instead of asking;
    /// nil if it asks itself. See `TransactionTable.leader`.
    var followedGroup: Int?
    /// Why the leader got no answer, once it is known; empty before.
    var leadersFailure: [UInt8] = []

    /// The marks in the client's question; ours is added when it is sent.
    var loopMarks: [UInt64] = []

    /// The first group that failed; nil if none did. Then a negative answer is not final.
    var failure: GroupFailure?

    /// Of a merged suffix what its members have said; nil for others.
    var merged: MergedAnswer?

    /// True once the clients were told that there is no answer: what still comes is cached for the next ones.
    var isLate = false

    /// The most attempts towards one group.
    static let mostAttempts = 8

    /// A group without an answer.
    struct GroupFailure {
        /// Place in `target.groups`.
        let position: Int
        /// The reason as text, followed by those of later groups.
        var text: [UInt8]
    }

    /// A new transaction begins in a free slot: everything is as in a new one but the last target.
    ///
    /// Field by field, since most transactions have nothing that needs a reference count.
    mutating func reset(key: UInt64, isAddressValidated: Bool) {
        self.key = key
        self.isAddressValidated = isAddressValidated
        (firstWaiter, lastWaiter, waiterCount) = (-1, -1, 0)
        (groupPosition, attemptCount, lastDecline) = (0, 0, nil)
        (countedGroup, followedGroup) = (nil, nil)
        (isTurnedAway, isExtended, isLate) = (false, false, false)
        if !leadersFailure.isEmpty { leadersFailure = [] }
        if !loopMarks.isEmpty { loopMarks = [] }
        if failure != nil { failure = nil }
        if merged != nil { merged = nil }
    }

    /// The transaction asks for what `asked` says: the slot is no longer free.
    ///
    /// - Parameter marks: Those in the client's question.
    mutating func begin(_ asked: AskedQuestion, for target: RouteTarget, _ marks: [UInt64]) {
        if lastTarget !== target { lastTarget = target }
        isFree = false
        view = Int32(asked.view)
        question = asked.shape
        isRewritten = target.rewritesQuestion
        sentNameLength =
            isRewritten ? asked.shape.suffixStart + target.mapping.inner.wire.count : asked.shape.nameLength
        if !marks.isEmpty { loopMarks = marks }
    }

    /// True if this is its target.
    func isOf(_ target: RouteTarget) -> Bool { !isFree && lastTarget === target }

    /// The transaction is over.
    mutating func end() { isFree = true }

    /// One more client waits; its place is the last one's.
    mutating func addWaiter(_ place: Int32, isAddressValidated: Bool) {
        if firstWaiter < 0 { firstWaiter = place }
        lastWaiter = place
        waiterCount += 1
        if isAddressValidated { self.isAddressValidated = true }
    }

    // MARK: - Deadlines

    /// Starts the clock: the clients get their reply within `milliseconds`.
    mutating func start(milliseconds: Int, at now: MonotonicTime) {
        started = now
        deadline = now.advanced(milliseconds: milliseconds)
    }

    /// Enters the group at `position` of `count`, for `milliseconds` at most: the remaining time is shared by
    /// the remaining groups.
    mutating func enterGroup(_ position: Int, of count: Int, milliseconds: Int, at now: MonotonicTime) {
        groupPosition = position
        lastDecline = nil
        isTurnedAway = false
        isExtended = false
        let left = Int(deadline.nanoseconds(since: now) / 1_000_000)
        groupDeadline = now.advanced(milliseconds: min(milliseconds, left / (count - position)))
    }

    /// The current group, the last one, has until the clients get their reply.
    mutating func extendGroup() {
        isExtended = true
        groupDeadline = deadline
    }

    /// The clients have been told; what comes until `end` is cached.
    mutating func becomeLate(until end: MonotonicTime) {
        isLate = true
        groupDeadline = end
        // The group's own failure is over once its answer comes; an earlier group's is not.
        if failure?.position == groupPosition { failure = nil }
    }

    /// Why groups have no part in the answer, as text; empty if all have.
    var reasons: [UInt8] {
        let failed = failure?.text ?? []
        guard let skipped = merged?.skipped, !skipped.isEmpty else { return failed }
        return failed.isEmpty ? skipped : failed + Array("; ".utf8) + skipped
    }

    /// Records why the current group failed, as far as it is shown.
    mutating func noteFailure(_ text: [UInt8]) {
        guard let known = failure else {
            failure = GroupFailure(position: groupPosition, text: text)
            return
        }
        guard known.text.count < ExtendedError.maximumTextLength else { return }
        failure?.text += Array("; ".utf8) + text
    }
}

/// The question without the octets of the name.
///
/// Routing, waiting together and the cache use the same definition of identical questions:
/// ```
/// of a question      routing              waiting together            cache
/// name, folded       suffix, target       same                        key
/// type, class        IN alone; denials    same                        key
/// client's view      target, permission   same; others follow         key
/// target, suffix     is the result        same; others follow         by the name
/// DO                 -                    same; others ask            key
/// CD                 -                    same; others ask            key
/// RD                 -                    - (always asked with RD)    -
/// paths down         some: passed over    same; others follow         not cached
/// trail (marks)      own mark: refused    only with its equal;        failures of questions
///                                         others follow               with marks are not cached
/// letter case, ID, EDNS size, cookie, transport: only in each client's own reply
/// ```
/// "Follow": another transaction that shares the leader's answer, see `TransactionTable.leader`.
struct QuestionShape: Hashable {
    /// Octets of the name as the client asked it.
    var nameLength = 0
    /// Offset in the name of the suffix that is replaced on the way out.
    var suffixStart = 0
    /// The type.
    var type = 0
    /// The class.
    var recordClass = 0
    /// The DO bit.
    var wantsDNSSEC = false
    /// The CD bit.
    var checkingDisabled = false
    /// The groups that are passed over: bit n for the nth of the target's groups; see `SkippedMembers`.
    var skippedMembers: UInt32 = 0

    /// An empty question.
    init() {}

    /// The question of `query`.
    init(_ query: ClientQuery, suffixStart: Int) {
        nameLength = query.question.nameLength
        self.suffixStart = suffixStart
        type = query.question.type
        recordClass = query.question.recordClass
        wantsDNSSEC = query.wantsDNSSEC
        checkingDisabled = query.checkingDisabled
    }
}

/// The place of a waiting client in `TransactionTable`, and the time of its reply.
struct WaiterPlace {
    /// Index of the waiter.
    let waiter: Int
    /// Index of its transaction.
    let slot: Int
    /// The time.
    let now: MonotonicTime
}

/// One client that waits for a transaction.
struct Waiter {
    /// The client, and the socket of the reply.
    var path: ClientPath
    /// The form of the reply.
    var terms: ReplyTerms
    /// The client's key in `TransactionTable.load`.
    let loadKey: UInt64
    /// The next waiter of the same transaction, or the next free slot; -1 at the end.
    var next: Int32 = -1
}
