import IPAddressing

/// Counts the waiting questions of each client, in a fixed amount of memory.
///
/// Each client is counted in two places; the lower of the two numbers is never below its own count. Two
/// clients share both places once in 16 million pairs.
struct ClientLoad {
    /// Two rows of counters.
    private var counts = [Int32](repeating: 0, count: 2 * ClientLoad.places)

    /// The counters of a row.
    private static let places = 4096

    /// The two places of a client.
    private static func places(_ hash: UInt64) -> (Int, Int) {
        (Int(hash >> 52), places + Int(hash >> 40 & 0xFFF))
    }

    /// The waiting questions of a client; sometimes too many, never too few.
    func count(_ hash: UInt64) -> Int {
        let (one, other) = Self.places(hash)
        return Int(min(counts[one], counts[other]))
    }

    /// - Parameter change: 1 or -1; each 1 is followed by one -1.
    mutating func change(_ hash: UInt64, by change: Int32) {
        let (one, other) = Self.places(hash)
        counts[one] += change
        counts[other] += change
    }
}
