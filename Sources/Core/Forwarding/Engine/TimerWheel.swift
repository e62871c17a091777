import Time

/// One timer for each of a table's slots, set and cleared in constant time.
///
/// Time is divided into ticks of 4 ms; a timer due in tick t is in the list of place t mod 2048. A timer is
/// due at most 8 s ahead, so no two turns of the wheel share a list.
struct TimerWheel: ~Copyable {
    /// Places of the wheel.
    private static let places = 2048
    /// The length of a tick.
    private static let tickNanoseconds: Int64 = 4_000_000

    /// The first slot of each place's list; -1 if empty.
    private var heads: [Int32]
    /// One bit a place: its list is not empty.
    private var occupied: [UInt64]
    /// The neighbours of each slot in its list.
    private var links: [Link]
    /// Every tick before this one has been emptied.
    private var currentTick: Int64 = 0

    /// The neighbours of a slot.
    private struct Link {
        /// The next slot; -1 at the end.
        var next: Int32 = -1
        /// The previous slot; -1 at the start.
        var previous: Int32 = -1
        /// The tick of the slot's timer; -1 if it has none.
        var tick: Int64 = -1
    }

    /// A wheel without timers.
    init() {
        heads = Array(repeating: -1, count: Self.places)
        occupied = Array(repeating: 0, count: Self.places / 64)
        links = []
    }

    /// Makes room for the timers of slots 0..<count.
    mutating func grow(to count: Int) {
        while links.count < count { links.append(Link()) }
    }

    /// Sets the timer of `slot`; one that was set before is cleared. Due times more than 8 s ahead
    /// come early.
    mutating func set(_ slot: Int, due: MonotonicTime, now: MonotonicTime) {
        clear(slot)
        let nowTick = now.nanoseconds / Self.tickNanoseconds
        if nowTick > currentTick, nextTick ?? .max > nowTick { currentTick = nowTick }
        let wanted = (due.nanoseconds + Self.tickNanoseconds - 1) / Self.tickNanoseconds
        let tick = min(max(wanted, currentTick), currentTick + Int64(Self.places) - 1)
        let place = Int(tick % Int64(Self.places))
        links[slot] = Link(next: heads[place], previous: -1, tick: tick)
        if heads[place] >= 0 { links[Int(heads[place])].previous = Int32(slot) }
        heads[place] = Int32(slot)
        occupied[place / 64] |= 1 << UInt64(place % 64)
    }

    /// Clears the timer of `slot`.
    mutating func clear(_ slot: Int) {
        let link = links[slot]
        guard link.tick >= 0 else { return }
        let place = Int(link.tick % Int64(Self.places))
        if link.previous >= 0 { links[Int(link.previous)].next = link.next } else { heads[place] = link.next }
        if link.next >= 0 { links[Int(link.next)].previous = link.previous }
        if heads[place] < 0 { occupied[place / 64] &= ~(1 << UInt64(place % 64)) }
        links[slot].tick = -1
    }

    /// Removes one slot whose timer is due; nil if there is none.
    mutating func popDue(at now: MonotonicTime) -> Int? {
        let nowTick = now.nanoseconds / Self.tickNanoseconds
        guard let tick = nextTick, tick <= nowTick else { return nil }
        currentTick = max(currentTick, tick)
        let slot = Int(heads[Int(tick % Int64(Self.places))])
        clear(slot)
        return slot
    }

    /// The time of the earliest timer; nil if none is set.
    var nextDue: MonotonicTime? {
        nextTick.map { MonotonicTime(nanoseconds: $0 * Self.tickNanoseconds) }
    }

    /// The earliest tick with a timer: the bits are searched from the current place, once around.
    private var nextTick: Int64? {
        let start = Int(currentTick % Int64(Self.places))
        let words = Self.places / 64
        for step in 0...words {
            let word = (start / 64 + step) % words
            var bits = occupied[word]
            if step == 0 { bits &= ~0 << UInt64(start % 64) }
            if step == words { bits &= ~(~0 << UInt64(start % 64)) }
            guard bits != 0 else { continue }
            let place = word * 64 + bits.trailingZeroBitCount
            let distance = (place - start + Self.places) % Self.places
            return currentTick + Int64(distance)
        }
        return nil
    }
}
