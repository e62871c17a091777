extension PlainMessage {
    /// Which names may be compressed.
    package enum Compression: Sendable, CaseIterable {
        /// No names.
        case none
        /// Only owners, as CoreDNS does over UDP.
        case owners
        /// Every name, also where RFC 3597 section 4 forbids it: senders that do so exist.
        case everywhere
    }

    /// The message in wire form.
    package func encoded(_ compression: Compression = .none) -> [UInt8] {
        var writer = PlainWriter(compression: compression)
        writer.octets = octets16(Int(id)) + octets16(Int(flags)) + octets16(questions.count)
        for section in sections { writer.octets += octets16(section.count) }
        for question in questions {
            writer.append(question.name, compressing: false)
            writer.octets += octets16(question.type) + octets16(question.recordClass)
        }
        for record in sections.joined() { writer.append(record) }
        return writer.octets
    }
}

/// Writes a message.
private struct PlainWriter {
    /// Which names are compressed.
    let compression: PlainMessage.Compression
    /// The octets so far.
    var octets: [UInt8] = []
    /// The offset of each name that a pointer can reach.
    var offsets: [PlainName: Int] = [:]

    init(compression: PlainMessage.Compression) {
        self.compression = compression
    }

    /// Appends a record.
    mutating func append(_ record: PlainRecord) {
        append(record.owner, compressing: compression != .none)
        octets += octets16(record.type) + octets16(record.recordClass) + octets32(record.ttl)
        let lengthOffset = octets.count
        octets += [0, 0]
        for field in record.data {
            switch field {
            case .name(let name): append(name, compressing: compression == .everywhere)
            case .octets(let plain): octets += plain
            }
        }
        octets.replaceSubrange(
            lengthOffset..<lengthOffset + 2, with: octets16(octets.count - lengthOffset - 2))
    }

    /// Appends a name.
    mutating func append(_ name: PlainName, compressing: Bool) {
        var rest = name
        while !rest.labels.isEmpty {  // one label shorter each turn
            if compressing, let offset = offsets[rest] {
                octets += octets16(0xC000 | offset)
                return
            }
            if octets.count < 0x4000, offsets[rest] == nil { offsets[rest] = octets.count }
            octets += [UInt8(truncatingIfNeeded: rest.labels[0].count)] + rest.labels[0]
            rest.labels.removeFirst()
        }
        octets.append(0)
    }
}
