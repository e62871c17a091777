/// Room for cache entries of a fixed size, used as a ring: new entries go in at the tail, the oldest come out
/// at the head.
///
/// ```
///   0        head                 tail       capacity
///   |........|entry|entry|...|entry|..........|
/// ```
/// Entries are contiguous, one after the other, at multiples of four; if one would cross the end, the rest of
/// the room is skipped. `0 <= head < capacity`, `0 <= tail <= capacity`, `used` is the number of octets from
/// head to tail including what is skipped. Pages that were never written cost no memory.
///
/// Sendable: it is the only owner of its storage, and the address never leaves a call.
@safe
struct EntryRing: ~Copyable, @unchecked Sendable {
    /// Offsets and sizes are stored in 32 bits.
    static let mostOctets = 1 << 31

    /// Octets of the room, a multiple of four.
    let capacity: Int
    /// The room itself; pages are only used once written.
    private let storage: UnsafeMutableRawPointer
    /// Octets from head to tail, including what is skipped.
    private(set) var used = 0
    /// Offset of the oldest entry.
    private var head = 0
    /// Offset after the newest entry.
    private var tail = 0
    /// Where the entries before the wrap end; `capacity` if nothing is skipped.
    private var wrap: Int

    /// - Parameter capacity: In octets; rounded down to a multiple of four.
    init(capacity: Int) {
        self.capacity = min(capacity, Self.mostOctets) & ~3
        unsafe storage = .allocate(byteCount: max(self.capacity, 8), alignment: 8)
        wrap = self.capacity
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// True if it has no entry.
    var isEmpty: Bool { used == 0 }

    /// The offset of the oldest entry; meaningless in an empty ring.
    var oldest: Int { head }

    /// Takes `size` octets, a multiple of four, at the tail; nil if they are not free.
    mutating func append(_ size: Int) -> Int? {
        if used == 0 {
            head = 0
            tail = 0
            wrap = capacity
        }
        if tail >= head, used < capacity || tail > head {
            if capacity - tail >= size {
                return take(size, at: tail)
            }
            guard head >= size else { return nil }  // from the start of the room again
            used += capacity - tail
            wrap = tail
            return take(size, at: 0)
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
            used -= capacity - wrap
            head = 0
            wrap = capacity
        }
    }

    // MARK: - Octets

    /// The 32-bit number at `offset`.
    func load32(_ offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset <= capacity - 4, "read past a ring's end")
        return unsafe storage.load(fromByteOffset: offset, as: UInt32.self)
    }

    /// Overwrites the 32-bit number at `offset`.
    mutating func store(_ value: UInt32, _ offset: Int) {
        precondition(offset >= 0 && offset <= capacity - 4, "write past a ring's end")
        unsafe storage.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }

    /// The octets from `offset` on.
    @_lifetime(borrow self)
    func octets(_ offset: Int, count: Int) -> Span<UInt8> {
        precondition(offset >= 0 && count >= 0 && offset <= capacity - count, "read past a ring's end")
        // Sound: inside the room, which lives as long as the borrow; octets handed out by `append` have
        // been written.
        let span = unsafe UnsafeRawBufferPointer(start: storage + offset, count: count).bindMemory(
            to: UInt8.self
        ).span
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Overwrites the octets from `offset` on.
    mutating func write(_ octets: Span<UInt8>, _ offset: Int) {
        precondition(offset >= 0 && offset <= capacity - octets.count, "write past a ring's end")
        unsafe octets.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            // Sound: inside the room, and `octets` lies elsewhere.
            unsafe (storage + offset).copyMemory(from: from, byteCount: source.count)
        }
    }

    /// Copies `count` octets from another ring.
    mutating func copy(from other: borrowing EntryRing, _ from: Int, to offset: Int, count: Int) {
        write(other.octets(from, count: count), offset)
    }

    /// Moves `count` octets inside the ring; the two places may overlap.
    mutating func move(_ from: Int, to offset: Int, count: Int) {
        precondition(
            from >= 0 && offset >= 0 && max(from, offset) <= capacity - count, "move past a ring's end")
        // Sound: both ranges lie inside the room; copyMemory allows overlap.
        unsafe (storage + offset).copyMemory(from: storage + from, byteCount: count)
    }
}
