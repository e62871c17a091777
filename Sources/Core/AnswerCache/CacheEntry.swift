/// The layout of an entry in a ring, in octets from its start.
///
/// ```
///  0 hash 8 | 8 stored 8 | 16 expires 8 | 24 stale until 8 | 32 size 4 | 36 next 4 | 40 hits 4
/// 44 message length 4 | 48 name length 1, view 1, type 2 | 52 class 2, flags 1, uses 1
/// 56 marks 2, error code 2 | 60 error length 4 | 64 ask after 8
/// 72 message | marks, eight octets each | error text | up to a multiple of eight
/// ```
/// Times are nanoseconds of `MonotonicTime`.
enum CacheEntry {
    static let hash = 0
    static let stored = 8
    static let expires = 16
    static let staleUntil = 24
    static let size = 32
    static let next = 36
    static let hits = 40
    static let messageLength = 44
    /// Name length in the low octet, then the view, then the type's 16 bits.
    static let nameViewType = 48
    /// Class in the low 16 bits, then `Flags`, then the uses that eviction counts.
    static let classFlagsUses = 52
    /// Number of marks in the low 16 bits, then the Extended DNS Error's code.
    static let marksAndErrorCode = 56
    static let errorTextLength = 60
    /// Until then nobody asks for it again: that is under way, or has just failed.
    static let askAfter = 64
    static let headerLength = 72

    /// What an entry is, and how it stands.
    enum Flags {
        static let wantsDNSSEC: UInt8 = 1
        static let checkingDisabled: UInt8 = 2
        /// Replaced or flushed: its room is given back when it becomes the oldest.
        static let isDead: UInt8 = 4
        static let isNegative: UInt8 = 16
        static let isFailure: UInt8 = 32
        static let hasError: UInt8 = 64
    }

    /// Uses are counted up to here: an entry gets at most so many more rounds before it is evicted.
    static let mostUses: UInt8 = 3
}
