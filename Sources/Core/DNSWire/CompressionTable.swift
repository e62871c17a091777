import DomainNames

/// The names in a message that is being written, so that later ones can be compressed to point at them (RFC
/// 1035 section 4.1.4).
///
/// A tree of labels stored in one hash table: a node is a label at an offset, its parent the offset of the
/// ending that follows it. A label is found by its octets and its parent, so endings are matched from the
/// root leftwards without following pointers. Octets are compared exactly: pointing at a name of another case
/// would change the case. Only an owner is compared with the question's labels without case, so that it
/// appears as each client wrote its question.
///
/// Fixed size: when it is full, later names are not added.
package struct CompressionTable: ~Copyable {
    /// A label in the table.
    private struct Slot {
        /// The slot is in use only if this equals the table's generation.
        var generation: UInt32 = 0
        /// Offset of the ending that follows the label; 0 for the root.
        var parent: UInt16 = 0
        /// Offset of the label.
        var offset: UInt16 = 0
    }

    /// The hash table, with open addressing.
    private var slots: [Slot]
    /// The number of the present message.
    private var generation: UInt32 = 0

    /// 2048 slots of eight octets: enough for all names of a message of 500 records.
    private static let slotCount = 2048

    /// Slots examined before a look-up gives up.
    private static let mostProbes = 16

    /// The parent of a top-level label. No label is at offset 0, which is in the header.
    package static let root = 0

    /// Creates a compression table.
    package init() {
        slots = Array(repeating: Slot(), count: Self.slotCount)
    }

    /// Removes all entries, for the next message.
    package mutating func reset() {
        if generation == .max {
            for index in slots.indices { slots[index].generation = 0 }
            generation = 0
        }
        generation += 1
    }

    /// The offset at which the label `octets[start...]` is written before the ending at `parent`; nil if it
    /// is not in the table.
    private func find(
        _ name: borrowing FlatName, label start: Int, parent: Int, in written: borrowing OctetBuffer,
        foldingBefore limit: Int
    ) -> Int? {
        let octets = name.octets.span
        let size = Int(octets[start]) + 1
        var index = Self.hash(name, start, size: size, parent: parent)
        for _ in 0..<Self.mostProbes {
            let slot = slots[index]
            guard slot.generation == generation else { return nil }
            if Int(slot.parent) == parent,
                Self.isEqual(name, label: start, written, at: Int(slot.offset), isFolded: slot.offset < limit)
            {
                return Int(slot.offset)
            }
            index = (index + 1) % Self.slotCount
        }
        return nil
    }

    /// Adds the label of `name` at `start`, written at `offset` before the ending at `parent`.
    mutating func insert(_ name: borrowing FlatName, label start: Int, parent: Int, offset: Int) {
        guard offset <= 0x3FFF, parent <= 0x3FFF else { return }
        let octets = name.octets.span
        let size = Int(octets[start]) + 1
        var index = Self.hash(name, start, size: size, parent: parent)
        for _ in 0..<Self.mostProbes {
            if slots[index].generation != generation {
                slots[index] = Slot(
                    generation: generation, parent: UInt16(truncatingIfNeeded: parent),
                    offset: UInt16(truncatingIfNeeded: offset))
                return
            }
            index = (index + 1) % Self.slotCount
        }
    }

    /// True if two labels are equal, or equal without case where that is allowed.
    private static func isEqual(
        _ name: borrowing FlatName, label start: Int, _ written: borrowing OctetBuffer, at offset: Int,
        isFolded: Bool
    ) -> Bool {
        let octets = name.octets.span
        let size = Int(octets[start]) + 1
        guard written.count - offset >= size else { return false }
        for index in 0..<size {
            let (one, other) = (octets[start + index], written[offset + index])
            if one != other, !isFolded || foldedOctet(one) != foldedOctet(other) { return false }
        }
        return true
    }

    /// The first slot of a label.
    private static func hash(_ name: borrowing FlatName, _ start: Int, size: Int, parent: Int) -> Int {
        let octets = name.octets.span
        var hash = UInt64(truncatingIfNeeded: parent) &* 0x9E37_79B9_7F4A_7C15
        for index in 0..<size {
            hash = (hash ^ UInt64(foldedOctet(octets[start + index]))) &* 0x100_0000_01B3
        }
        return Int(truncatingIfNeeded: (hash >> 32) % UInt64(slotCount))
    }
}

extension CompressionTable {
    /// Appends `name` to the message `written`, compressed to names that are in the table, and adds
    /// its labels.
    ///
    /// - Parameter limit: Labels before this offset are compared without case.
    package mutating func append(
        _ name: borrowing FlatName, to written: inout OctetBuffer, foldingBefore limit: Int = 0
    ) {
        var parent = Self.root
        var label = name.labelCount
        while label > 0,
            let found = find(
                name, label: Int(name.starts[label - 1]), parent: parent, in: written,
                foldingBefore: limit)
        {
            parent = found
            label -= 1
        }
        let offset = written.count
        let newEnd = label < name.labelCount ? Int(name.starts[label]) : name.length - 1
        written.append(name.octets.span, 0..<newEnd)
        if parent == Self.root { written.append(0) } else { written.append16(0xC000 | parent) }
        remember(name, labels: label, parent: parent, at: offset)
    }

    /// Adds the first `labels` labels of `name`, written from `offset` on before the ending at `parent`.
    private mutating func remember(_ name: borrowing FlatName, labels: Int, parent: Int, at offset: Int) {
        var parent = parent
        var label = labels
        let starts = name.starts.span
        while label > 0 {
            label -= 1
            let start = Int(starts[label])
            insert(name, label: start, parent: parent, offset: offset + start)
            parent = offset + start
        }
    }

    /// Adds all labels of a name that was written uncompressed at `offset`.
    package mutating func remember(_ name: borrowing FlatName, at offset: Int) {
        remember(name, labels: name.labelCount, parent: Self.root, at: offset)
    }
}

extension OctetBuffer {
    /// Appends `name` uncompressed.
    package mutating func append(_ name: borrowing FlatName) {
        append(name.octets.span, 0..<name.length)
    }
}
