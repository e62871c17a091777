/// The message IDs of one worker's questions in flight, each with its transaction.
struct MessageIDs {
    /// The transaction that uses each ID; -1: none. Slots are at most 32767.
    private var owners: [Int16] = Array(repeating: -1, count: 65_536)
    /// The number of IDs in use.
    private var usedCount = 0
    /// The most transactions.
    private let mostTransactions: Int

    /// Three of four: beyond that retries take no new ones, so that each transaction still gets its first.
    private static let mostUsed = 49_152

    /// - Parameter mostTransactions: 1...32768.
    init(mostTransactions: Int) {
        self.mostTransactions = mostTransactions
    }

    /// Draws an unused ID at random for transaction `slot`.
    ///
    /// Each transaction's first ID is its own; if many are in use, a later attempt reuses the previous one.
    ///
    /// - Parameter last: The transaction's last one; nil if it has none.
    mutating func draw(
        for slot: Int, insteadOf last: UInt16?, random: inout some RandomNumberGenerator
    ) -> UInt16 {
        if let last, usedCount >= Self.mostUsed - mostTransactions { return last }
        while true {  // ends, after four turns on average at worst: a quarter of all IDs is never in use
            let id = UInt16(truncatingIfNeeded: random.next())
            guard owners[Int(id)] < 0 else { continue }
            owners[Int(id)] = Int16(slot)
            usedCount += 1
            return id
        }
    }

    /// Transaction `slot` expects no answer under `id` any more.
    mutating func release(_ id: UInt16, of slot: Int) {
        guard owners[Int(id)] == Int16(slot) else { return }
        owners[Int(id)] = -1
        usedCount -= 1
    }

    /// The transaction that uses `id`; nil if none does.
    func owner(of id: UInt16) -> Int? {
        let slot = Int(owners[Int(id)])
        return slot < 0 ? nil : slot
    }
}
