import DNSWire
import DomainNames
import Telemetry

/// One shard of the cache: two rings of entries and a hash index over both.
///
/// The index is a table of list heads; an entry's `next` links to the following one. A reference is an offset
/// divided by four, plus one, with the highest bit telling the ring; 0 ends a list. Every live entry is in
/// exactly one list.
struct CacheShard: ~Copyable, Sendable {
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

    /// The bit of a reference that is set for entries of `large`.
    private static let largeBit: UInt32 = 0x8000_0000
    /// The number of lists before the index grows.
    private static let firstHeads = 64

    /// - Parameter octets: The room for entries; a tenth is for new ones.
    init(octets: Int) {
        small = EntryRing(capacity: max(octets / 10, 32 * 1024))
        large = EntryRing(capacity: max(octets - octets / 10, 64 * 1024))
        heads = Array(repeating: 0, count: Self.firstHeads)
    }

    // MARK: - Looking up

    mutating func load(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        if let reference = find(key, message) {
            let hit =
                Self.isLarge(reference)
                ? Self.use(&large, Self.offset(reference), at: now, into: &answer)
                : Self.use(&small, Self.offset(reference), at: now, into: &answer)
            if let hit {
                statistics.hits += 1
                return hit
            }
        }
        statistics.misses += 1
        return nil
    }

    /// Copies the entry at `entry` out and counts the use; nil if its question has to be asked.
    private static func use(
        _ ring: inout EntryRing, _ entry: Int, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        let stored = CacheEntry.storedTime(of: entry, in: ring)
        let expires = stored + Int64(ring.load32(entry + CacheEntry.fresh))
        let staleUntil = stored + Int64(ring.load32(entry + CacheEntry.stale))
        let mayAsk = now.milliseconds >= stored + Int64(ring.load32(entry + CacheEntry.askAfter))
        let isFresh = now.milliseconds < expires
        let word = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let uses = UInt8(truncatingIfNeeded: word >> 24)
        // A use counts whether the answer is fresh or not: it decides about replacing and evicting the entry.
        if uses < CacheEntry.mostUses {
            ring.store(word &+ 0x0100_0000, entry + CacheEntry.ownerFlagsUses)
        }
        guard isFresh || (now.milliseconds < staleUntil && !mayAsk) else { return nil }
        let storedHits = ring.load32(entry + CacheEntry.storedHits) &+ 0x1_0000
        let hits = storedHits >> 16
        ring.store(storedHits, entry + CacheEntry.storedHits)
        let isFailure = UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isFailure != 0
        let wantsRefresh =
            isFresh && mayAsk && !isFailure && hits >= 3 && isNearEnd(now.milliseconds, stored, expires)
        // No longer than it is fresh: a client that asks after that waits for the answer under way.
        if wantsRefresh { postpone(&ring, entry, until: min(now.milliseconds + refreshTimeout, expires)) }
        let use = EntryUse(wantsRefresh: wantsRefresh, rotation: hits)
        return copyOut(ring, entry, use, at: now, into: &answer)
    }

    func holdsPositive(_ key: CacheKey, _ message: Span<UInt8>) -> Bool {
        guard let reference = find(key, message) else { return false }
        return isPositive(reference)
    }

    mutating func loadInPlaceOfFailure(
        _ key: CacheKey, _ message: Span<UInt8>, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        guard let reference = find(key, message), isUsable(reference, at: now), isPositive(reference) else {
            return nil
        }
        let entry = Self.offset(reference)
        let end = now.milliseconds + Self.failureTime
        if Self.isLarge(reference) {
            Self.postpone(&large, entry, until: end)
            return Self.copyOut(large, entry, EntryUse(), at: now, into: &answer)
        }
        Self.postpone(&small, entry, until: end)
        return Self.copyOut(small, entry, EntryUse(), at: now, into: &answer)
    }

