import IPAddressing
import NetworkModel

/// Answers of the kernel about routes that no event has made doubtful.
///
/// Changed routes are collected, and compared with the answers once they are needed: thousands of routes that
/// change one by one cost one look at each answer.
struct KnownAnswers {
    /// The answers. Those about destinations in `changed` may be wrong.
    private var answers: [RouteQuestion: RouteAnswer] = [:]
    /// The destinations of routes that have changed since the answers were compared with them; empty if there
    /// is no answer.
    private var changed: [IPPrefix] = []
    /// How many answers were compared with changed routes so far.
    private(set) var comparisons = 0

    /// More answers are not kept.
    static var mostAnswers: Int { 4096 }
    /// With more changed routes than this, all answers are forgotten: reading them costs more than asking.
    static var mostChanged: Int { 65_536 }

    /// Forgets all answers.
    mutating func clear() { (answers, changed) = ([:], []) }

    /// Notes that routes to these destinations have changed.
    mutating func note(changed prefixes: some Sequence<IPPrefix>) {
        guard !answers.isEmpty else { return }
        changed += prefixes
        if changed.count > Self.mostChanged { clear() }
    }

    /// The answers to those of `questions` that are known.
    mutating func take(_ questions: [RouteQuestion]) -> [RouteQuestion: RouteAnswer] {
        forgetChanged()
        var found: [RouteQuestion: RouteAnswer] = [:]
        for question in questions {
            if let answer = answers[question] { found[question] = answer }
        }
        return found
    }

    /// Keeps what the kernel has answered. A plan may ask again what the one between has not asked.
    mutating func keep(_ new: [RouteQuestion: RouteAnswer]) {
        if answers.count > Self.mostAnswers { clear() }
        answers.merge(new) { _, newer in newer }
    }

    /// Forgets the answers that changed routes may have made wrong.
    private mutating func forgetChanged() {
        guard !changed.isEmpty else { return }
        let table = IPPrefixTable(changed.map { (prefix: $0, value: true) })
        comparisons += answers.count
        answers = answers.filter { !table.contains($0.key.destination) }
        changed = []
    }
}
