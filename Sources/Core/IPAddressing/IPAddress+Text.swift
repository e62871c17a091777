// MARK: - Reading

extension IPAddress {
    /// Reads a dotted IPv4 address or an IPv6 address in any form of RFC 4291 section 2.2.
    ///
    /// Leading zeros in an IPv4 octet are refused, since some programs read them as octal (RFC 6943 section
    /// 3.1.1). A zone (`%eth0`) is refused.
    package init?(_ text: some StringProtocol) {
        // A string, since generic code reads another type octet by octet through a table: a cluster has
        // thousands of addresses, and all of them are read again with each change.
        let text = String(text)
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let bits = Self.readV6(text) else { return nil }
            self.init(v6: bits)
        } else {
            guard let bits = Self.readV4(text.utf8.span) else { return nil }
            self.init(v4: bits)
        }
    }

    /// The number of a dotted IPv4 address: four decimal numbers up to 255, without leading zeros.
    private static func readV4(_ text: Span<UInt8>) -> UInt32? {
        var bits: UInt32 = 0
        var dots = 0
        var digits = 0
        var value: UInt32 = 0
        for position in text.indices {
            switch text[position] {
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3 else { return nil }
                bits = bits << 8 | value
                (dots, digits, value) = (dots + 1, 0, 0)
            case let digit where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit):
                // A digit after a leading zero, or too large a number.
                if digits > 0, value == 0 { return nil }
                value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
                digits += 1
                if value > 255 { return nil }
            default: return nil
            }
        }
        return dots == 3 && digits > 0 ? bits << 8 | value : nil
    }

    /// The number of an IPv6 address.
    private static func readV6(_ text: String) -> UInt128? {
        // "::" may occur once, for one or more groups of zeros.
        var halves: [[Substring]] = [[]]
        var rest = Substring(text)
        if let gap = firstGap(in: rest) {
            halves = [groups(of: rest[..<gap]), []]
            rest = rest[rest.index(gap, offsetBy: 2)...]
            guard firstGap(in: rest) == nil else { return nil }
            halves[1] = groups(of: rest)
        } else {
            halves = [groups(of: rest)]
        }
        var words: [[UInt16]] = []
        for (index, half) in halves.enumerated() {
            guard let read = readGroups(half, dottedAllowed: index == halves.count - 1) else { return nil }
            words.append(read)
        }
        let present = words.reduce(0) { $0 + $1.count }
        let missing = 8 - present
        guard words.count == 2 ? missing >= 1 : missing == 0 else { return nil }
        let all = words.count == 2 ? words[0] + Array(repeating: 0, count: missing) + words[1] : words[0]
        return all.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    /// The place of the first `::`; nil if there is none, or a third colon.
    private static func firstGap(in text: Substring) -> Substring.Index? {
        var position = text.startIndex
        while position < text.endIndex {
            let next = text.index(after: position)
            if next < text.endIndex, text[position] == ":", text[next] == ":" { return position }
            position = next
        }
        return nil
    }

    /// The parts between colons.
    private static func groups(of text: Substring) -> [Substring] {
        text.isEmpty ? [] : text.split(separator: ":", omittingEmptySubsequences: false)
    }

    /// The numbers of groups of hexadecimal digits; the last may be a dotted IPv4 address.
    private static func readGroups(_ groups: [Substring], dottedAllowed: Bool) -> [UInt16]? {
        var words: [UInt16] = []
        for (index, group) in groups.enumerated() {
            if group.utf8.contains(UInt8(ascii: ".")) {
                guard dottedAllowed, index == groups.count - 1,
                    let bits = readV4(String(group).utf8.span)
                else { return nil }
                words.append(UInt16(truncatingIfNeeded: bits >> 16))
                words.append(UInt16(truncatingIfNeeded: bits))
            } else {
                guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy(isHexDigit),
                    let word = UInt16(group, radix: 16)
                else { return nil }
                words.append(word)
            }
        }
        return words
    }

    /// True for a hexadecimal digit.
    private static func isHexDigit(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

// MARK: - Writing

extension IPAddress: CustomStringConvertible {
    /// The dotted form, or the form of RFC 5952: lower case, the longest run of zero groups (two or more)
    /// as `::`.
    @usableFromInline
    package var description: String {
        switch family {
        case .v4: octets.map(String.init).joined(separator: ".")
        case .v6: Self.writeV6(bits)
        }
    }

    /// The text of an IPv6 address (RFC 5952)
    private static func writeV6(_ bits: UInt128) -> String {
        if bits >> 32 == 0xFFFF {
            return "::ffff:" + IPAddress(v4: UInt32(truncatingIfNeeded: bits)).description
        }
        let words = stride(from: 112, through: 0, by: -16).map {
            UInt16(truncatingIfNeeded: bits >> UInt128($0))
        }
        guard let gap = longestZeroRun(words) else { return hex(words[...]) }
        return hex(words[..<gap.lowerBound]) + "::" + hex(words[gap.upperBound...])
    }

    /// Groups as hexadecimal numbers between colons.
    private static func hex(_ words: ArraySlice<UInt16>) -> String {
        words.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The longest run of zero groups, the first of several; nil if none has two.
    private static func longestZeroRun(_ words: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < words.count {
            var end = start
            while end < words.count, words[end] == 0 { end += 1 }
            if end - start >= 2, end - start > (best?.count ?? 0) { best = start..<end }
            start = max(end, start + 1)
        }
        return best
    }
}