    /// In milliseconds: longer than the total time that a cluster's servers are given.
    private static let refreshTimeout: Int64 = 2_000
    /// In milliseconds: the minimum of RFC 9520 section 3.2, since the next try may succeed.
    private static let failureTime: Int64 = 1_000

    /// - Parameter time: In milliseconds of `MonotonicTime`.
    private static func postpone(_ ring: inout EntryRing, _ entry: Int, until time: Int64) {
        let wait = time - CacheEntry.storedTime(of: entry, in: ring)
        ring.store(UInt32(clamping: wait), entry + CacheEntry.askAfter)
    }

    /// True in the last tenth of the answer's life, and in its last second if it lives for more than two; all
    /// in milliseconds.
    private static func isNearEnd(_ now: Int64, _ stored: Int64, _ expires: Int64) -> Bool {
        let life = expires - stored
        guard life > 2_000 else { return false }
        return expires - now < max(1_000, life / 10)
    }

    /// Copies an entry's answer out, and describes it.
    private static func copyOut(
        _ ring: borrowing EntryRing, _ entry: Int, _ use: EntryUse, at now: MonotonicTime,
        into answer: inout PreparedAnswer
    ) -> CacheHit {
        let ownerFlagsUses = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let flags = UInt8(truncatingIfNeeded: ownerFlagsUses >> 16)
        let lengths = ring.load32(entry + CacheEntry.lengths)
        let (length, marks) = (Int(lengths & 0xFFFF), Int(lengths >> 16))
        let nameViewType = ring.load32(entry + CacheEntry.nameViewType)
        let message = ring.octets(entry + CacheEntry.headerLength, count: length)
        let nameLength = Int(nameViewType & 0xFF)
        if flags & CacheEntry.Flags.isOneRecord != 0 {
            answer.load(
                oneRecord: message, nameLength: nameLength, type: Int(nameViewType >> 16),
                isAuthenticData: flags & CacheEntry.Flags.isAuthenticData != 0)
        } else {
            let start = entry + CacheEntry.headerLength + length
            answer.load(
                message: message, marks: ring.octets(start, count: marks * RecordMarks.size),
                nameLength: nameLength)
        }
        if flags & CacheEntry.Flags.hasError != 0 {
            let error = CacheEntry.error(of: entry, length, marks, in: ring)
            let start = entry + CacheEntry.headerLength + length + marks * RecordMarks.size
            let text = ring.octets(start + CacheEntry.errorLength, count: Int(error.length))
            answer.extendedError = ExtendedError(code: Int(error.code), text: text.indices.map { text[$0] })
        }
        let stored = CacheEntry.storedTime(of: entry, in: ring)
        let isFailure = flags & CacheEntry.Flags.isFailure != 0
        let fresh = Int64(ring.load32(entry + CacheEntry.fresh))
        let age = UInt32(clamping: (now.nanoseconds - stored * 1_000_000 + 999_999_999) / 1_000_000_000)
        let isFresh = now.milliseconds < stored + fresh
        let askAfter = stored + Int64(ring.load32(entry + CacheEntry.askAfter))
        return CacheHit(
            // In its last second an answer has a TTL of 1: with a TTL of 0 every client would ask again.
            age: isFresh ? min(age, UInt32(clamping: max(fresh / 1_000 - 1, 0))) : age, isFresh: isFresh,
            failedAt: MonotonicTime(
                nanoseconds: (isFailure ? stored : askAfter - failureTime) * 1_000_000),
            isNegative: flags & CacheEntry.Flags.isNegative != 0,
            isFailure: isFailure, wantsRefresh: use.wantsRefresh, rotation: use.rotation,
            owner: UInt16(truncatingIfNeeded: ownerFlagsUses))
    }

