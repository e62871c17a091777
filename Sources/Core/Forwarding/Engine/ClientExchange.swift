import DNSWire
import IPAddressing
import Time

/// The destination and the form of a reply: the question as one client asked it.
///
/// Lives no longer than the octets of the question.
struct Recipient: ~Escapable {
    /// Name, type and class; empty if the message had none that could be read.
    let question: Span<UInt8>
    /// The client, and the socket of the reply.
    let path: ClientPath
    /// What the client's transport and EDNS allow.
    var terms: ReplyTerms
    /// The time of the reply.
    let now: MonotonicTime

    /// Creates a recipient.
    @_lifetime(copy question)
    init(_ question: Span<UInt8>, path: ClientPath, terms: ReplyTerms, at now: MonotonicTime) {
        self.question = question
        self.path = path
        self.terms = terms
        self.now = now
    }

    /// Octets of the name; 0 if there is no question.
    var nameLength: Int { max(question.count - 4, 0) }

    /// The type asked for; 0 if there is no question.
    var type: Int {
        question.count < 4 ? 0 : Int(question[nameLength]) << 8 | Int(question[nameLength + 1])
    }

    /// True if the sender's address is its own: it uses TCP, has a good cookie, or is this host.
    var isAddressValidated: Bool {
        path.transport == .tcp || terms.isAddressValidated || path.client.address.isLoopback
    }

    /// False for a question that is asked for the cache's sake: nothing is sent.
    var wantsReply: Bool { terms.limit != ReplyTerms.noReply }
}

/// One question of a client while the engine works on it: the message, and the facts found so far.
///
/// Lives no longer than the message.
struct ClientExchange: ~Escapable {
    /// The whole message.
    let message: Span<UInt8>
    /// The parsed message.
    let query: ClientQuery
    /// The destination of the reply.
    var recipient: Recipient
    /// Index into `ForwardingPolicy.views`: whose rules the client gets; nil for clients that may not
    /// ask.
    let view: Int?
    /// The marks of forwarders that the question has passed; see `LoopTrail`.
    let loopMarks: [UInt64]

    @_lifetime(copy message, copy recipient)
    init(_ message: Span<UInt8>, _ query: ClientQuery, _ recipient: Recipient, view: Int?) {
        self.message = message
        self.query = query
        self.recipient = recipient
        self.view = view
        if let edns = query.edns, edns.optionsLength > 0 {
            loopMarks = edns.loopMarks(in: message)
        } else {
            loopMarks = []
        }
    }

    /// When the question came.
    var now: MonotonicTime { recipient.now }
}

/// What becomes of a question.
enum ExchangeState {
    /// It gets this reply.
    case reply(ReplyDraft)
    /// It gets no reply.
    case silence
    /// The next step runs.
    case open
}

extension TransactionTable {
    /// Lets a client wait for `slot` if there is room. The reserve is for validated addresses only.
    mutating func addWaiter(_ recipient: Recipient, to slot: Int) -> Admission {
        addWaiter(
            recipient.path, recipient.terms, question: recipient.question, to: slot,
            isAddressValidated: recipient.isAddressValidated)
    }

    /// The destination of the reply to a waiter.
    @_lifetime(borrow self)
    func recipient(_ place: WaiterPlace) -> Recipient {
        Recipient(
            question(
                ofWaiter: place.waiter, length: transactions[place.slot].question.nameLength + 4),
            path: waiters[place.waiter].path, terms: waiters[place.waiter].terms, at: place.now)
    }
}
