import DNSWire
import DomainNames
import Time

/// One shard of the cache: a room with two rings of entries, one after the other, and a hash index over both.
///
/// An entry is known by its offset in the room; those below `large.start` are in `small`. The index is a
/// table of list heads; an entry's `next` links to the following one. A reference is an offset divided by
/// four, plus one; 0 ends a list. Every live entry is in exactly one list.
struct CacheShard: ~Copyable, Sendable {
    /// The memory of all entries.
    private var room: EntryRoom
    /// The ring of new answers.
    private var small: EntryRing
    /// The ring of answers that were asked for again.
    private var large: EntryRing
    /// The first entry of each list, as a reference; a power of two of them.
    private var heads: [UInt32]
    /// The hashes of the last answers that left `small` unused: if one comes back, it goes to `large` at
    /// once. Empty until the first leaves.
    private var ghosts: [UInt32] = []
    /// Counts since the start, and the entries now.
    private(set) var statistics = CacheStatistics()
    /// The shard is not copied for calls.
    private let address = AddressOnly()

    /// The most octets of a room: references have 32 bits.
    private static let mostOctets = 1 << 33
    /// The number of lists before the index grows.
    private static let firstHeads = 64

    /// - Parameter octets: The room for entries; a tenth is for new ones.
    init(octets: Int) {
        let octets = min(octets, Self.mostOctets)
        small = EntryRing(from: 0, capacity: max(octets / 10, 32 * 1024))
        large = EntryRing(from: small.end, capacity: max(octets - octets / 10, 64 * 1024))
        room = EntryRoom(capacity: large.end)
        heads = Array(repeating: 0, count: Self.firstHeads)
    }

    // MARK: - Looking up

    mutating func load(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        if let entry = find(key, message), let hit = use(entry, at: now, into: &answer) {
            statistics.hits += 1
            return hit
        }
        statistics.misses += 1
        return nil
    }

    /// Copies the entry at `entry` out and counts the use; nil if its question has to be asked.
    private mutating func use(
        _ entry: Int, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        let stored = CacheEntry.storedTime(of: entry, in: room)
        let expires = stored + Int64(room.load32(entry + CacheEntry.fresh))
        let staleUntil = stored + Int64(room.load32(entry + CacheEntry.stale))
        let mayAsk = now.milliseconds >= stored + Int64(room.load32(entry + CacheEntry.askAfter))
        let isFresh = now.milliseconds < expires
        let word = room.load32(entry + CacheEntry.ownerFlagsUses)
        let uses = UInt8(truncatingIfNeeded: word >> 24)
        // A use counts whether the answer is fresh or not: it decides about replacing and evicting the entry.
        if uses < CacheEntry.mostUses {
            room.store(word &+ 0x0100_0000, entry + CacheEntry.ownerFlagsUses)
        }
        guard isFresh || (now.milliseconds < staleUntil && !mayAsk) else { return nil }
        let storedHits = room.load32(entry + CacheEntry.storedHits) &+ 0x1_0000
        let hits = storedHits >> 16
        room.store(storedHits, entry + CacheEntry.storedHits)
        let isFailure = UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isFailure != 0
        let wantsRefresh =
            isFresh && mayAsk && !isFailure && hits >= 3 && Self.isNearEnd(now.milliseconds, stored, expires)
        // No longer than it is fresh: a client that asks after that waits for the answer under way.
        if wantsRefresh { postpone(entry, until: min(now.milliseconds + Self.refreshTimeout, expires)) }
        let use = EntryUse(wantsRefresh: wantsRefresh, rotation: hits)
        return copyOut(entry, use, at: now, into: &answer)
    }

    func holdsPositive(_ key: CacheKey, _ message: Span<UInt8>) -> Bool {
        guard let entry = find(key, message) else { return false }
        return isPositive(entry)
    }

    mutating func loadInPlaceOfFailure(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        guard let entry = find(key, message), isUsable(entry, at: now), isPositive(entry) else { return nil }
        postpone(entry, until: now.milliseconds + Self.failureTime)
        return copyOut(entry, EntryUse(), at: now, into: &answer)
    }

    /// In milliseconds: longer than the total time that a cluster's servers are given.
    private static let refreshTimeout: Int64 = 2_000
    /// In milliseconds: the minimum of RFC 9520 section 3.2, since the next try may succeed.
    private static let failureTime: Int64 = 1_000

