import AnswerCache
import DNSWire
import TestSupport
import Testing

/// Several threads at one cache.
@Suite struct SharingTests {
    /// The name's number as its address, so that a reader sees whether it got the right entry.
    private static func work(on cache: AnswerCache, seed: UInt64) -> (wrong: Int, found: Int) {
        var random = SplitMix64(seed: seed)
        var loaded = PreparedAnswer()
        var wrong = 0
        var found = 0
        for step in 0..<20_000 {
            let number = random.number(in: 0..<5_000)
            let message = Sample.question("name\(number).test")
            guard let question = try? Question(reading: message.span) else { continue }
            let key = cache.key(
                message.span, question, view: 0, wantsDNSSEC: false, checkingDisabled: false)
            let now = Sample.seconds(Double(step) / 1_000)
            if step % 3 == 0 {
                let answer = Sample.answer(
                    to: message, Array(repeating: UInt32(number), count: random.number(in: 1..<6)))
                cache.store(key, answer, Sample.life(), at: now)
            } else if step % 5_000 == 4_999 {
                _ = cache.removeAll { $0.count % 2 == 0 }
            } else if cache.load(key, message.span, at: now, into: &loaded) != nil {
                found += 1
                let end = loaded.octets.count
                let address = loaded.octets.number16(at: end - 4) << 16 | loaded.octets.number16(at: end - 2)
                if address != number || loaded.marks.count != loaded.answerCount { wrong += 1 }
                for index in message.indices.dropFirst(12) where loaded.octets[index] != message[index] {
                    wrong += 1
                }
            }
        }
        return (wrong, found)
    }

    @Test func `each thread gets the answers to its own questions`() async {
        let cache = AnswerCache(octets: 2 << 20, hashKey: 99)
        let results = await withTaskGroup(of: (wrong: Int, found: Int).self) { group in
            for seed in 1...4 as ClosedRange<UInt64> { group.addTask { Self.work(on: cache, seed: seed) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0.wrong == 0 })
        #expect(results.allSatisfy { $0.found > 1_000 })
        let statistics = cache.statistics
        #expect(statistics.hits == results.reduce(0) { $0 + $1.found })
        #expect(statistics.octets <= 2 << 20)
    }
}
