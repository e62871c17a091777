import JSON

extension JSONValue {
    /// Larger ones are not read the same by everybody (RFC 8259 section 6), and a thousand times this one is
    /// still a number here: what is summed and scaled does not overflow.
    private static let largestCount = 1 << 53

    /// A whole number of a magnitude that may be summed and scaled; nil if this is none.
    var count: Int? {
        integer.flatMap { $0.magnitude <= Self.largestCount.magnitude ? $0 : nil }
    }
}