    /// The reference of the entry of this question; nil if there is none.
    private func find(_ key: CacheKey, _ message: Span<UInt8>) -> UInt32? {
        var reference = heads[Int(truncatingIfNeeded: key.hash) & (heads.count - 1)]
        while reference != 0 {  // each list ends
            let entry = Self.offset(reference)
            let isLarge = Self.isLarge(reference)
            if isLarge ? Self.matches(large, entry, key, message) : Self.matches(small, entry, key, message) {
                return reference
            }
            reference =
                isLarge ? large.load32(entry + CacheEntry.next) : small.load32(entry + CacheEntry.next)
        }
        return nil
    }

    /// True if the entry is of this question, compared octet by octet.
    private static func matches(
        _ ring: borrowing EntryRing, _ entry: Int, _ key: CacheKey, _ message: Span<UInt8>
    ) -> Bool {
        guard ring.load32(entry + CacheEntry.hash) == UInt32(truncatingIfNeeded: key.hash),
            ring.load32(entry + CacheEntry.nameViewType) == key.nameViewType
        else { return false }
        let word = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let variant = CacheEntry.Flags.wantsDNSSEC | CacheEntry.Flags.checkingDisabled
        let flags = UInt8(truncatingIfNeeded: word >> 16)
        guard flags & variant == key.flags else { return false }
        let length = Int(key.nameLength)
        let start = nameStart(word, entry)
        var recordClass = RecordClass.internet
        if flags & CacheEntry.Flags.isOneRecord == 0 {
            // The type, which is also in the entry's head, and the class follow the name.
            let octets = ring.octets(start + length + 2, count: 2)
            recordClass = Int(octets[0]) << 8 | Int(octets[1])
        }
        return recordClass == Int(key.recordClass)
            && isEqualFolded(
                ring.octets(start, count: length), 0, message, Question.nameStart, count: length)
    }

    /// The offset of the name in an entry with this word of owner, flags and uses.
    private static func nameStart(_ ownerFlagsUses: UInt32, _ entry: Int) -> Int {
        let isOneRecord = UInt8(truncatingIfNeeded: ownerFlagsUses >> 16) & CacheEntry.Flags.isOneRecord != 0
        return entry + CacheEntry.headerLength + (isOneRecord ? 0 : Question.nameStart)
    }

