/// A small random generator whose sequence follows from its seed, so that a failing test can be repeated.
/// (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.)
package struct SplitMix64: RandomNumberGenerator, Sendable {
    /// The state.
    private var state: UInt64

    /// Creates a generator.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A number in `range`, which must not be empty.
    package mutating func number(in range: Range<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    /// True once in `count` times.
    package mutating func oneIn(_ count: Int) -> Bool {
        number(in: 0..<count) == 0
    }

    /// `count` octets of any value.
    package mutating func octets(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// One of `values`, which must not be empty.
    package mutating func pick<Value>(_ values: [Value]) -> Value {
        values[number(in: 0..<values.count)]
    }
}
