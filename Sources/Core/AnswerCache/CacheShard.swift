import DNSWire
import DomainNames
import Telemetry

/// One shard of the cache: two rings of entries and a hash index over both.
///
/// The index is a table of list heads; an entry's `next` goes on. A reference is an offset divided by eight,
/// plus one, with the highest bit telling the ring; 0 ends a list. Every live entry is in exactly one list.
struct CacheShard: ~Copyable, Sendable {
    /// Where new answers stand first.
    private var small: EntryRing
    /// Where answers that were asked for again stand.
    private var large: EntryRing
    private var heads: [UInt32]
    /// The hashes of answers that left `small` unused, for a while: one that comes back goes to `large` at
    /// once.
    private var ghosts: [UInt32]
    private(set) var statistics = CacheStatistics()

    private static let largeBit: UInt32 = 0x8000_0000
    private static let firstHeads = 64

    /// - Parameter octets: The room for entries; a tenth is for new ones.
    init(octets: Int) {
        small = EntryRing(capacity: max(octets / 10, 32 * 1024))
        large = EntryRing(capacity: max(octets - octets / 10, 64 * 1024))
        heads = Array(repeating: 0, count: Self.firstHeads)
        ghosts = Array(repeating: 0, count: 1024)
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

    /// Copies the entry at `entry` out and counts the use; nil where its question has to be asked.
    private static func use(
        _ ring: inout EntryRing, _ entry: Int, at now: MonotonicTime, into answer: inout PreparedAnswer
    ) -> CacheHit? {
        let expires = CacheEntry.time(CacheEntry.fresh, of: entry, in: ring)
        let staleUntil = CacheEntry.time(CacheEntry.stale, of: entry, in: ring)
        let mayAsk = now.nanoseconds >= CacheEntry.time(CacheEntry.askAfter, of: entry, in: ring)
        let isFresh = now.nanoseconds < expires
        let word = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let uses = UInt8(truncatingIfNeeded: word >> 24)
        // Somebody asks for it, fresh or not: when it is replaced, or becomes the oldest, that counts.
        if uses < CacheEntry.mostUses {
            ring.store(word &+ 0x0100_0000, entry + CacheEntry.ownerFlagsUses)
        }
        guard isFresh || (now.nanoseconds < staleUntil && !mayAsk) else { return nil }
        let stored = Int64(bitPattern: ring.load64(entry + CacheEntry.stored))
        let hits = ring.load32(entry + CacheEntry.hits) &+ 1
        ring.store(hits, entry + CacheEntry.hits)
        let isFailure = UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isFailure != 0
        let wantsRefresh =
            isFresh && mayAsk && !isFailure && hits >= 3 && isNearEnd(now.nanoseconds, stored, expires)
        if wantsRefresh { postpone(&ring, entry, until: now.nanoseconds + refreshPatience) }
        return copyOut(ring, entry, at: now, wantsRefresh: wantsRefresh, rotation: hits, into: &answer)
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
        let end = now.nanoseconds + Self.failurePatience
        if Self.isLarge(reference) {
            Self.postpone(&large, entry, until: end)
            return Self.copyOut(large, entry, at: now, wantsRefresh: false, rotation: 0, into: &answer)
        }
        Self.postpone(&small, entry, until: end)
        return Self.copyOut(small, entry, at: now, wantsRefresh: false, rotation: 0, into: &answer)
    }

    /// In nanoseconds: longer than the servers of a cluster are waited for.
    private static let refreshPatience: Int64 = 2_000_000_000
    /// In nanoseconds: the least that RFC 9520 section 3.2 asks for, since the next try may be a good one.
    private static let failurePatience: Int64 = 1_000_000_000

    private static func postpone(_ ring: inout EntryRing, _ entry: Int, until time: Int64) {
        let stored = Int64(bitPattern: ring.load64(entry + CacheEntry.stored))
        ring.store(CacheEntry.milliseconds(time - stored), entry + CacheEntry.askAfter)
    }

    /// The last tenth of the answer's life, and at least its last second where it lives for more than two.
    private static func isNearEnd(_ now: Int64, _ stored: Int64, _ expires: Int64) -> Bool {
        let life = expires - stored
        guard life > 2_000_000_000 else { return false }
        return expires - now < max(1_000_000_000, life / 10)
    }

    private static func copyOut(
        _ ring: borrowing EntryRing, _ entry: Int, at now: MonotonicTime, wantsRefresh: Bool,
        rotation: UInt32, into answer: inout PreparedAnswer
    ) -> CacheHit {
        let word = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let flags = UInt8(truncatingIfNeeded: word >> 16)
        let lengths = ring.load32(entry + CacheEntry.lengths)
        let length = Int(lengths & 0xFFFF)
        let marks = Int(ring.load32(entry + CacheEntry.marksAndErrorCode) & 0xFFFF)
        let start = entry + CacheEntry.headerLength
        answer.load(
            message: ring.octets(start, count: length),
            marks: ring.octets(start + length, count: marks * RecordMarks.size),
            nameLength: Int(ring.load32(entry + CacheEntry.nameViewType) & 0xFF))
        if flags & CacheEntry.Flags.hasError != 0 {
            let textLength = Int(lengths >> 16)
            let text = ring.octets(start + length + marks * RecordMarks.size, count: textLength)
            answer.extendedError = ExtendedError(
                code: Int(ring.load32(entry + CacheEntry.marksAndErrorCode) >> 16),
                text: text.indices.map { text[$0] })
        }
        let stored = Int64(bitPattern: ring.load64(entry + CacheEntry.stored))
        return CacheHit(
            age: UInt32(clamping: (now.nanoseconds - stored + 999_999_999) / 1_000_000_000),
            isFresh: now.nanoseconds < CacheEntry.time(CacheEntry.fresh, of: entry, in: ring),
            isNegative: flags & CacheEntry.Flags.isNegative != 0,
            isFailure: flags & CacheEntry.Flags.isFailure != 0,
            wantsRefresh: wantsRefresh, rotation: rotation, owner: UInt16(truncatingIfNeeded: word))
    }

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

    private static func matches(
        _ ring: borrowing EntryRing, _ entry: Int, _ key: CacheKey, _ message: Span<UInt8>
    ) -> Bool {
        guard ring.load64(entry + CacheEntry.hash) == key.hash,
            ring.load32(entry + CacheEntry.nameViewType) == key.nameViewType
        else { return false }
        let word = ring.load32(entry + CacheEntry.ownerFlagsUses)
        let variant = CacheEntry.Flags.wantsDNSSEC | CacheEntry.Flags.checkingDisabled
        guard UInt8(truncatingIfNeeded: word >> 16) & variant == key.flags else { return false }
        let length = Int(key.nameLength)
        // The name, the type, which stands in the entry's head too, and the class.
        let name = ring.octets(entry + CacheEntry.headerLength + Question.nameStart, count: length + 4)
        guard name[length + 2] == UInt8(key.recordClass >> 8),
            name[length + 3] == UInt8(truncatingIfNeeded: key.recordClass)
        else { return false }
        for index in 0..<length
        where foldedOctet(name[index]) != foldedOctet(message[Question.nameStart + index]) {
            return false
        }
        return true
    }

    // MARK: - Keeping

    mutating func store(
        _ key: CacheKey, _ answer: borrowing PreparedAnswer, _ life: CacheLife, at now: MonotonicTime
    ) {
        let text = answer.extendedError?.text ?? []
        let octets = CacheEntry.headerLength + answer.octets.count + answer.marks.octets.count + text.count
        let size = (octets + 7) & ~7
        var isRefresh = false
        if let old = find(key, answer.octets.span) {
            isRefresh = true
            // A good answer, even a stale one, is worth more than the news that none came.
            if life.kind == .failure, !isFailure(old), isUsable(old, at: now) { return }
            if rewrite(old, key, answer, text, size, life, at: now) { return }
            remove(old)
        }
        defer { statistics.octets = small.used + large.used }
        // An answer that would push out a large part of a ring is not worth it.
        guard size <= large.capacity / 4 else { return }
        let isKnown = isRefresh || takeGhost(key.hash)
        guard let reference = append(size, toLarge: isKnown || size > small.capacity / 8, now) else { return }
        let offset = Self.offset(reference)
        if Self.isLarge(reference) {
            Self.write(key, answer, text, size, life, to: &large, offset, now)
        } else {
            Self.write(key, answer, text, size, life, to: &small, offset, now)
        }
        link(reference, key.hash)
        statistics.entries += 1
        if statistics.entries > heads.count { growIndex() }
    }

    /// Puts an answer in the place of the one to the same question; false where it is longer or shorter.
    ///
    /// Else names whose answers live for seconds would fill the room with their past.
    private mutating func rewrite(
        _ reference: UInt32, _ key: CacheKey, _ answer: borrowing PreparedAnswer, _ text: [UInt8],
        _ size: Int, _ life: CacheLife, at now: MonotonicTime
    ) -> Bool {
        let entry = Self.offset(reference)
        // One in the small ring has proved by now that it belongs in the large one.
        guard Self.isLarge(reference), Int(large.load32(entry + CacheEntry.size)) == size else {
            return false
        }
        // It stays where it is in the order of age: its uses must still count when its turn comes.
        let uses = large.load32(entry + CacheEntry.ownerFlagsUses) & 0xFF00_0000
        Self.write(key, answer, text, size, life, to: &large, entry, now)
        large.store(
            large.load32(entry + CacheEntry.ownerFlagsUses) | uses, entry + CacheEntry.ownerFlagsUses)
        return true
    }

    private static func write(
        _ key: CacheKey, _ answer: borrowing PreparedAnswer, _ text: [UInt8], _ size: Int,
        _ life: CacheLife, to ring: inout EntryRing, _ entry: Int, _ now: MonotonicTime
    ) {
        var flags = key.flags
        if life.kind == .negative { flags |= CacheEntry.Flags.isNegative }
        if life.kind == .failure { flags |= CacheEntry.Flags.isFailure }
        if answer.extendedError != nil { flags |= CacheEntry.Flags.hasError }
        ring.store(key.hash, entry + CacheEntry.hash)
        ring.store(UInt64(bitPattern: now.nanoseconds), entry + CacheEntry.stored)
        ring.store(CacheEntry.milliseconds(life.fresh), entry + CacheEntry.fresh)
        ring.store(CacheEntry.milliseconds(life.fresh + life.stale), entry + CacheEntry.stale)
        ring.store(UInt32(0), entry + CacheEntry.askAfter)
        ring.store(UInt32(size), entry + CacheEntry.size)
        ring.store(UInt32(0), entry + CacheEntry.hits)
        ring.store(UInt32(answer.octets.count) | UInt32(text.count) << 16, entry + CacheEntry.lengths)
        ring.store(key.nameViewType, entry + CacheEntry.nameViewType)
        ring.store(UInt32(life.owner) | UInt32(flags) << 16, entry + CacheEntry.ownerFlagsUses)
        ring.store(
            UInt32(answer.marks.count) | UInt32(truncatingIfNeeded: answer.extendedError?.code ?? 0) << 16,
            entry + CacheEntry.marksAndErrorCode)
        let start = entry + CacheEntry.headerLength
        ring.write(answer.octets.span, start)
        ring.write(answer.marks.octets.span, start + answer.octets.count)
        ring.write(text.span, start + answer.octets.count + answer.marks.octets.count)
    }

    // MARK: - Room

    /// Takes room in a ring, evicting what is least worth keeping; nil where there can't be enough.
    private mutating func append(_ size: Int, toLarge: Bool, _ now: MonotonicTime) -> UInt32? {
        if toLarge {
            while true {  // each turn gives room back, or lowers a count of uses
                if let offset = large.append(size) { return Self.reference(offset, isLarge: true) }
                guard !large.isEmpty else { return nil }
                evictFromLarge(now)
            }
        }
        while true {  // each turn takes the oldest entry out of `small`
            if let offset = small.append(size) { return Self.reference(offset, isLarge: false) }
            guard !small.isEmpty else { return nil }
            evictFromSmall(now)
        }
    }

    /// Takes the oldest entry out of `small`: it moves to `large` where that has room, and pushes others out
    /// there only if it was used.
    private mutating func evictFromSmall(_ now: MonotonicTime) {
        let entry = small.oldest
        let size = Int(small.load32(entry + CacheEntry.size))
        let word = small.load32(entry + CacheEntry.ownerFlagsUses)
        defer { small.removeOldest(size) }
        guard !Self.isDead(word) else { return }
        let hash = small.load64(entry + CacheEntry.hash)
        unlink(Self.reference(entry, isLarge: false), hash)
        let isOver = now.nanoseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: small)
        // While `large` has room there is no reason to part with anything.
        var place = isOver ? nil : large.append(size).map { Self.reference($0, isLarge: true) }
        if place == nil, word >> 24 > 0, !isOver { place = append(size, toLarge: true, now) }
        if let place {
            large.copy(from: small, entry, to: Self.offset(place), count: size)
            large.store(word & 0x00FF_FFFF, Self.offset(place) + CacheEntry.ownerFlagsUses)
            link(place, hash)
        } else {
            statistics.entries -= 1
            statistics.evictions += 1
            ghosts[Int(truncatingIfNeeded: hash) & (ghosts.count - 1)] = UInt32(
                truncatingIfNeeded: hash >> 32)
        }
    }

