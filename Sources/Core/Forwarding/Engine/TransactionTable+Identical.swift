import DNSWire
import DomainNames

/// Identical questions.
///
/// Clients may ask for one name under several suffixes and views, with any flags and marks: towards a server
/// these are the same name, type and class, and an attacker who guesses answers (RFC 5452 section 5) gains
/// with each copy in flight. So one transaction asks (the leader), and the others wait for its answer, which
/// each maps for its own clients (followers). All have the same key.
extension TransactionTable {
    /// The transaction whose answer from `group` serves `slot` as well; nil if there is none.
    ///
    /// One without marks follows only another one without: see `find`.
    func leader(of slot: Int, in group: Int) -> Int? {
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if other != slot, transactions[other].key == transactions[slot].key,
                transactions[other].countedGroup == group, transactions[other].attemptCount > 0,
                transactions[slot].loopMarks.isEmpty ? transactions[other].loopMarks.isEmpty : true,
                hasSameFlags(slot, other), isSameOnTheWire(slot, other)
            {
                return other
            }
            current = transactions[other].next
        }
        return nil
    }

    /// The transactions that follow `slot` in the group that it asks; empty, without an allocation, for most.
    func followers(of slot: Int) -> [Int] {
        var found: [Int] = []
        guard let group = transactions[slot].countedGroup else { return found }
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if other != slot, transactions[other].key == transactions[slot].key,
                transactions[other].followedGroup == group, hasSameFlags(slot, other),
                isSameOnTheWire(slot, other)
            {
                found.append(other)
            }
            current = transactions[other].next
        }
        return found
    }

    /// Copies of the question of `slot`, its own included, that wait for an answer of `server`.
    ///
    /// - Parameter isLate: True to count those that are only listened for as well.
    func waitingCopies(of slot: Int, at server: Int, includingLate isLate: Bool) -> Int {
        var count = 0
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if transactions[other].key == transactions[slot].key,
                isLate || !transactions[other].isLate, other == slot || isSameOnTheWire(slot, other)
            {
                count += attempts(of: other).waitingCount(for: server)
            }
            current = transactions[other].next
        }
        return count
    }

    /// True if one answer serves both, whatever suffix and view they have.
    func isIdentical(_ one: Int, to other: Int) -> Bool {
        transactions[one].key == transactions[other].key && hasSameFlags(one, other)
            && isSameOnTheWire(one, other)
    }

    /// True if both have the same DO and CD bits.
    private func hasSameFlags(_ one: Int, _ other: Int) -> Bool {
        transactions[one].question.wantsDNSSEC == transactions[other].question.wantsDNSSEC
            && transactions[one].question.checkingDisabled == transactions[other].question.checkingDisabled
    }

    /// True if both ask servers for the same name, type and class, whatever suffix their clients used.
    private func isSameOnTheWire(_ one: Int, _ other: Int) -> Bool {
        guard let target = transactions[one].target, let second = transactions[other].target,
            askedType(of: one) == askedType(of: other),
            transactions[one].question.recordClass == transactions[other].question.recordClass
        else { return false }
        let length = transactions[one].sentNameLength
        guard length == transactions[other].sentNameLength else { return false }
        for offset in 0..<length where octet(offset, of: one, target) != octet(offset, of: other, second) {
            return false
        }
        return true
    }

    /// Octet `offset` of the name that servers are asked for, folded.
    private func octet(_ offset: Int, of slot: Int, _ target: RouteTarget) -> UInt8 {
        let start = transactions[slot].question.suffixStart
        guard target.rewritesQuestion, offset >= start else {
            return foldedOctet(question(of: slot)[offset])
        }
        return foldedOctet(target.mapping.inner.wire[offset - start])
    }
}
