/// The layout of an entry in an `EntryRoom`, in octets from its start.
///
/// ```
///  0 hash 4 | 4 next 4 | 8 stored 6 | 14 hits 2 | 16 fresh 4 | 20 stale 4 | 24 ask after 4
/// 28 name length 1, view 1, type 2 | 32 owner 2, flags 1, uses 1 | 36 message length 2, marks 2
/// 40 message | marks, eight octets each | of an error: code 2, length 2, text | up to a multiple of 4
/// ```
/// Times are in milliseconds: `stored` of `MonotonicTime`, rounded down; the others since then, at most
/// 49 days.
///
/// Most answers hold one record that repeats the question's name and type, in class IN. Such an entry, with
/// `isOneRecord`, has no marks, and only what is not in the fields above: name | TTL 4 | data.
enum CacheEntry {
    /// The low 32 bits of the key's hash; the highest have chosen the shard.
    static let hash = 0
    /// The reference of the next entry in the same list of the index.
    static let next = 4
    /// The low 32 bits of `stored`.
    static let stored = 8
    /// The other 16 bits of `stored`, then the hits in the high 16 bits.
    static let storedHits = 12
    /// When the TTL ends.
    static let fresh = 16
    /// When it may no longer be served stale.
    static let stale = 20
    /// Until then the question is not asked again: a refresh is under way, or has just failed.
    static let askAfter = 24
    /// Name length in the low octet, then the view, then the type's 16 bits.
    static let nameViewType = 28
    /// The owner in the low 16 bits, then `Flags`, then the uses that eviction counts.
    static let ownerFlagsUses = 32
    /// The message's length in the low 16 bits, then the number of marks.
    static let lengths = 36
    /// Octets before the message.
    static let headerLength = 40
    /// Code and length of the Extended DNS Error, before its text.
    static let errorLength = 4

    /// When it was stored, in milliseconds of `MonotonicTime`.
    static func storedTime(of entry: Int, in room: borrowing EntryRoom) -> Int64 {
        Int64(room.load32(entry + stored)) | Int64(room.load32(entry + storedHits) & 0xFFFF) << 32
    }

    /// One of the times stored relative to `stored`, in milliseconds of `MonotonicTime`.
    static func time(_ field: Int, of entry: Int, in room: borrowing EntryRoom) -> Int64 {
        storedTime(of: entry, in: room) + Int64(room.load32(entry + field))
    }

    /// Nanoseconds as such a time; at most 49 days.
    static func milliseconds(_ nanoseconds: Int64) -> UInt32 {
        UInt32(clamping: nanoseconds / 1_000_000)
    }

    /// The size of an entry with these parts, in octets.
    static func size(messageLength: Int, marks: Int, errorText: Int?) -> Int {
        let error = errorText.map { $0 + errorLength } ?? 0
        return (headerLength + messageLength + marks * 8 + error + 3) & ~3
    }

    /// Octets of the entry at `entry`.
    static func size(of entry: Int, in room: borrowing EntryRoom) -> Int {
        let lengths = room.load32(entry + Self.lengths)
        let (length, marks) = (Int(lengths & 0xFFFF), Int(lengths >> 16))
        let flags = UInt8(truncatingIfNeeded: room.load32(entry + ownerFlagsUses) >> 16)
        let text =
            flags & Flags.hasError != 0
            ? Int(error(of: entry, length, marks, in: room).length) : nil
        return size(messageLength: length, marks: marks, errorText: text)
    }

    /// Code and length of the error of an entry that has one.
    static func error(
        of entry: Int, _ messageLength: Int, _ marks: Int, in room: borrowing EntryRoom
    ) -> (code: UInt16, length: UInt16) {
        let octets = room.octets(entry + headerLength + messageLength + marks * 8, count: errorLength)
        return (
            UInt16(octets[0]) << 8 | UInt16(octets[1]), UInt16(octets[2]) << 8 | UInt16(octets[3])
        )
    }

    /// Bits that say what kind of answer an entry is, and its state.
    enum Flags {
        /// The question had DO.
        static let wantsDNSSEC: UInt8 = 1
        /// The question had CD.
        static let checkingDisabled: UInt8 = 2
        /// Replaced or flushed: its room is freed when it becomes the oldest.
        static let isDead: UInt8 = 4
        /// The entry has the short form of an answer of one record.
        static let isOneRecord: UInt8 = 8
        /// See `CacheHit.isNegative`.
        static let isNegative: UInt8 = 16
        /// See `CacheHit.isFailure`.
        static let isFailure: UInt8 = 32
        /// An Extended DNS Error follows the marks.
        static let hasError: UInt8 = 64
        /// The bit AD of an answer of one record, whose header is not stored.
        static let isAuthenticData: UInt8 = 128
    }

    /// Uses are counted up to this number: an entry survives at most so many evictions.
    static let mostUses: UInt8 = 3
}

/// What a hit means for the client's reply and for the servers.
struct EntryUse {
    /// True if the question is to be asked again before the answer expires.
    var wantsRefresh = false
    /// By how many places the sets of the reply are rotated.
    var rotation: UInt32 = 0
}