    /// Takes the oldest entry out of `large`: one that was used goes in again at the other end, its count
    /// lowered.
    private mutating func evictFromLarge(_ now: MonotonicTime) {
        let entry = large.oldest
        let size = Int(large.load32(entry + CacheEntry.size))
        let word = large.load32(entry + CacheEntry.ownerFlagsUses)
        guard !Self.isDead(word) else {
            large.removeOldest(size)
            return
        }
        let hash = large.load64(entry + CacheEntry.hash)
        unlink(Self.reference(entry, isLarge: true), hash)
        let isOver = now.nanoseconds >= CacheEntry.time(CacheEntry.stale, of: entry, in: large)
        large.removeOldest(size)
        // The octets stay where they were until something is written there: `move` reads them before that.
        if word >> 24 > 0, !isOver, let offset = large.append(size) {
            large.move(entry, to: offset, count: size)
            large.store(word &- 0x0100_0000, offset + CacheEntry.ownerFlagsUses)
            link(Self.reference(offset, isLarge: true), hash)
        } else {
            statistics.entries -= 1
            statistics.evictions += 1
        }
    }

    /// True, once, for a hash whose answer left `small` not long ago.
    private mutating func takeGhost(_ hash: UInt64) -> Bool {
        let index = Int(truncatingIfNeeded: hash) & (ghosts.count - 1)
        guard ghosts[index] == UInt32(truncatingIfNeeded: hash >> 32), ghosts[index] != 0 else {
            return false
        }
        ghosts[index] = 0
        return true
    }

