import AnswerCache
import DNSWire
import TestSupport
import Time

/// Questions and answers to fill caches with.
enum Sample {
    /// A client's message that asks for `name`.
    static func question(_ name: String, type: Int = 1) -> [UInt8] {
        var message = PlainMessage()
        message.questions = [PlainQuestion(PlainName(name), type: type)]
        return message.encoded()
    }

    /// An answer to the question in `message` with these addresses, each with a TTL of 5 s.
    static func answer(to message: [UInt8], _ addresses: [UInt32] = [1], rcode: Int = 0) -> PreparedAnswer {
        var answer = PreparedAnswer()
        let question = Array(message.dropFirst(12))
        answer.begin(question: question.span)
        answer.octets.set16(rcode, at: 2)
        for address in addresses {
            answer.octets.append([0xC0, 12, 0, 1, 0, 1])
            let ttlOffset = answer.octets.count
            answer.octets.append32(5)
            answer.octets.append16(4)
            answer.octets.append32(address)
            answer.marks.append(
                RecordMark(ttlOffset: ttlOffset, end: answer.octets.count, type: 1, section: .answer))
        }
        answer.octets.set16(addresses.count, at: 6)
        return answer
    }

    static func seconds(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000_000 + Int64(seconds * 1_000_000_000))
    }

    static func life(
        _ fresh: Int64 = 5, stale: Int64 = 3_600, _ kind: CacheLife.Kind = .positive
    ) -> CacheLife {
        CacheLife(fresh: fresh * 1_000_000_000, stale: stale * 1_000_000_000, kind: kind)
    }
}

/// A cache that is asked by name.
struct NamedCache: ~Copyable {
    let cache: AnswerCache
    var loaded = PreparedAnswer()

    init(octets: Int = 1 << 20, hashKey: UInt64 = 7) {
        cache = AnswerCache(octets: octets, hashKey: hashKey)
    }

    /// The variant of a question that an answer is kept under.
    struct Variant {
        var view = 0
        var type = 1
        var wantsDNSSEC = false
        var checkingDisabled = false
    }

    func key(_ message: [UInt8], _ variant: Variant) throws -> CacheKey {
        cache.key(
            message.span, try Question(reading: message.span), view: variant.view,
            wantsDNSSEC: variant.wantsDNSSEC, checkingDisabled: variant.checkingDisabled)
    }

    func store(
        _ name: String, _ addresses: [UInt32] = [1], _ variant: Variant = Variant(),
        _ life: CacheLife = Sample.life(), rcode: Int = 0, error: ExtendedError? = nil, at time: Double = 0
    ) throws {
        let message = Sample.question(name, type: variant.type)
        var answer = Sample.answer(to: message, addresses, rcode: rcode)
        answer.extendedError = error
        cache.store(try key(message, variant), answer, life, at: Sample.seconds(time))
    }

    mutating func load(
        _ name: String, _ variant: Variant = Variant(), at time: Double = 0
    ) throws -> CacheHit? {
        let message = Sample.question(name, type: variant.type)
        return cache.load(
            try key(message, variant), message.span, at: Sample.seconds(time), into: &loaded)
    }

    mutating func loadInPlaceOfFailure(_ name: String, at time: Double) throws -> CacheHit? {
        let message = Sample.question(name)
        return cache.loadInPlaceOfFailure(
            try key(message, Variant()), message.span, at: Sample.seconds(time), into: &loaded)
    }

    /// The addresses of the answer loaded last.
    var addresses: [UInt32] {
        (0..<loaded.marks.count).map { index in
            let end = Int(loaded.marks[index].end)
            return UInt32(loaded.octets.number16(at: end - 4)) << 16
                | UInt32(loaded.octets.number16(at: end - 2))
        }
    }
}
