import DNSWire
import DomainNames

/// A client's question in the form in which servers are asked.
struct AskedQuestion: ~Escapable {
    /// The client's message.
    let message: Span<UInt8>
    /// The question.
    let shape: QuestionShape
    /// The client's view.
    let view: Int

    /// Creates a question.
    @_lifetime(copy message)
    init(_ message: Span<UInt8>, _ shape: QuestionShape, view: Int) {
        self.message = message
        self.shape = shape
        self.view = view
    }

    /// A keyed hash of what servers are asked: the folded name below the cluster's own suffix, type, class.
    func hash(for target: RouteTarget, key: UInt64) -> UInt64 {
        var hash = NameHash(key: key)
        // In two pieces in either case: the hash of a whole is not that of its pieces.
        hash.combine(message, from: Question.nameStart, count: shape.suffixStart)
        if target.rewritesQuestion {
            let inner = target.mapping.inner.wire
            hash.combine(inner.span, from: 0, count: inner.count)
        } else {
            let start = Question.nameStart + shape.suffixStart
            hash.combine(message, from: start, count: shape.nameLength - shape.suffixStart)
        }
        hash.combine(UInt64(shape.type) << 16 | UInt64(shape.recordClass))
        return hash.value
    }
}

extension TransactionTable {
    /// Adds a transaction with its first client; nil if there is no room for them.
    mutating func add(_ recipient: Recipient, key: UInt64) -> Int? {
        guard let slot = addTransaction(key: key, isAddressValidated: recipient.isAddressValidated) else {
            return nil
        }
        guard addWaiter(recipient, to: slot) == .admitted else {
            removeTransaction(slot)
            return nil
        }
        return slot
    }

    /// Appends the question of `slot` in the form for servers: the cluster's own suffix, and the letter case
    /// of the attempt, or else the client's.
    func appendQuestion(
        of slot: Int, for target: RouteTarget, _ attempt: Attempt, to octets: inout OctetBuffer
    ) {
        let shape = transactions[slot].question
        // Always with RD: an answer to a question without it may not be valid for another client that
        // shares it.
        var flags: UInt16 = MessageHeader.Flags.recursionDesired
        if shape.checkingDisabled { flags |= MessageHeader.Flags.checkingDisabled }
        octets.append16(Int(attempt.id))
        octets.append16(Int(flags))
        octets.append16(1)
        octets.append32(0)
        octets.append16(attempt.usesEDNS ? 1 : 0)
        let start = octets.count
        let question = question(of: slot)
        if target.rewritesQuestion {
            octets.append(question, 0..<shape.suffixStart)
            octets.append(target.mapping.inner.wire)
            octets.append(question, shape.nameLength..<(shape.nameLength + 4))
        } else {
            octets.append(question)
        }
        if asksForEndpoints(slot) { octets.set16(RecordType.srv, at: octets.count - 4) }
        if let letterCase = attempt.letterCase {
            octets.setLetterCase(letterCase, ofNameAt: start, length: octets.count - start - 4)
        }
    }

    /// The question of a server's message if it is the one of `slot` octet by octet, in the letter case in
    /// which it was sent: then it need not be read. Nil for others, and for names with the cluster's own
    /// suffix.
    func repeatedQuestion(
        of slot: Int, _ letterCase: LetterCase?, in message: Span<UInt8>
    ) -> Question? {
        let length = transactions[slot].sentNameLength
        let end = Question.nameStart + length
        guard let letterCase, !transactions[slot].isRewritten, message.count - end >= 4,
            letterCase.isRepeated(
                in: message, at: Question.nameStart, of: question(of: slot), at: 0, count: length)
        else { return nil }
        let question = Question(
            nameLength: length, type: Int(message[end]) << 8 | Int(message[end + 1]),
            recordClass: Int(message[end + 2]) << 8 | Int(message[end + 3]))
        return isLike(slot, question) ? question : nil
    }

    /// True if the question of a server's message has the type, the class and the length of the one of `slot`
    /// that was sent.
    private func isLike(_ slot: Int, _ question: Question) -> Bool {
        question.type == askedType(of: slot)
            && question.recordClass == transactions[slot].question.recordClass
            && question.nameLength == transactions[slot].sentNameLength
    }

    /// True if the question of a server's message is the one of `slot` that was sent, letter case aside.
    func isQuestion(of slot: Int, _ question: Question, in message: Span<UInt8>) -> Bool {
        guard isLike(slot, question) else { return false }
        let shape = transactions[slot].question
        let asked = self.question(of: slot)
        guard transactions[slot].isRewritten, let target = transactions[slot].target else {
            return isEqualFolded(message, at: Question.nameStart, asked, at: 0, count: shape.nameLength)
        }
        let own = shape.suffixStart
        let inner = target.mapping.inner.wire
        return isEqualFolded(message, at: Question.nameStart, asked, at: 0, count: own)
            && isEqualFolded(
                message, at: Question.nameStart + own, inner.span, at: 0, count: inner.count)
    }

    /// Puts the question of `message`, an answer to `slot`, into the client's letter case: the names of its
    /// records refer to it.
    func restoreLetterCase(of slot: Int, in message: inout OctetBuffer) {
        let shape = transactions[slot].question
        let asked = question(of: slot)
        guard transactions[slot].isRewritten, let target = transactions[slot].target else {
            message.replace(at: Question.nameStart, with: asked.extracting(first: shape.nameLength))
            return
        }
        let inner = target.mapping.inner.wire
        message.replace(at: Question.nameStart, with: asked.extracting(first: shape.suffixStart))
        message.replace(at: Question.nameStart + shape.suffixStart, with: inner.span)
    }
}
