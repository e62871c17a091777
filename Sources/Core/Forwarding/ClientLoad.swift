import IPAddressing

/// How many questions of each client wait for an answer, in a fixed room.
///
/// Each client counts in two places; the lower of the two numbers is never below its own. Two clients share
/// both places once in 16 million pairs.
struct ClientLoad {
    private var counts = [Int32](repeating: 0, count: 2 * ClientLoad.places)

    private static let places = 4096

    private static func places(_ hash: UInt64) -> (Int, Int) {
        (Int(hash >> 52), places + Int(hash >> 40 & 0xFFF))
    }

    func count(_ hash: UInt64) -> Int {
        let (one, other) = Self.places(hash)
        return Int(min(counts[one], counts[other]))
    }

    /// - Parameter change: 1 or -1; each 1 is taken back once.
    mutating func change(_ hash: UInt64, by change: Int32) {
        let (one, other) = Self.places(hash)
        counts[one] += change
        counts[other] += change
    }
}
