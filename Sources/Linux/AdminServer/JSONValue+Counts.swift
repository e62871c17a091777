import JSON

extension JSONValue {
    /// Larger numbers are not interoperable (RFC 8259 section 6), and a thousand times this one still fits a
    /// 64-bit number: sums and scaled values do not overflow.
    private static let largestCount = 1 << 53

    /// A whole number that is small enough to be summed and scaled; nil for anything else.
    var count: Int? {
        integer.flatMap { $0.magnitude <= Self.largestCount.magnitude ? $0 : nil }
    }
}
