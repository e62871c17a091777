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

    var started = MonotonicTime(nanoseconds: 0)
    /// When the client gets an answer at the latest, good or bad.
    var deadline = MonotonicTime(nanoseconds: 0)
    /// When the current group is given up.
    var groupDeadline = MonotonicTime(nanoseconds: 0)

    /// Place in `target.groups` of the group that is asked now.
    var groupPosition = 0
    /// Questions sent so far to the current group; see `TransactionTable.subscript`.
    var attemptCount = 0
    /// The last response code by which a server of the current group declined; -1: none did.
    var lastDecline = -1

    /// True where the address of one that waits is not forged: then the places may be taken that are kept for
    /// such clients.
    var isProven = false

    /// The group that the slot counts for in `TransactionTable.enter`; -1: none.
    var countedGroup: Int32 = -1
    /// True where the current group was not asked since it has too many questions in flight.
    var isTurnedAway = false

    /// The group whose answer to another transaction's identical question is waited for, in place of asking;
    /// nil if it asks itself. See `TransactionTable.leader`.
    var followedGroup: Int32?
    /// Why the leader got no answer, once it is known; empty before.
    var leadersFailure: [UInt8] = []

    /// The marks that the question brought; ours is added on its way out.
    var loopMarks: [UInt64] = []

    /// The first group that failed, as a place in `target.groups`; -1: none did. Then a 'no' is not to be
    /// believed.
    var failedGroup = -1
    /// Why that group failed, in words; empty where none did.
    var failureText: [UInt8] = []

    static let mostAttempts = 8
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

/// One message sent to one server.
struct Attempt {
    /// The message ID, drawn at random.
    var id: UInt16 = 0
    var state = State.unused
    var usesEDNS = true
    /// True where our cookie went with it.
    var sentCookie = false
    /// True once its silence was counted as a failure of the server.
    var isBlamed = false
    /// True once ICMP said that no answer will come: then an answer is waited for all the same.
    var isHinted = false
    /// The letter case in which the name went out; nil: the client's.
    var letterCase: LetterCase?
    var path = UpstreamPath(server: 0, socket: 0, transport: .udp)
    var sent = MonotonicTime(nanoseconds: 0)

    enum State: Hashable {
        case unused
        /// An answer may still come, even after another server was asked.
        case waiting
        case failed(UpstreamFailure)
        /// Answered with a response code that is no answer to the question.
        case declined(rcode: Int)
        /// Answered with a message that is malformed or does not fit the question.
        case unusable
        /// Over UDP the answer was truncated: it is asked again over TCP.
        case truncated
        /// What came over UDP may be forged: it is asked again over TCP.
        case distrusted
        /// The question could not leave, for want of something here.
        case unsent(LocalFailure)
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
