/// Where the entries of one ring lie in an `EntryRoom`: new entries go in at the tail, the oldest come out at
/// the head.
///
/// ```
///   start    head                 tail       end
///   |........|entry|entry|...|entry|..........|
/// ```
/// Entries are contiguous, one after the other, at multiples of four; if one would cross the end, the rest
/// of the ring is skipped. Offsets are those of the room: `start <= head < end`, `start <= tail <= end`;
/// `used` is the number of octets from head to tail including what is skipped.
struct EntryRing: Sendable {
    /// Offset of its first octet.
    let start: Int
    /// Its size in octets, a multiple of four.
    let capacity: Int
    /// Octets from head to tail, including what is skipped.
    private(set) var used = 0
    /// Offset of the oldest entry.
    private var head: Int
    /// Offset after the newest entry.
    private var tail: Int
    /// Where the entries before the wrap end; `end` if nothing is skipped.
    private var wrap: Int

    /// - Parameters:
    ///   - start: A multiple of four.
    ///   - capacity: In octets; rounded down to a multiple of four.
    init(from start: Int, capacity: Int) {
        self.start = start
        self.capacity = capacity & ~3
        head = start
        tail = start
        wrap = start + self.capacity
    }

    /// Offset after its last octet.
    var end: Int { start + capacity }

    /// True if it has no entry.
    var isEmpty: Bool { used == 0 }

    /// The offset of the oldest entry; meaningless in an empty ring.
    var oldest: Int { head }

    /// Takes `size` octets, a multiple of four, at the tail; nil if they are not free.
    mutating func append(_ size: Int) -> Int? {
        if used == 0 {
            head = start
            tail = start
            wrap = end
        }
        if tail >= head, used < capacity || tail > head {
            if end - tail >= size {
                return take(size, at: tail)
            }
            guard head - start >= size else { return nil }  // from the start of the ring again
            used += end - tail
            wrap = tail
            return take(size, at: start)
        }
        guard head - tail >= size else { return nil }
        return take(size, at: tail)
    }

    /// Marks `size` octets at `offset` as used.
    private mutating func take(_ size: Int, at offset: Int) -> Int {
        tail = offset + size
        used += size
        return offset
    }

    /// Frees the `size` octets of the oldest entry.
    mutating func removeOldest(_ size: Int) {
        head += size
        used -= size
        if head >= wrap {
            used -= end - wrap
            head = start
            wrap = end
        }
    }
}
