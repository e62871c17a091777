import TestSupport
import Testing

@testable import AnswerCache

/// The ring against a plain list of what should be in it.
@Suite struct EntryRingTests {
    @Test(arguments: [(1, 4_096), (2, 1_000), (3, 64), (4, 20_000)] as [(UInt64, Int)])
    func `entries lie whole and apart, and come out as they went in`(seed: UInt64, capacity: Int) {
        var random = SplitMix64(seed: seed)
        let start = 4 * random.number(in: 0..<20)
        var ring = EntryRing(from: start, capacity: capacity)
        var memory = EntryRoom(capacity: ring.end)
        let room = capacity & ~3
        var model: [(offset: Int, octets: [UInt8])] = []
        for _ in 0..<3_000 {
            if random.oneIn(2) {
                let size = 4 * random.number(in: 1..<max(2, room / 20))
                let octets = random.octets(size)
                let offset = ring.append(size)
                let canFit = Self.canFit(size, ring, model)
                #expect((offset != nil) == canFit, "seed \(seed)")
                guard let offset else { continue }
                #expect(offset % 4 == 0 && offset >= start && offset + size <= start + room)
                memory.write(octets.span, offset)
                model.append((offset, octets))
            } else if let first = model.first {
                #expect(ring.oldest == first.offset)
                let isWhole = Self.holds(memory, first.offset, first.octets)
                #expect(isWhole, "seed \(seed)")
                ring.removeOldest(first.octets.count)
                model.removeFirst()
            }
            #expect(ring.isEmpty == model.isEmpty)
            #expect(ring.used >= model.reduce(0) { $0 + $1.octets.count } && ring.used <= room)
        }
    }

    private static func holds(_ room: borrowing EntryRoom, _ offset: Int, _ octets: [UInt8]) -> Bool {
        let span = room.octets(offset, count: octets.count)
        for index in octets.indices where span[index] != octets[index] { return false }
        return true
    }

    /// True if `size` octets are free after the newest entry, or at the start of the ring.
    private static func canFit(_ size: Int, _ ring: EntryRing, _ model: [(offset: Int, octets: [UInt8])]) -> Bool {
        guard let first = model.first, let last = model.last else { return size <= ring.capacity }
        let tail = last.offset + last.octets.count
        if last.offset >= first.offset { return ring.end - tail >= size || first.offset - ring.start >= size }
        return first.offset - tail >= size
    }

    @Test func `an entry may be copied onto where it lies in part`() {
        var room = EntryRoom(capacity: 64)
        let octets = Array(0..<40 as Range<UInt8>)
        room.write(octets.span, 8)
        room.copy(8, to: 0, count: 40)
        let isWhole = Self.holds(room, 0, octets)
        #expect(isWhole)
    }
}
