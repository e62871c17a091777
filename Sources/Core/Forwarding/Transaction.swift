import DNSWire
import DomainNames
import Telemetry

/// One question in flight: asked once towards the servers, however many clients wait for it.
struct Transaction {
    /// Nil while the slot is free.
    var target: RouteTarget?

    /// Hash of what makes two questions the same; see `TransactionTable.find`.
    var key: UInt64 = 0
    /// The next slot in the same hash bucket, or the next free slot; -1 at the end.
    var next: Int32 = -1

    var view: Int32 = 0
    var question = QuestionShape()

    /// The clients that wait: a list in `TransactionTable`, the first of which brought the question.
    var firstWaiter: Int32 = -1
    var lastWaiter: Int32 = -1
    var waiterCount: Int32 = 0

    /// When it was first asked.
    private(set) var started = MonotonicTime(nanoseconds: 0)
    /// When the clients get an answer at the latest, good or bad.
    private(set) var deadline = MonotonicTime(nanoseconds: 0)
    /// When the current group is given up.
    private(set) var groupDeadline = MonotonicTime(nanoseconds: 0)

    /// Place in `target.groups` of the group that is asked now.
    private(set) var groupPosition = 0
    /// Questions sent so far to the current group; see `TransactionTable.attempts`.
    var attemptCount = 0
    /// The last response code by which a server of the current group declined; nil if none did.
    var lastDecline: ResponseCode?

    /// True if the address of one that waits is not forged: then the places may be taken that are kept for
    /// such clients.
    var isProven = false

    /// The group that the slot counts for in `TransactionTable.enter`; nil if none.
    var countedGroup: Int?
    /// True if the current group was not asked since it has too many questions in flight.
    var isTurnedAway = false

    /// The group whose answer to another transaction's identical question is waited for, in place of asking;
    /// nil if it asks itself. See `TransactionTable.leader`.
    var followedGroup: Int?
    /// Why the leader got no answer, once it is known; empty before.
    var leadersFailure: [UInt8] = []

    /// The marks that the question brought; ours is added on its way out.
    var loopMarks: [UInt64] = []

    /// The first group that failed; nil if none did. Then a 'no' is not to be believed.
    var failure: GroupFailure?

    static let mostAttempts = 8

    /// A group without an answer.
    struct GroupFailure {
        /// Place in `target.groups`.
        let position: Int
        /// Why, in words; with the reasons of later groups behind it.
        var text: [UInt8]
    }

    // MARK: - Deadlines

    /// Begins to ask: the clients get their reply within `milliseconds`.
    mutating func start(milliseconds: Int, at now: MonotonicTime) {
        started = now
        deadline = now.advanced(milliseconds: milliseconds)
    }

    /// Goes over to the group at `position` of `count`, which is waited for `milliseconds` at most: what is
    /// left of the time is shared by the groups that are left.
    mutating func enterGroup(_ position: Int, of count: Int, milliseconds: Int, at now: MonotonicTime) {
        groupPosition = position
        lastDecline = nil
        isTurnedAway = false
        let left = Int(deadline.nanoseconds(since: now) / 1_000_000)
        groupDeadline = now.advanced(milliseconds: min(milliseconds, left / (count - position)))
    }

    /// Notes why the current group failed, as far as it is told.
    mutating func noteFailure(_ text: [UInt8]) {
        guard let known = failure else {
            failure = GroupFailure(position: groupPosition, text: text)
            return
        }
        guard known.text.count < ExtendedError.maximumTextLength else { return }
        failure?.text += Array("; ".utf8) + text
    }
}

/// What is asked, apart from the name's octets.
///
/// Routing, waiting together and the cache agree on what makes two questions the same:
/// ```
/// of a question      routing              waiting together            cache
/// name, folded       suffix, target       same                        key
/// type, class        IN alone; denials    same                        key
/// client's view      target, permission   same; others follow         key
/// target, suffix     is the result        same; others follow         by the name
/// DO                 -                    same; others ask            key
/// CD                 -                    same; others ask            key
/// RD                 -                    - (always asked with RD)    -
/// trail (marks)      own mark: refused    none waits for none;        failures of questions
///                                         others follow               with marks are not cached
/// letter case, ID, EDNS size, cookie, transport: each client's own in its reply, nowhere else
/// ```
/// "Follow": another transaction that shares the leader's answer, see `TransactionTable.leader`.
struct QuestionShape: Hashable {
    /// Octets of the name as the client asked it.
    var nameLength = 0
    /// Offset in the name of the suffix that is replaced on the way out.
    var suffixStart = 0
    var type = 0
    var recordClass = 0
    var wantsDNSSEC = false
    var checkingDisabled = false

    init() {}

    init(_ query: ClientQuery, suffixStart: Int) {
        nameLength = query.question.nameLength
        self.suffixStart = suffixStart
        type = query.question.type
        recordClass = query.question.recordClass
        wantsDNSSEC = query.wantsDNSSEC
        checkingDisabled = query.checkingDisabled
    }
}

/// Where a client that waits stands in `TransactionTable`, and when it is given its reply.
struct WaiterPlace {
    let waiter: Int
    let slot: Int
    let now: MonotonicTime
}

/// One client that waits for a transaction.
struct Waiter {
    var path: ClientPath
    var terms: ReplyTerms
    /// The next waiter of the same transaction, or the next free slot; -1 at the end.
    var next: Int32 = -1
}
