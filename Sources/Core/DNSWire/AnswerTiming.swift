/// How long an answer says that it may be kept.
package struct AnswerTiming: Hashable, Sendable {
    /// NXDOMAIN, or NOERROR without a record of the type asked (RFC 2308 section 2).
    package let isNegative: Bool

    /// Seconds until the first of its records runs out; for a negative answer the SOA's word (RFC 2308
    /// section 5). Nil where it does not say: a negative answer without SOA.
    package let seconds: UInt32?
}

extension PreparedAnswer {
    /// Reads how long the answer may be kept, for a question of `type`.
    package func timing(type: Int) -> AnswerTiming {
        var isPositive = false
        var least = UInt32.max
        var negative: UInt32?
        for index in 0..<marks.count {
            let mark = marks[index]
            let ttl = number32(at: Int(mark.ttlOffset))
            switch mark.section {
            case .answer:
                if Int(mark.type) == type || type == RecordType.any { isPositive = true }
                least = min(least, ttl)
            case .authority where Int(mark.type) == RecordType.soa:
                // The SOA's last field is the time that negative answers may be kept.
                negative = min(ttl, number32(at: Int(mark.end) - 4))
            case .authority, .additional:
                least = min(least, ttl)
            }
        }
        if rcode == ResponseCode.noError.rawValue, isPositive {
            return AnswerTiming(isNegative: false, seconds: least)
        }
        return AnswerTiming(isNegative: true, seconds: negative.map { min($0, least) })
    }

    /// Lowers every TTL above `seconds` to it.
    package mutating func capTTLs(at seconds: UInt32) {
        for index in 0..<marks.count {
            let offset = Int(marks[index].ttlOffset)
            if number32(at: offset) > seconds { octets.set32(seconds, at: offset) }
        }
    }

    private func number32(at offset: Int) -> UInt32 {
        UInt32(octets.number16(at: offset)) << 16 | UInt32(octets.number16(at: offset + 2))
    }
}
