/// The outcome of a client's message.
package enum QuestionOutcome: Hashable, Sendable {
    /// It gets its reply at once or later, unless a limit withholds it.
    case taken
    /// It is not a question, or its client gets no reply.
    case ignored
}

/// The outcome of a server's message.
package enum AnswerOutcome: Hashable, Sendable {
    /// It answers a question, with an answer or an error.
    case taken
    /// It answers a question that has been given up.
    case late
    /// It answers no question sent by this path: it may be forged.
    case mismatch
}

/// The message IDs of questions that were given up while an answer could still come, each with its path: so
/// that a late answer is not taken for a forged one.
///
/// An ID is remembered until its answer comes or another question with it is given up.
struct AbandonedQuestions {
    /// For each ID the path's place plus one; 0: none.
    private var places: [Int32] = Array(repeating: 0, count: 65_536)

    /// - Parameter place: Of the path, as `TransactionTable` numbers them.
    mutating func note(_ id: UInt16, at place: Int) {
        places[Int(id)] = Int32(truncatingIfNeeded: place + 1)
    }

    /// An answer came: `late`, once, if a question with this ID was given up that was asked by this path.
    mutating func take(_ id: UInt16, at place: Int) -> AnswerOutcome {
        guard places[Int(id)] == Int32(truncatingIfNeeded: place + 1) else { return .mismatch }
        places[Int(id)] = 0
        return .late
    }
}
