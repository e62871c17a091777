import DNSWire

/// What has happened to a question in flight.
enum TransactionEvent {
    /// The transaction has just started.
    case begun
    /// The newest attempt was silent for too long, or the time of the group or of the client is over.
    case timerFired
    /// An attempt has ended without an answer: another server may have one.
    case attemptFailed
    /// A server must be asked once more, in another way.
    case wantsRepeat(AttemptPlan)
    /// This server's answer over UDP can't be used, or is truncated.
    case wantsTCP(server: Int)
    /// ICMP says that no answer will come, for the first time or again.
    case hinted(isFirst: Bool)
    /// The question could not be sent because of a local failure.
    case unsent
    /// The current group says that there is no such name, or has a part of the answer, and is not the
    /// last one.
    case groupAnswered
    /// The current group has the name, and is asked for the names of its endpoints.
    case endpointsWanted
    /// The transaction that was followed got no answer.
    case leaderFailed
    /// The time of the group is over, and there is no expired answer for the clients: they wait longer.
    case timeExtended
    /// The time of the group is over, and there is an expired answer for the clients.
    case expiredAnswerFound
}

/// How far a question in flight has come after an event: what the engine has to do.
struct TransactionProgress {
    /// What is to be done now.
    let next: Next
    /// A group that was given up on the way while other transactions waited for its answer; nil if none was.
    let failure: LeaderFailure?

    /// What is to be done.
    enum Next {
        /// Nothing: an attempt is waited for, or the question is over.
        case wait
        /// No group has an answer: the clients are informed.
        case finish
        /// The time of the last group is over. Its only usable server may have the rest of the clients' time,
        /// unless there is an expired answer for them.
        case lookForExpired
    }
}

/// A group that was given up while others waited for the same answer.
struct LeaderFailure {
    /// The transactions that followed.
    let followers: [Int]
    /// The group that was given up.
    let group: Int?
    /// The leader's marks.
    let loopMarks: [UInt64]
    /// The last response code by which a server declined.
    let lastDecline: ResponseCode?
    /// The reason, as text.
    let text: [UInt8]

    /// The effect on a follower.
    enum Effect {
        /// The leader's failure is its own: `leaderFailed` has happened to it.
        case shared
        /// It asks itself, or follows no longer.
        case none
    }
}
