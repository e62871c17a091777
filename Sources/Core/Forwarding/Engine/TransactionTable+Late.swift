import DNSWire
import Time

/// The outcome of a request to listen for a late answer.
enum Listening {
    /// It is listened for.
    case begun
    /// There is nothing to listen for.
    case none
}

/// Late answers.
///
/// A server that needs longer than its clients are kept waiting would have its answer thrown away, each time
/// anew. So after a failure one attempt for each server is listened for a while longer; its answer goes into
/// the cache, and to those who have asked again meanwhile.
extension TransactionTable {
    /// Keeps listening for an answer to `slot`, whose clients have their reply.
    ///
    /// - Returns: `none` if no answer can come, or the same is listened for already: then `slot` is to be
    ///   removed.
    mutating func keepListening(_ slot: Int, atMost most: Int, until end: MonotonicTime) -> Listening {
        guard lateCount < most, attempts(of: slot).isWaiting, !isListening(forLike: slot) else {
            return .none
        }
        for index in 0..<transactions[slot].attemptCount where isRepeated(index, of: slot) {
            abandonAttempt(index, of: slot, .unused)
        }
        leaveGroup(slot)
        dismissWaiters(of: slot)
        transactions[slot].becomeLate(until: end)
        lateCount += 1
        return .begun
    }

    /// True if an earlier attempt of `slot` waits for the same server as attempt `index`.
    private func isRepeated(_ index: Int, of slot: Int) -> Bool {
        let attempts = attempts(of: slot)
        guard attempts[index].state == .waiting else { return false }
        return attempts.extracting(first: index).waitingCount(for: attempts[index].path.server) > 0
    }

    /// True if a late answer to the question of `slot` is listened for already.
    private func isListening(forLike slot: Int) -> Bool {
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if transactions[other].isLate, isIdentical(other, to: slot) { return true }
            current = transactions[other].next
        }
        return false
    }

    /// The transactions in flight that a late answer to `slot` serves as well: those that ask the same group
    /// for the same.
    func transactions(servedByLate slot: Int) -> [Int] {
        var found: [Int] = []
        guard let group = group(of: slot) else { return found }
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if !transactions[other].isLate, self.group(of: other) == group, isIdentical(other, to: slot) {
                found.append(other)
            }
            current = transactions[other].next
        }
        return found
    }

    /// The group that `slot` asks, or waits for.
    private func group(of slot: Int) -> Int? {
        transactions[slot].target?.groups[transactions[slot].groupPosition]
    }
}
