/// How long an answer may be cached.
package struct AnswerTiming: Hashable, Sendable {
    /// NXDOMAIN, or NOERROR without a record of the type asked (RFC 2308 section 2).
    package let isNegative: Bool

    /// Seconds until the first of its records expires; for a negative answer the time of its SOA (RFC 2308
    /// section 5). Nil for a negative answer without SOA.
    package let seconds: UInt32?
}

extension PreparedAnswer {
    /// How long the answer may be cached, for a question of `type`.
    package func timing(type: Int) -> AnswerTiming {
        var isPositive = false
        var least = UInt32.max
        var negative: UInt32?
        for index in 0..<marks.count {
            let mark = marks[index]
            let ttl = octets.number32(at: Int(mark.ttlOffset))
            switch mark.section {
            case .answer:
                if Int(mark.type) == type || type == RecordType.any { isPositive = true }
                least = min(least, ttl)
            case .authority where Int(mark.type) == RecordType.soa:
                // The SOA's last field limits the TTL of negative answers.
                negative = min(ttl, octets.number32(at: Int(mark.end) - 4))
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
            if octets.number32(at: offset) > seconds { octets.set32(seconds, at: offset) }
        }
    }

    /// Gives all records of an RRset the lowest TTL among them (RFC 2181 section 5.2).
    ///
    /// Only adjacent records are compared, as servers write them. Signatures are left alone: each has the TTL
    /// of what it covers (RFC 4034 section 3).
    package mutating func equalizeTTLs() {
        guard hasUnequalNeighbours else { return }
        var first = 0
        while first < marks.count {  // `first` grows each turn
            var end = first + 1
            var least = octets.number32(at: Int(marks[first].ttlOffset))
            while end < marks.count, isTimedAlike(first, end) {
                least = min(least, octets.number32(at: Int(marks[end].ttlOffset)))
                end += 1
            }
            for index in first..<end { octets.set32(least, at: Int(marks[index].ttlOffset)) }
            first = end
        }
    }

    /// True if two adjacent records may be of one RRset and have different TTLs, which is rare.
    private var hasUnequalNeighbours: Bool {
        var index = 1
        while index < marks.count {
            let (one, other) = (marks[index - 1], marks[index])
            if one.type == other.type, one.section == other.section,
                octets.number32(at: Int(one.ttlOffset)) != octets.number32(at: Int(other.ttlOffset))
            {
                return true
            }
            index += 1
        }
        return false
    }

    /// True if records `first` and `other` are of one RRset whose TTLs must be equal.
    private func isTimedAlike(_ first: Int, _ other: Int) -> Bool {
        let type = Int(marks[first].type)
        return type != RecordType.rrsig && type != RecordType.sig && isOneSet(first, other)
    }
}
