import IPAddressing
import NetworkModel
import Testing

@testable import NetworkKernel

/// Answers of the kernel are kept until a changed route may have made them wrong, at a cost that does not grow with the
/// number of events times that of answers.
@Suite struct KnownAnswersTests {
    @Test func `two thousand routes that change one by one cost one look at each answer`() throws {
        var known = KnownAnswers()
        let questions = (0..<2_000).map { RouteQuestion(destination: IPAddress(v4: 0x0A00_0001 + UInt32($0) << 8)) }
        known.keep(Dictionary(uniqueKeysWithValues: questions.map { ($0, RouteAnswer.delivered) }))
        for question in questions.prefix(1_500) {
            known.note(changed: [try #require(IPPrefix(around: question.destination, length: 24))])
        }
        #expect(known.comparisons == 0)
        #expect(Set(known.take(questions).keys) == Set(questions.dropFirst(1_500)))
        #expect(known.comparisons == 2_000)
        #expect(known.take(questions).count == 500)
        #expect(known.comparisons == 2_000)
    }

    @Test func `an answer that came after the change holds`() throws {
        var known = KnownAnswers()
        let (first, second) = (RouteQuestion(destination: IPAddress(v4: 1)), RouteQuestion(destination: IPAddress(v4: 2)))
        known.keep([first: .delivered])
        known.note(changed: [try IPPrefix(parsing: "0.0.0.0/0")])
        #expect(known.take([first, second]).isEmpty)
        known.keep([first: .refused("no"), second: .delivered])
        #expect(known.take([first, second]) == [first: .refused("no"), second: .delivered])
    }

    @Test func `changes are counted, and too many of them forget everything`() throws {
        var known = KnownAnswers()
        let question = RouteQuestion(destination: IPAddress(v4: 0x0A00_0001))
        known.keep([question: .delivered])
        let elsewhere = try IPPrefix(parsing: "192.0.2.0/24")
        known.note(changed: repeatElement(elsewhere, count: KnownAnswers.mostChanged))
        #expect(known.take([question]) == [question: .delivered])
        known.note(changed: repeatElement(elsewhere, count: KnownAnswers.mostChanged + 1))
        #expect(known.take([question]).isEmpty)
    }
}