    // MARK: - Keeping

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
            if rewrite(old, head, answer) { return }
            remove(old)
        }
        defer { statistics.octets = small.used + large.used }
        // An answer that would evict a large part of a ring is not stored.
        guard size <= large.capacity / 4 else { return }
        let isKnown = isRefresh || takeGhost(UInt32(truncatingIfNeeded: key.hash))
        var moves = Self.mostMoves
        guard let reference = append(size, toLarge: isKnown || size > small.capacity / 8, now, &moves) else {
            return
        }
        let offset = Self.offset(reference)
        if Self.isLarge(reference) {
            CacheEntry.write(head, answer, to: &large, at: offset)
        } else {
            CacheEntry.write(head, answer, to: &small, at: offset)
        }
        link(reference, UInt32(truncatingIfNeeded: key.hash))
        statistics.entries += 1
        if statistics.entries > heads.count { growIndex() }
    }

    /// Overwrites the answer to the same question in place; false if the new one has another size.
    ///
    /// Otherwise old versions of short-lived answers would fill the ring.
    private mutating func rewrite(
        _ reference: UInt32, _ head: EntryHead, _ answer: borrowing PreparedAnswer
    ) -> Bool {
        let entry = Self.offset(reference)
        // An entry of the small ring that is stored again moves to the large one.
        guard Self.isLarge(reference), CacheEntry.size(of: entry, in: large) == head.size else {
            return false
        }
        // Its position in the order of age stays the same, so its uses must still count when its turn comes.
        let uses = large.load32(entry + CacheEntry.ownerFlagsUses) & 0xFF00_0000
        CacheEntry.write(head, answer, to: &large, at: entry)
        large.store(
            large.load32(entry + CacheEntry.ownerFlagsUses) | uses, entry + CacheEntry.ownerFlagsUses)
        return true
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
    ) -> UInt32? {
        if toLarge {
            while true {  // each turn gives room back, but for `moves` of them
                if let offset = large.append(size) { return Self.reference(offset, isLarge: true) }
                guard !large.isEmpty else { return nil }
                evictFromLarge(now, &moves)
            }
        }
        while true {  // each turn takes the oldest entry out of `small`
            if let offset = small.append(size) { return Self.reference(offset, isLarge: false) }
            guard !small.isEmpty else { return nil }
            evictFromSmall(now, &moves)
        }
    }

    /// Takes the oldest entry out of `small`: it moves to `large` if that has room, and evicts others there
    /// only if it was used.
    private mutating func evictFromSmall(_ now: MonotonicTime, _ moves: inout Int) {
        let entry = small.oldest
        let size = CacheEntry.size(of: entry, in: small)
        let word = small.load32(entry + CacheEntry.ownerFlagsUses)
        defer { small.removeOldest(size) }
        guard !Self.isDead(word) else { return }
        let hash = small.load32(entry + CacheEntry.hash)
        unlink(Self.reference(entry, isLarge: false), hash)
        let isOver = now.milliseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: small)
        // While `large` has room nothing needs to be evicted.
        var place = isOver ? nil : large.append(size).map { Self.reference($0, isLarge: true) }
        if place == nil, word >> 24 > 0, !isOver { place = append(size, toLarge: true, now, &moves) }
        if let place {
            large.copy(from: small, entry, to: Self.offset(place), count: size)
            large.store(word & 0x00FF_FFFF, Self.offset(place) + CacheEntry.ownerFlagsUses)
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
        let size = CacheEntry.size(of: entry, in: large)
        let word = large.load32(entry + CacheEntry.ownerFlagsUses)
        guard !Self.isDead(word) else {
            large.removeOldest(size)
            return
        }
        let hash = large.load32(entry + CacheEntry.hash)
        unlink(Self.reference(entry, isLarge: true), hash)
        let isOver = now.milliseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: large)
        large.removeOldest(size)
        // The octets stay in place until that room is written: `move` reads them before.
        if word >> 24 > 0, !isOver, moves > 0, let offset = large.append(size) {
            moves -= 1
            large.move(entry, to: offset, count: size)
            large.store(word &- 0x0100_0000, offset + CacheEntry.ownerFlagsUses)
            link(Self.reference(offset, isLarge: true), hash)
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

    /// True, once, for a hash whose answer has recently left `small`.
    private mutating func takeGhost(_ hash: UInt32) -> Bool {
        guard !ghosts.isEmpty else { return false }
        let index = Int(hash) & (ghosts.count - 1)
        guard ghosts[index] == hash, hash != 0 else { return false }
        ghosts[index] = 0
        return true
    }

    // MARK: - The index

    /// Adds an entry to its list.
    private mutating func link(_ reference: UInt32, _ hash: UInt32) {
        let bucket = Int(hash) & (heads.count - 1)
        setNext(of: reference, to: heads[bucket])
        heads[bucket] = reference
    }

    /// Removes an entry from its list.
    private mutating func unlink(_ reference: UInt32, _ hash: UInt32) {
        let bucket = Int(hash) & (heads.count - 1)
        var current = heads[bucket]
        if current == reference {
            heads[bucket] = next(of: reference)
            return
        }
        while current != 0 {  // each list ends
            let following = next(of: current)
            if following == reference {
                setNext(of: current, to: next(of: reference))
                return
            }
            current = following
        }
    }

    /// Marks an entry dead: no look-up finds it any more.
    private mutating func remove(_ reference: UInt32) {
        let entry = Self.offset(reference)
        let dead = UInt32(CacheEntry.Flags.isDead) << 16
        let field = entry + CacheEntry.ownerFlagsUses
        if Self.isLarge(reference) {
            unlink(reference, large.load32(entry + CacheEntry.hash))
            large.store(large.load32(field) | dead, field)
        } else {
            unlink(reference, small.load32(entry + CacheEntry.hash))
            small.store(small.load32(field) | dead, field)
        }
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
        var found: [UInt32] = []
        let end = min(bucket + Self.bucketsPerRemoval, heads.count)
        for head in heads[min(bucket, end)..<end] {
            var reference = head
            while reference != 0 {  // each list ends
                let view = Int(load32(CacheEntry.nameViewType, of: reference) >> 8 & 0xFF)
                if isMeant(name(of: reference), view) { found.append(reference) }
                reference = next(of: reference)
            }
        }
        for reference in found { remove(reference) }
        return (found.count, end < heads.count ? end : nil)
    }

    /// Lists that are examined while the lock is held once; each holds at most one entry on average.
    private static let bucketsPerRemoval = 512

    /// The question's name of an entry.
    @_lifetime(borrow self)
    private func name(of reference: UInt32) -> Span<UInt8> {
        let entry = Self.offset(reference)
        if Self.isLarge(reference) {
            return large.octets(
                Self.nameStart(large.load32(entry + CacheEntry.ownerFlagsUses), entry),
                count: Int(large.load32(entry + CacheEntry.nameViewType) & 0xFF))
        }
        return small.octets(
            Self.nameStart(small.load32(entry + CacheEntry.ownerFlagsUses), entry),
            count: Int(small.load32(entry + CacheEntry.nameViewType) & 0xFF))
    }

    /// Doubles the number of lists when there are more entries than lists.
    private mutating func growIndex() {
        let old = heads
        heads = Array(repeating: 0, count: old.count * 2)
        for head in old {
            var reference = head
            while reference != 0 {  // each list ends
                let following = next(of: reference)
                link(reference, load32(CacheEntry.hash, of: reference))
                reference = following
            }
        }
    }

    private func next(of reference: UInt32) -> UInt32 { load32(CacheEntry.next, of: reference) }

    /// A field of an entry in either ring.
    private func load32(_ field: Int, of reference: UInt32) -> UInt32 {
        let place = Self.offset(reference) + field
        return Self.isLarge(reference) ? large.load32(place) : small.load32(place)
    }

    private mutating func setNext(of reference: UInt32, to next: UInt32) {
        let field = Self.offset(reference) + CacheEntry.next
        if Self.isLarge(reference) { large.store(next, field) } else { small.store(next, field) }
    }

    private func flags(_ reference: UInt32) -> UInt8 {
        let field = Self.offset(reference) + CacheEntry.ownerFlagsUses
        let word = Self.isLarge(reference) ? large.load32(field) : small.load32(field)
        return UInt8(truncatingIfNeeded: word >> 16)
    }

    /// True for an entry that is neither negative nor a failure.
    private func isPositive(_ reference: UInt32) -> Bool {
        flags(reference) & (CacheEntry.Flags.isNegative | CacheEntry.Flags.isFailure) == 0
    }
    private func isFailure(_ reference: UInt32) -> Bool { flags(reference) & CacheEntry.Flags.isFailure != 0 }

    /// True for an entry that is fresh, or may be served stale.
    private func isUsable(_ reference: UInt32, at now: MonotonicTime) -> Bool {
        let entry = Self.offset(reference)
        return now.milliseconds
            < (Self.isLarge(reference)
                ? CacheEntry.time(CacheEntry.stale, of: entry, in: large)
                : CacheEntry.time(CacheEntry.stale, of: entry, in: small))
    }

    /// True for the word of owner, flags and uses of a dead entry.
    private static func isDead(_ word: UInt32) -> Bool {
        UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isDead != 0
    }

    /// The reference of the entry at an offset of a ring.
    private static func reference(_ offset: Int, isLarge: Bool) -> UInt32 {
        UInt32(offset / 4 + 1) | (isLarge ? largeBit : 0)
    }

    private static func offset(_ reference: UInt32) -> Int { Int(reference & ~largeBit) * 4 - 4 }
    private static func isLarge(_ reference: UInt32) -> Bool { reference & largeBit != 0 }
}
