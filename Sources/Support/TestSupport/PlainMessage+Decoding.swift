/// Why `PlainMessage` rejects a message.
package struct PlainDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error in words.
    package let description: String
}

extension PlainMessage {
    /// Decodes a whole message; no octets may follow it.
    package init(decoding octets: [UInt8]) throws(PlainDecodingError) {
        var reader = PlainReader(octets: octets)
        self.init()
        id = UInt16(truncatingIfNeeded: try reader.number16())
        flags = UInt16(truncatingIfNeeded: try reader.number16())
        var counts: [Int] = []
        for _ in 0..<4 { counts.append(try reader.number16()) }
        for _ in 0..<counts[0] {
            let name = try reader.name()
            let type = try reader.number16()
            questions.append(PlainQuestion(name, type: type, recordClass: try reader.number16()))
        }
        for _ in 0..<counts[1] { answers.append(try reader.record()) }
        for _ in 0..<counts[2] { authorities.append(try reader.record()) }
        for _ in 0..<counts[3] { additionals.append(try reader.record()) }
        guard reader.position == octets.count else {
            throw PlainDecodingError(
                description: "\(octets.count - reader.position) octets behind the last record")
        }
    }
}

/// Reads a message from its first octet to its last.
private struct PlainReader {
    /// The message.
    let octets: [UInt8]
    /// Offset of the next octet.
    var position = 0

    /// The next octets.
    mutating func take(_ count: Int) throws(PlainDecodingError) -> [UInt8] {
        guard octets.count - position >= count else {
            throw PlainDecodingError(
                description: "\(count) octets are due at \(position), the end is \(octets.count)")
        }
        position += count
        return Array(octets[(position - count)..<position])
    }

    /// The next 16-bit number.
    mutating func number16() throws(PlainDecodingError) -> Int {
        try take(2).reduce(0) { $0 << 8 | Int($1) }
    }

    /// The next record.
    mutating func record() throws(PlainDecodingError) -> PlainRecord {
        let owner = try name()
        let type = try number16()
        let recordClass = try number16()
        let ttl = UInt32(truncatingIfNeeded: try number16() << 16 | number16())
        let end = try number16() + position
        guard end <= octets.count else {
            throw PlainDecodingError(description: "data at \(position) ends at \(end), behind the message")
        }
        var data: [PlainField] = []
        for piece in PlainPiece.layout(of: type) {
            switch piece {
            case .name: data.append(.name(try name()))
            case .octets(let count): data.append(.octets(try take(count)))
            case .string: data.append(.octets(try take(1 + Int(position < end ? octets[position] : 0))))
            case .rest: data.append(.octets(try take(max(end - position, 0))))
            }
        }
        guard position == end else {
            throw PlainDecodingError(
                description: "data of type \(type) ends at \(position), its length says \(end)")
        }
        return PlainRecord(owner, type: type, recordClass: recordClass, ttl: ttl, data)
    }

    /// The next name.
    mutating func name() throws(PlainDecodingError) -> PlainName {
        var labels: [[UInt8]] = []
        var lowest = position
        var end: Int?
        while true {  // ends: a name of more than 255 octets throws, and pointers only go down
            let length = Int(try take(1)[0])
            if length == 0 { break }
            if length < 64 {
                labels.append(try take(length))
            } else {
                guard length >= 0xC0 else {
                    throw PlainDecodingError(description: "label type \(length) at \(position - 1)")
                }
                let target = (length & 0x3F) << 8 | Int(try take(1)[0])
                if end == nil { end = position }
                guard target < lowest, target >= 12 else {
                    throw PlainDecodingError(description: "a pointer to \(target) at \(position - 2)")
                }
                lowest = target
                position = target
            }
            guard PlainName(labels: labels).length <= 255 else {
                throw PlainDecodingError(description: "a name of more than 255 octets ends at \(position)")
            }
        }
        position = end ?? position
        return PlainName(labels: labels)
    }
}