    /// - Parameter time: In milliseconds of `MonotonicTime`.
    private mutating func postpone(_ entry: Int, until time: Int64) {
        let wait = time - CacheEntry.storedTime(of: entry, in: room)
        room.store(UInt32(clamping: wait), entry + CacheEntry.askAfter)
    }

    /// True in the last tenth of the answer's life, and in its last second if it lives for more than two; all
    /// in milliseconds.
    private static func isNearEnd(_ now: Int64, _ stored: Int64, _ expires: Int64) -> Bool {
        let life = expires - stored
        guard life > 2_000 else { return false }
        return expires - now < max(1_000, life / 10)
    }

    /// Copies an entry's answer out, and describes it.
    private func copyOut(
        _ entry: Int, _ use: EntryUse, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit {
        let ownerFlagsUses = room.load32(entry + CacheEntry.ownerFlagsUses)
        let flags = UInt8(truncatingIfNeeded: ownerFlagsUses >> 16)
        let lengths = room.load32(entry + CacheEntry.lengths)
        let (length, marks) = (Int(lengths & 0xFFFF), Int(lengths >> 16))
        let nameViewType = room.load32(entry + CacheEntry.nameViewType)
        let message = room.octets(entry + CacheEntry.headerLength, count: length)
        let nameLength = Int(nameViewType & 0xFF)
        if flags & CacheEntry.Flags.isOneRecord != 0 {
            answer.load(
                oneRecord: message, nameLength: nameLength, type: Int(nameViewType >> 16),
                isAuthenticData: flags & CacheEntry.Flags.isAuthenticData != 0)
        } else {
            let start = entry + CacheEntry.headerLength + length
            answer.load(
                message: message, marks: room.octets(start, count: marks * RecordMarks.size),
                nameLength: nameLength)
        }
        if flags & CacheEntry.Flags.hasError != 0 {
            let error = CacheEntry.error(of: entry, length, marks, in: room)
            let start = entry + CacheEntry.headerLength + length + marks * RecordMarks.size
            let text = room.octets(start + CacheEntry.errorLength, count: Int(error.length))
            answer.extendedError = ExtendedError(code: Int(error.code), text: text.indices.map { text[$0] })
        }
        let stored = CacheEntry.storedTime(of: entry, in: room)
        let isFailure = flags & CacheEntry.Flags.isFailure != 0
        let fresh = Int64(room.load32(entry + CacheEntry.fresh))
        let age = UInt32(clamping: (now.nanoseconds - stored * 1_000_000 + 999_999_999) / 1_000_000_000)
        let isFresh = now.milliseconds < stored + fresh
        let askAfter = stored + Int64(room.load32(entry + CacheEntry.askAfter))
        return CacheHit(
            // In its last second an answer has a TTL of 1: with a TTL of 0 every client would ask again.
            age: isFresh ? min(age, UInt32(clamping: max(fresh / 1_000 - 1, 0))) : age, isFresh: isFresh,
            failedAt: MonotonicTime(
                nanoseconds: (isFailure ? stored : askAfter - Self.failureTime) * 1_000_000),
            isNegative: flags & CacheEntry.Flags.isNegative != 0,
            isFailure: isFailure, wantsRefresh: use.wantsRefresh, rotation: use.rotation,
            owner: UInt16(truncatingIfNeeded: ownerFlagsUses))
    }

    /// The entry of this question; nil if there is none.
    private func find(_ key: CacheKey, _ message: Span<UInt8>) -> Int? {
        var reference = heads[Int(truncatingIfNeeded: key.hash) & (heads.count - 1)]
        while reference != 0 {  // each list ends
            let entry = Self.offset(reference)
            if matches(entry, key, message) { return entry }
            reference = room.load32(entry + CacheEntry.next)
        }
        return nil
    }

    /// True if the entry is of this question, compared octet by octet.
    private func matches(_ entry: Int, _ key: CacheKey, _ message: Span<UInt8>) -> Bool {
        guard room.load32(entry + CacheEntry.hash) == UInt32(truncatingIfNeeded: key.hash),
            room.load32(entry + CacheEntry.nameViewType) == key.nameViewType
        else { return false }
        let word = room.load32(entry + CacheEntry.ownerFlagsUses)
        let variant = CacheEntry.Flags.wantsDNSSEC | CacheEntry.Flags.checkingDisabled
        let flags = UInt8(truncatingIfNeeded: word >> 16)
        guard flags & variant == key.flags else { return false }
        let length = Int(key.nameLength)
        let start = Self.nameStart(word, entry)
        var recordClass = RecordClass.internet
        if flags & CacheEntry.Flags.isOneRecord == 0 {
            // The type, which is also in the entry's head, and the class follow the name.
            let octets = room.octets(start + length + 2, count: 2)
            recordClass = Int(octets[0]) << 8 | Int(octets[1])
        }
        return recordClass == Int(key.recordClass)
            && isEqualFolded(
                room.octets(start, count: length), at: 0, message, at: Question.nameStart, count: length)
    }

    /// The offset of the name in an entry with this word of owner, flags and uses.
    private static func nameStart(_ ownerFlagsUses: UInt32, _ entry: Int) -> Int {
        let isOneRecord = UInt8(truncatingIfNeeded: ownerFlagsUses >> 16) & CacheEntry.Flags.isOneRecord != 0
        return entry + CacheEntry.headerLength + (isOneRecord ? 0 : Question.nameStart)
    }

    // MARK: - Storing

    mutating func store(
        _ key: CacheKey, _ answer: borrowing PreparedAnswer, _ life: CacheLife, at now: MonotonicTime
    ) {
        let head = EntryHead(key, answer, life, at: now)
        let size = head.size
        var isRefresh = false
        if let old = find(key, answer.octets.span) {
            isRefresh = true
            // A usable answer, even a stale one, is worth more than a failure.
            if life.kind == .failure, !isFailure(old), isUsable(old, at: now) { return }
            if rewrite(old, head, answer) == .rewritten { return }
            remove(old)
        }
        defer { statistics.octets = small.used + large.used }
        // An answer that would evict a large part of a ring is not stored.
        guard size <= large.capacity / 4 else { return }
        let isKnown = isRefresh || takeGhost(UInt32(truncatingIfNeeded: key.hash)) == .taken
        var moves = Self.mostMoves
        let goesToLarge = isKnown || size > small.capacity / 8
        guard let entry = append(size, toLarge: goesToLarge, now, &moves) else { return }
        CacheEntry.write(head, answer, to: &room, at: entry)
        link(entry, UInt32(truncatingIfNeeded: key.hash))
        statistics.entries += 1
        if statistics.entries > heads.count { growIndex() }
    }

    /// Whether an entry could be overwritten.
    private enum RewriteOutcome {
        /// It has the new answer.
        case rewritten
        /// It is in `small`, or has another size.
        case doesNotFit
    }

    /// Overwrites the answer to the same question in place. Otherwise old versions of short-lived answers
    /// would fill the ring.
    private mutating func rewrite(
        _ entry: Int, _ head: EntryHead, _ answer: borrowing PreparedAnswer
    ) -> RewriteOutcome {
        // An entry of the small ring that is stored again moves to the large one.
        guard entry >= large.start, CacheEntry.size(of: entry, in: room) == head.size else {
            return .doesNotFit
        }
        // Its position in the order of age stays the same, so its uses must still count when its turn comes.
        let field = entry + CacheEntry.ownerFlagsUses
        let uses = room.load32(field) & 0xFF00_0000
        CacheEntry.write(head, answer, to: &room, at: entry)
        room.store(room.load32(field) | uses, field)
        return .rewritten
    }

    // MARK: - Room

    /// Entries that one `store` may move inside `large` instead of evicting them: if all had the highest
    /// number of uses, it would otherwise move every one of them three times, with the lock held.
    private static let mostMoves = 64

    /// Reserves room in a ring, evicting the entries of least value; nil if there can't be enough.
    ///
    /// - Parameter moves: How many entries may still be moved instead of evicted.
    private mutating func append(
        _ size: Int, toLarge: Bool, _ now: MonotonicTime, _ moves: inout Int
    ) -> Int? {
        if toLarge {
            while true {  // each turn gives room back, but for `moves` of them
                if let entry = large.append(size) { return entry }
                guard !large.isEmpty else { return nil }
                evictFromLarge(now, &moves)
            }
        }
        while true {  // each turn takes the oldest entry out of `small`
            if let entry = small.append(size) { return entry }
            guard !small.isEmpty else { return nil }
            evictFromSmall(now, &moves)
        }
    }

    /// Takes the oldest entry out of `small`: it moves to `large` if that has room, and evicts others there
    /// only if it was used.
    private mutating func evictFromSmall(_ now: MonotonicTime, _ moves: inout Int) {
        let entry = small.oldest
        let size = CacheEntry.size(of: entry, in: room)
        let word = room.load32(entry + CacheEntry.ownerFlagsUses)
        defer { small.removeOldest(size) }
        guard !Self.isDead(word) else { return }
        let hash = room.load32(entry + CacheEntry.hash)
        unlink(entry, hash)
        let isOver = now.milliseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: room)
        // While `large` has room nothing needs to be evicted.
        var place = isOver ? nil : large.append(size)
        if place == nil, word >> 24 > 0, !isOver { place = append(size, toLarge: true, now, &moves) }
        if let place {
            room.copy(entry, to: place, count: size)
            room.store(word & 0x00FF_FFFF, place + CacheEntry.ownerFlagsUses)
            link(place, hash)
        } else {
            statistics.entries -= 1
            statistics.evictions += 1
            leaveGhost(hash)
        }
    }

