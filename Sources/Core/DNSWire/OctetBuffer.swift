package import DomainNames

/// Octets of a message, or of several in a row, while they are written. Has a single owner, grows as needed
/// and keeps its capacity.
///
/// `0 <= count <= capacity`. Every access is checked against `count`, so no caller reaches
/// uninitialised memory.
///
/// Sendable: it is the only owner of its storage, and the address never leaves a call.
@safe
@usableFromInline
package struct OctetBuffer: ~Copyable, @unchecked Sendable {
    /// The allocation, of which `count` octets are initialised.
    @usableFromInline var storage: UnsafeMutableBufferPointer<UInt8>

    /// The number of octets written so far.
    @usableFromInline package internal(set) var count = 0

    /// - Parameter capacity: Octets that fit before the buffer first grows; at least 64.
    package init(capacity: Int) {
        unsafe storage = .allocate(capacity: max(capacity, 64))
    }

    deinit {
        unsafe storage.deallocate()
    }

    // MARK: - Reading

    /// All octets written so far.
    package var span: Span<UInt8> {
        @inlinable
        @_lifetime(borrow self)
        get {
            // Sound: the first `count` octets are initialised, and they live as long as the borrow of self.
            let span = unsafe UnsafeBufferPointer(rebasing: storage[..<count]).span
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The octet at `position`, which must be below `count`.
    package subscript(position: Int) -> UInt8 {
        @inlinable
        @inline(__always)
        get {
            precondition(position >= 0 && position < count, "read past the end of an octet buffer")
            return unsafe storage[position]
        }
    }

    /// The 16-bit number at `position`, in network order.
    @inlinable
    @inline(__always)
    package func number16(at position: Int) -> Int {
        precondition(position >= 0 && count - position >= 2, "read past the end of an octet buffer")
        // Sound: both octets were written; any two make a number.
        let number = unsafe UnsafeRawBufferPointer(storage).loadUnaligned(
            fromByteOffset: position, as: UInt16.self)
        return Int(UInt16(bigEndian: number))
    }

    /// The 32-bit number at `position`, in network order.
    @inlinable
    @inline(__always)
    package func number32(at position: Int) -> UInt32 {
        precondition(position >= 0 && count - position >= 4, "read past the end of an octet buffer")
        // Sound: as in `number16`.
        let number = unsafe UnsafeRawBufferPointer(storage).loadUnaligned(
            fromByteOffset: position, as: UInt32.self)
        return UInt32(bigEndian: number)
    }

    /// The 64-bit number at `position`, in network order.
    @inlinable
    @inline(__always)
    func number64(at position: Int) -> UInt64 {
        precondition(position >= 0 && count - position >= 8, "read past the end of an octet buffer")
        // Sound: as in `number16`.
        let number = unsafe UnsafeRawBufferPointer(storage).loadUnaligned(
            fromByteOffset: position, as: UInt64.self)
        return UInt64(bigEndian: number)
    }

    /// Calls `body` with the octets' address, for a system call. Valid only inside the call.
    package borrowing func withUnsafeOctets<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeBufferPointer(rebasing: storage[..<count]))
    }

    // MARK: - Writing

    /// Appends one octet.
    @inlinable
    @inline(__always)
    package mutating func append(_ octet: UInt8) {
        reserve(1)
        unsafe storage[count] = octet
        count += 1
    }

    /// Appends the low 16 bits of `number` in network order.
    @inlinable
    @inline(__always)
    package mutating func append16(_ number: Int) {
        reserve(2)
        // Sound: `reserve` made room after `count`; a trivial value may be stored at any address.
        unsafe UnsafeMutableRawBufferPointer(storage).storeBytes(
            of: UInt16(truncatingIfNeeded: number).bigEndian, toByteOffset: count, as: UInt16.self)
        count += 2
    }

    /// Appends `number` in network order.
    @inlinable
    @inline(__always)
    package mutating func append32(_ number: UInt32) {
        reserve(4)
        // Sound: as in `append16`.
        unsafe UnsafeMutableRawBufferPointer(storage).storeBytes(
            of: number.bigEndian, toByteOffset: count, as: UInt32.self)
        count += 4
    }

    /// Appends `number` in network order.
    @inlinable
    package mutating func append64(_ number: UInt64) {
        reserve(8)
        // Sound: as in `append16`.
        unsafe UnsafeMutableRawBufferPointer(storage).storeBytes(
            of: number.bigEndian, toByteOffset: count, as: UInt64.self)
        count += 8
    }

    /// Appends octets.
    @inlinable
    package mutating func append(_ octets: Span<UInt8>) {
        let added = octets.count
        guard added > 0 else { return }
        reserve(added)
        unsafe octets.withUnsafeBufferPointer { source in
            // Sound: `reserve` made room for `added` octets after `count`, and the two ranges can't overlap.
            unsafe (storage.baseAddress.unsafelyUnwrapped + count).update(
                from: source.baseAddress.unsafelyUnwrapped, count: added)
        }
        count += added
    }

    /// Appends `octets[range]`; the range must lie inside.
    @inlinable
    package mutating func append(_ octets: Span<UInt8>, _ range: Range<Int>) {
        append(octets.extracting(range))
    }

    /// Appends octets.
    package mutating func append(_ octets: [UInt8]) {
        append(octets.span)
    }

    /// Overwrites the octet at `position`, which must be below `count`.
    @inlinable
    @inline(__always)
    package mutating func set(_ octet: UInt8, at position: Int) {
        precondition(position >= 0 && position < count, "write past the end of an octet buffer")
        unsafe storage[position] = octet
    }

    /// Overwrites the two octets at `position`, which must be below `count`.
    @inlinable
    @inline(__always)
    package mutating func set16(_ number: Int, at position: Int) {
        precondition(position >= 0 && count - position >= 2, "write past the end of an octet buffer")
        // Sound: both octets were written.
        unsafe UnsafeMutableRawBufferPointer(storage).storeBytes(
            of: UInt16(truncatingIfNeeded: number).bigEndian, toByteOffset: position, as: UInt16.self)
    }

    /// Overwrites the four octets at `position`, which must be below `count`.
    @inlinable
    package mutating func set32(_ number: UInt32, at position: Int) {
        precondition(position >= 0 && count - position >= 4, "write past the end of an octet buffer")
        // Sound: the four octets were written.
        unsafe UnsafeMutableRawBufferPointer(storage).storeBytes(
            of: number.bigEndian, toByteOffset: position, as: UInt32.self)
    }

    /// Overwrites the octets from `position` on with all of `octets`; the range must lie below `count`.
    @inlinable
    package mutating func replace(at position: Int, with octets: Span<UInt8>) {
        precondition(
            position >= 0 && octets.count <= count - position, "write past the end of an octet buffer")
        unsafe octets.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            // Sound: the target range lies inside what was written.
            unsafe (storage.baseAddress.unsafelyUnwrapped + position).update(from: from, count: source.count)
        }
    }

    /// Changes the name in wire form that is at `start`, `length` octets long, to `letterCase`.
    package mutating func setLetterCase(_ letterCase: LetterCase, ofNameAt start: Int, length: Int) {
        precondition(
            start >= 0 && length >= 0 && length <= count - start, "a name lies outside an octet buffer")
        let octets = unsafe UnsafeMutableRawBufferPointer(storage)
        var position = 0
        // Sound: all that is read and written lies inside the name, which was written. Ends: `position` grows
        // each turn.
        while length - position >= 8 {
            let word = unsafe octets.loadUnaligned(fromByteOffset: start + position, as: UInt64.self)
            let changed = letterCase.word(UInt64(littleEndian: word), at: position)
            unsafe octets.storeBytes(
                of: changed.littleEndian, toByteOffset: start + position, as: UInt64.self)
            position += 8
        }
        guard position < length else { return }
        guard length >= 8 else {
            for position in position..<length {
                unsafe storage[start + position] = letterCase.octet(storage[start + position], at: position)
            }
            return
        }
        // The last eight octets, of which the first ones have their case already.
        let last = start + length - 8
        let shift = UInt64(64 - 8 * (length - position))
        let word = UInt64(littleEndian: unsafe octets.loadUnaligned(fromByteOffset: last, as: UInt64.self))
        let changed = letterCase.word(word >> shift, at: position) << shift | word & ~(.max << shift)
        unsafe octets.storeBytes(of: changed.littleEndian, toByteOffset: last, as: UInt64.self)
    }

    /// Moves the octets of `range` to the left by `steps` places; the first ones go to its end.
    mutating func rotate(_ range: Range<Int>, by steps: Int) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count && 0...range.count ~= steps,
            "an octet buffer rotates what was written")
        reserve(steps)
        // Sound: `reserve` made room for `steps` octets after `count`, where the first ones are saved; the
        // other ranges lie inside what was written, and `update` allows them to overlap.
        let start = unsafe storage.baseAddress.unsafelyUnwrapped
        unsafe (start + count).update(from: start + range.lowerBound, count: steps)
        unsafe (start + range.lowerBound).update(
            from: start + range.lowerBound + steps, count: range.count - steps)
        unsafe (start + range.upperBound - steps).update(from: start + count, count: steps)
    }

    /// Drops all octets from `newCount` on.
    @inlinable
    package mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "an octet buffer can only shrink")
        count = newCount
    }

    /// Drops the first `dropped` octets, and moves the rest to the front.
    package mutating func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count, "an octet buffer holds fewer octets than are dropped")
        guard dropped > 0 else { return }
        // Sound: both ranges lie inside what was written; `update` allows them to overlap.
        unsafe storage.baseAddress.unsafelyUnwrapped.update(
            from: storage.baseAddress.unsafelyUnwrapped + dropped, count: count - dropped)
        count -= dropped
    }

    /// Drops all octets, and also the storage if it has grown past `keeping` octets.
    package mutating func removeAll(keeping: Int = .max) {
        count = 0
        guard unsafe storage.count > keeping else { return }
        unsafe storage.deallocate()
        unsafe storage = .allocate(capacity: keeping)
    }

    /// Makes room for `added` more octets.
    @inlinable
    @inline(__always)
    package mutating func reserve(_ added: Int) {
        guard unsafe storage.count - count < added else { return }
        grow(by: added)
    }

    /// Moves the octets to a larger allocation.
    @usableFromInline
    @inline(never)
    mutating func grow(by added: Int) {
        let larger = unsafe UnsafeMutableBufferPointer<UInt8>.allocate(
            capacity: max(storage.count * 2, count + added))
        // Sound: `larger` has more room than `count`, and the two do not overlap.
        _ = unsafe larger.update(fromContentsOf: storage[..<count])
        unsafe storage.deallocate()
        unsafe storage = larger
    }
}
