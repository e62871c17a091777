import DNSWire
import Time

/// What an entry says of its answer, before it has a place.
struct EntryHead {
    /// The question.
    let key: CacheKey
    /// How long the answer lives.
    let life: CacheLife
    /// True if the answer is written in the short form of a single record.
    let isOneRecord: Bool
    /// When its age begins.
    let time: MonotonicTime
    /// The size of the whole entry, in octets.
    let size: Int

    init(_ key: CacheKey, _ answer: borrowing PreparedAnswer, _ life: CacheLife, at time: MonotonicTime) {
        self.key = key
        self.life = life
        self.time = time
        isOneRecord = answer.isOneRecord(type: Int(key.type))
        size = CacheEntry.size(
            messageLength: isOneRecord ? answer.oneRecordLength : answer.octets.count,
            marks: isOneRecord ? 0 : answer.marks.count, errorText: answer.extendedError?.text.count)
    }
}

extension CacheEntry {
    /// Writes an entry of the size that its head says at `entry`; the index sets `next`.
    static func write(
        _ head: EntryHead, _ answer: borrowing PreparedAnswer, to room: inout EntryRoom, at entry: Int
    ) {
        let (key, life, isOneRecord, now) = (head.key, head.life, head.isOneRecord, head.time)
        var flags = key.flags
        if life.kind == .negative { flags |= Flags.isNegative }
        if life.kind == .failure { flags |= Flags.isFailure }
        if answer.extendedError != nil { flags |= Flags.hasError }
        if isOneRecord {
            flags |= Flags.isOneRecord
            if answer.isAuthenticData { flags |= Flags.isAuthenticData }
        }
        let length = isOneRecord ? answer.oneRecordLength : answer.octets.count
        let marks = isOneRecord ? 0 : answer.marks.count
        room.store(UInt32(truncatingIfNeeded: key.hash), entry + hash)
        room.store(UInt32(truncatingIfNeeded: now.milliseconds), entry + stored)
        room.store(UInt32(truncatingIfNeeded: now.milliseconds >> 32) & 0xFFFF, entry + storedHits)
        room.store(milliseconds(life.fresh), entry + fresh)
        room.store(milliseconds(life.fresh + life.stale), entry + stale)
        room.store(0, entry + askAfter)
        room.store(key.nameViewType, entry + nameViewType)
        room.store(UInt32(life.owner) | UInt32(flags) << 16, entry + ownerFlagsUses)
        room.store(UInt32(length) | UInt32(marks) << 16, entry + lengths)
        let start = entry + headerLength
        if isOneRecord {
            room.write(answer.oneRecordName, start)
            room.write(answer.oneRecordTTL, start + answer.oneRecordName.count)
            room.write(answer.oneRecordData, start + answer.oneRecordName.count + 4)
        } else {
            room.write(answer.octets.span, start)
            room.write(answer.marks.octets.span, start + length)
        }
        guard let error = answer.extendedError else { return }
        let errorHead = [error.code >> 8, error.code, error.text.count >> 8, error.text.count].map {
            UInt8(truncatingIfNeeded: $0)
        }
        room.write(errorHead.span, start + length + marks * RecordMarks.size)
        room.write(error.text.span, start + length + marks * RecordMarks.size + errorLength)
    }
}
