import DNSWire
import DomainNames

/// What identifies an answer: the view, the question, and the flags that change the answer's records.
package struct CacheKey: Sendable {
    /// Keyed hash of the other fields and of the name in lower case.
    package internal(set) var hash: UInt64
    /// Index of the view, 0...255.
    package let view: UInt8
    /// The question's type.
    package let type: UInt16
    /// The question's class.
    package let recordClass: UInt16
    /// The question has DO.
    package let wantsDNSSEC: Bool
    /// The question has CD.
    package let checkingDisabled: Bool
    /// Octets of the name, which follows the header of the message that belongs to the key.
    package let nameLength: UInt8

    /// The key of the question in `message`.
    ///
    /// - Parameters:
    ///   - view: 0...255.
    ///   - hashKey: Random bits of the process: the same for all keys.
    init(
        _ message: Span<UInt8>, _ question: Question, view: Int, wantsDNSSEC: Bool, checkingDisabled: Bool,
        hashKey: UInt64
    ) {
        precondition(view >= 0 && view <= UInt8.max, "a cache key has eight bits for the view")
        var hash = NameHash(key: hashKey)
        hash.combine(message, from: Question.nameStart, count: question.nameLength)
        let flags: UInt64 = (wantsDNSSEC ? 1 : 0) | (checkingDisabled ? 2 : 0)
        hash.combine(
            UInt64(question.type) << 32 | UInt64(question.recordClass) << 16 | UInt64(view) << 8 | flags)
        self.hash = hash.value
        self.view = UInt8(view)
        type = UInt16(truncatingIfNeeded: question.type)
        recordClass = UInt16(truncatingIfNeeded: question.recordClass)
        self.wantsDNSSEC = wantsDNSSEC
        self.checkingDisabled = checkingDisabled
        nameLength = UInt8(truncatingIfNeeded: question.nameLength)
    }

    /// The bits of `CacheEntry.Flags` that belong to the question.
    var flags: UInt8 {
        (wantsDNSSEC ? CacheEntry.Flags.wantsDNSSEC : 0)
            | (checkingDisabled ? CacheEntry.Flags.checkingDisabled : 0)
    }

    /// The word that an entry of this question has at `CacheEntry.nameViewType`.
    var nameViewType: UInt32 { UInt32(nameLength) | UInt32(view) << 8 | UInt32(type) << 16 }
}