    /// Takes the oldest entry out of `large`: one that was used is appended again with a lower count, as long
    /// as `moves` allows it.
    private mutating func evictFromLarge(_ now: MonotonicTime, _ moves: inout Int) {
        let entry = large.oldest
        let size = CacheEntry.size(of: entry, in: room)
        let word = room.load32(entry + CacheEntry.ownerFlagsUses)
        guard !Self.isDead(word) else {
            large.removeOldest(size)
            return
        }
        let hash = room.load32(entry + CacheEntry.hash)
        unlink(entry, hash)
        let isOver = now.milliseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: room)
        large.removeOldest(size)
        // The octets stay in place until that room is written: `copy` reads them before.
        if word >> 24 > 0, !isOver, moves > 0, let place = large.append(size) {
            moves -= 1
            room.copy(entry, to: place, count: size)
            room.store(word &- 0x0100_0000, place + CacheEntry.ownerFlagsUses)
            link(place, hash)
        } else {
            statistics.entries -= 1
            statistics.evictions += 1
        }
    }

    /// Stores the hash of an answer that leaves `small`.
    private mutating func leaveGhost(_ hash: UInt32) {
        if ghosts.count < heads.count { ghosts = Array(repeating: 0, count: heads.count) }
        ghosts[Int(hash) & (ghosts.count - 1)] = hash
    }

    /// Whether an answer has recently left `small`.
    private enum Ghost {
        /// Its hash was still known, and is forgotten now.
        case taken
        /// Its hash is not known.
        case none
    }

    /// Forgets the hash of an answer that has recently left `small`.
    private mutating func takeGhost(_ hash: UInt32) -> Ghost {
        guard !ghosts.isEmpty else { return .none }
        let index = Int(hash) & (ghosts.count - 1)
        guard ghosts[index] == hash, hash != 0 else { return .none }
        ghosts[index] = 0
        return .taken
    }

    // MARK: - The index

    /// Adds an entry to its list.
    private mutating func link(_ entry: Int, _ hash: UInt32) {
        let bucket = Int(hash) & (heads.count - 1)
        room.store(heads[bucket], entry + CacheEntry.next)
        heads[bucket] = Self.reference(entry)
    }

    /// Removes an entry from its list.
    private mutating func unlink(_ entry: Int, _ hash: UInt32) {
        let bucket = Int(hash) & (heads.count - 1)
        let reference = Self.reference(entry)
        let following = room.load32(entry + CacheEntry.next)
        var current = heads[bucket]
        if current == reference {
            heads[bucket] = following
            return
        }
        while current != 0 {  // each list ends
            let field = Self.offset(current) + CacheEntry.next
            current = room.load32(field)
            if current == reference {
                room.store(following, field)
                return
            }
        }
    }

    /// Marks an entry dead: no look-up finds it any more.
    private mutating func remove(_ entry: Int) {
        let field = entry + CacheEntry.ownerFlagsUses
        unlink(entry, room.load32(entry + CacheEntry.hash))
        room.store(room.load32(field) | UInt32(CacheEntry.Flags.isDead) << 16, field)
        statistics.entries -= 1
    }

    /// Removes the matching entries of the lists from `bucket` on, a bounded number of lists, so that a
    /// waiting thread gets the shard soon. Gives the number removed, and where to continue; nil at the end.
    ///
    /// The index may double between two calls: the lists that were examined then lie before `next` and after
    /// the old end, so none is skipped.
    mutating func removeAll(
        from bucket: Int, where isMeant: (Span<UInt8>, _ view: Int) -> Bool
    ) -> (count: Int, next: Int?) {
        var found: [Int] = []
        let end = min(bucket + Self.bucketsPerRemoval, heads.count)
        for head in heads[min(bucket, end)..<end] {
            var reference = head
            while reference != 0 {  // each list ends
                let entry = Self.offset(reference)
                let view = Int(room.load32(entry + CacheEntry.nameViewType) >> 8 & 0xFF)
                if isMeant(name(of: entry), view) { found.append(entry) }
                reference = room.load32(entry + CacheEntry.next)
            }
        }
        for entry in found { remove(entry) }
        return (found.count, end < heads.count ? end : nil)
    }

    /// Shows the positive entries of the lists from `bucket` on, as many lists as `removeAll` examines. Gives
    /// where to continue; nil at the end.
    func visit(from bucket: Int, _ look: (Span<UInt8>, CacheGlance) -> Void) -> Int? {
        let end = min(bucket + Self.bucketsPerRemoval, heads.count)
        for head in heads[min(bucket, end)..<end] {
            var reference = head
            while reference != 0 {  // each list ends
                let entry = Self.offset(reference)
                if isPositive(entry) {
                    let word = room.load32(entry + CacheEntry.nameViewType)
                    look(
                        name(of: entry),
                        CacheGlance(
                            view: Int(word >> 8 & 0xFF), type: Int(word >> 16),
                            owner: UInt16(
                                truncatingIfNeeded: room.load32(entry + CacheEntry.ownerFlagsUses)),
                            stored: MonotonicTime(
                                nanoseconds: CacheEntry.storedTime(of: entry, in: room) * 1_000_000)))
                }
                reference = room.load32(entry + CacheEntry.next)
            }
        }
        return end < heads.count ? end : nil
    }

    /// Lists that are examined while the lock is held once; each holds at most one entry on average.
    private static let bucketsPerRemoval = 512

    /// The question's name of an entry.
    @_lifetime(borrow self)
    private func name(of entry: Int) -> Span<UInt8> {
        room.octets(
            Self.nameStart(room.load32(entry + CacheEntry.ownerFlagsUses), entry),
            count: Int(room.load32(entry + CacheEntry.nameViewType) & 0xFF))
    }

    /// Doubles the number of lists when there are more entries than lists.
    private mutating func growIndex() {
        let old = heads
        heads = Array(repeating: 0, count: old.count * 2)
        for head in old {
            var reference = head
            while reference != 0 {  // each list ends
                let entry = Self.offset(reference)
                reference = room.load32(entry + CacheEntry.next)
                link(entry, room.load32(entry + CacheEntry.hash))
            }
        }
    }

    /// The flags of an entry; see `CacheEntry.Flags`.
    private func flags(_ entry: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: room.load32(entry + CacheEntry.ownerFlagsUses) >> 16)
    }

    /// True for an entry that is neither negative nor a failure.
    private func isPositive(_ entry: Int) -> Bool {
        flags(entry) & (CacheEntry.Flags.isNegative | CacheEntry.Flags.isFailure) == 0
    }

    /// True for an entry that is a failure.
    private func isFailure(_ entry: Int) -> Bool { flags(entry) & CacheEntry.Flags.isFailure != 0 }

    /// True for an entry that is fresh, or may be served stale.
    private func isUsable(_ entry: Int, at now: MonotonicTime) -> Bool {
        now.milliseconds < CacheEntry.time(CacheEntry.stale, of: entry, in: room)
    }

    /// True for the word of owner, flags and uses of a dead entry.
    private static func isDead(_ word: UInt32) -> Bool {
        UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isDead != 0
    }

    /// The reference of the entry at an offset.
    private static func reference(_ entry: Int) -> UInt32 { UInt32(truncatingIfNeeded: entry / 4 + 1) }

    /// The offset of the entry of a reference that is not 0.
    private static func offset(_ reference: UInt32) -> Int { Int(reference) * 4 - 4 }
}
