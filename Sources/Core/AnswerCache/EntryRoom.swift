/// The memory of a shard's entries. Pages that were never written cost none.
///
/// Sendable: it is the only owner of its storage, and the address never leaves a call.
@safe
struct EntryRoom: ~Copyable, @unchecked Sendable {
    /// Octets of the room.
    let capacity: Int
    /// The room itself.
    private let storage: UnsafeMutableRawPointer

    /// - Parameter capacity: In octets.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe storage = .allocate(byteCount: max(capacity, 8), alignment: 8)
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// The 32-bit number at `offset`.
    func load32(_ offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset <= capacity - 4, "read past the room's end")
        return unsafe storage.load(fromByteOffset: offset, as: UInt32.self)
    }

    /// Overwrites the 32-bit number at `offset`.
    mutating func store(_ value: UInt32, _ offset: Int) {
        precondition(offset >= 0 && offset <= capacity - 4, "write past the room's end")
        unsafe storage.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }

    /// The octets from `offset` on.
    @_lifetime(borrow self)
    func octets(_ offset: Int, count: Int) -> Span<UInt8> {
        precondition(offset >= 0 && count >= 0 && offset <= capacity - count, "read past the room's end")
        // Sound: inside the room, which lives as long as the borrow; octets handed out by `append` have
        // been written.
        let span = unsafe UnsafeRawBufferPointer(start: storage + offset, count: count).bindMemory(
            to: UInt8.self
        ).span
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Overwrites the octets from `offset` on.
    mutating func write(_ octets: Span<UInt8>, _ offset: Int) {
        precondition(offset >= 0 && offset <= capacity - octets.count, "write past the room's end")
        unsafe octets.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            // Sound: inside the room, and `octets` lies elsewhere.
            unsafe (storage + offset).copyMemory(from: from, byteCount: source.count)
        }
    }

    /// Copies `count` octets to another place, which may overlap.
    mutating func copy(_ from: Int, to offset: Int, count: Int) {
        precondition(
            from >= 0 && offset >= 0 && max(from, offset) <= capacity - count, "copy past the room's end")
        // Sound: both ranges lie inside the room; copyMemory allows overlap.
        unsafe (storage + offset).copyMemory(from: storage + from, byteCount: count)
    }
}
