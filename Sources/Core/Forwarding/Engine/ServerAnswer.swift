import DNSWire
import Time

/// A server's answer to the question of a transaction.
///
/// Lives no longer than its octets.
struct ServerAnswer: ~Escapable {
    /// The whole message, its question in the client's letter case.
    let message: Span<UInt8>
    /// The header.
    let header: MessageHeader
    /// The question section.
    let question: Question
    /// Where it comes from.
    let origin: AnswerOrigin
    /// The attempt of the transaction that it answers; nil for a follower's, which made none.
    let attempt: Int?

    /// - Parameter place: The place of `attempt` among those of its transaction.
    @_lifetime(copy message)
    init(
        _ message: Span<UInt8>, header: MessageHeader, question: Question, attempt: Attempt, place: Int
    ) {
        self.message = message
        self.header = header
        self.question = question
        origin = AnswerOrigin(server: attempt.path.server, sent: attempt.sent)
        self.attempt = place
    }

    /// The same answer, for a transaction that followed.
    @_lifetime(copy other)
    init(shared other: ServerAnswer) {
        message = other.message
        header = other.header
        question = other.question
        origin = other.origin
        attempt = nil
    }

    /// Index into `ForwardingPolicy.servers`.
    var server: Int { origin.server }

    /// When the server was asked.
    var sent: MonotonicTime { origin.sent }

    /// True if it says that there is no such name.
    var isNameError: Bool { ResponseCode(header.rcode) == .nameError && header.answerCount == 0 }
}

/// The server that gave an answer.
struct AnswerOrigin {
    /// Index into `ForwardingPolicy.servers`.
    let server: Int
    /// When it was asked.
    let sent: MonotonicTime
}

extension TransactionTable {
    /// Maps an answer to the question of `slot`, as its first client asked it.
    func map(
        _ answer: ServerAnswer, to slot: Int, _ terms: AnswerTerms, with mapper: inout AnswerMapper,
        into prepared: inout PreparedAnswer
    ) throws(MappingError) {
        try mapper.map(
            answer.message, answer.question, to: question(of: slot), by: terms, into: &prepared)
    }

    /// Why groups have no part in the answer to `slot`, as text; empty if all have. Most transactions have no
    /// reasons, and `Transaction.reasons` copies one.
    func reasons(of slot: Int) -> [UInt8] {
        guard transactions[slot].failure != nil || transactions[slot].merged != nil else { return [] }
        return transactions[slot].reasons
    }

    /// Starts an answer to the question of `slot`.
    func begin(_ prepared: inout PreparedAnswer, for slot: Int) {
        prepared.begin(question: question(of: slot))
    }
}
