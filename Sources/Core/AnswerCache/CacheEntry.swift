/// The layout of an entry in a ring, in octets from its start.
///
/// ```
///  0 hash 8 | 8 stored 8 | 16 fresh 4 | 20 stale 4 | 24 ask after 4 | 28 size 4 | 32 next 4 | 36 hits 4
/// 40 message length 2, error text length 2 | 44 name length 1, view 1, type 2
/// 48 owner 2, flags 1, uses 1 | 52 marks 2, error code 2
/// 56 message | marks, eight octets each | error text | up to a multiple of eight
/// ```
/// `stored` is in nanoseconds of `MonotonicTime`; the other times are milliseconds since then, at most 49
/// days.
enum CacheEntry {
    static let hash = 0
    static let stored = 8
    /// When its TTL is over.
    static let fresh = 16
    /// When it may not be served stale any more.
    static let stale = 20
    /// Until then nobody asks for it again: that is under way, or has just failed.
    static let askAfter = 24
    static let size = 28
    static let next = 32
    static let hits = 36
    /// The message's length in the low 16 bits, then the length of the Extended DNS Error's text.
    static let lengths = 40
    /// Name length in the low octet, then the view, then the type's 16 bits.
    static let nameViewType = 44
    /// The owner in the low 16 bits, then `Flags`, then the uses that eviction counts.
    static let ownerFlagsUses = 48
    /// Number of marks in the low 16 bits, then the Extended DNS Error's code.
    static let marksAndErrorCode = 52
    static let headerLength = 56

    /// One of the times that stand as milliseconds since the entry was stored, in nanoseconds.
    static func time(_ field: Int, of entry: Int, in ring: borrowing EntryRing) -> Int64 {
        Int64(bitPattern: ring.load64(entry + stored)) + Int64(ring.load32(entry + field)) * 1_000_000
    }

    /// Nanoseconds as such a time; longer than 49 days counts as these.
    static func milliseconds(_ nanoseconds: Int64) -> UInt32 {
        UInt32(clamping: nanoseconds / 1_000_000)
    }

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