    // MARK: - The index

    private mutating func link(_ reference: UInt32, _ hash: UInt64) {
        let bucket = Int(truncatingIfNeeded: hash) & (heads.count - 1)
        setNext(of: reference, to: heads[bucket])
        heads[bucket] = reference
    }

    private mutating func unlink(_ reference: UInt32, _ hash: UInt64) {
        let bucket = Int(truncatingIfNeeded: hash) & (heads.count - 1)
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

    /// Marks an entry dead: nobody finds it any more.
    private mutating func remove(_ reference: UInt32) {
        let entry = Self.offset(reference)
        let dead = UInt32(CacheEntry.Flags.isDead) << 16
        let field = entry + CacheEntry.ownerFlagsUses
        if Self.isLarge(reference) {
            unlink(reference, large.load64(entry + CacheEntry.hash))
            large.store(large.load32(field) | dead, field)
        } else {
            unlink(reference, small.load64(entry + CacheEntry.hash))
            small.store(small.load32(field) | dead, field)
        }
        statistics.entries -= 1
    }

    mutating func removeAll(where isMeant: (Span<UInt8>) -> Bool) -> Int {
        var found: [UInt32] = []
        for head in heads {
            var reference = head
            while reference != 0 {  // each list ends
                if isMeant(name(of: reference)) { found.append(reference) }
                reference = next(of: reference)
            }
        }
        for reference in found { remove(reference) }
        return found.count
    }

    @_lifetime(borrow self)
    private func name(of reference: UInt32) -> Span<UInt8> {
        let entry = Self.offset(reference)
        let start = entry + CacheEntry.headerLength + Question.nameStart
        if Self.isLarge(reference) {
            return large.octets(start, count: Int(large.load32(entry + CacheEntry.nameViewType) & 0xFF))
        }
        return small.octets(start, count: Int(small.load32(entry + CacheEntry.nameViewType) & 0xFF))
    }

    private mutating func growIndex() {
        let old = heads
        heads = Array(repeating: 0, count: old.count * 2)
        for head in old {
            var reference = head
            while reference != 0 {  // each list ends
                let following = next(of: reference)
                let entry = Self.offset(reference)
                let hash =
                    Self.isLarge(reference)
                    ? large.load64(entry + CacheEntry.hash) : small.load64(entry + CacheEntry.hash)
                link(reference, hash)
                reference = following
            }
        }
        if ghosts.count < heads.count { ghosts = Array(repeating: 0, count: heads.count) }
    }

    private func next(of reference: UInt32) -> UInt32 {
        let field = Self.offset(reference) + CacheEntry.next
        return Self.isLarge(reference) ? large.load32(field) : small.load32(field)
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

    private func isPositive(_ reference: UInt32) -> Bool {
        flags(reference) & (CacheEntry.Flags.isNegative | CacheEntry.Flags.isFailure) == 0
    }
    private func isFailure(_ reference: UInt32) -> Bool { flags(reference) & CacheEntry.Flags.isFailure != 0 }

    private func isUsable(_ reference: UInt32, at now: MonotonicTime) -> Bool {
        let entry = Self.offset(reference)
        return now.nanoseconds
            < (Self.isLarge(reference)
                ? CacheEntry.time(CacheEntry.stale, of: entry, in: large)
                : CacheEntry.time(CacheEntry.stale, of: entry, in: small))
    }

    private static func isDead(_ word: UInt32) -> Bool {
        UInt8(truncatingIfNeeded: word >> 16) & CacheEntry.Flags.isDead != 0
    }

    private static func reference(_ offset: Int, isLarge: Bool) -> UInt32 {
        UInt32(offset / 8 + 1) | (isLarge ? largeBit : 0)
    }

    private static func offset(_ reference: UInt32) -> Int { Int(reference & ~largeBit) * 8 - 8 }
    private static func isLarge(_ reference: UInt32) -> Bool { reference & largeBit != 0 }
}
