/// Outer addresses for inner ones, reckoned bit by bit: the second opinion of the tests.
///
/// It shares no code with the mapping itself.
package struct PlainAddressMap: Sendable {
    private struct Range {
        let inner: [Bool]
        let outer: [Bool]
        let width: Int
    }

    private var ranges: [Range] = []

    /// Creates a plain address map.
    package init() {}

    /// True if nothing is mapped.
    package var isEmpty: Bool { ranges.isEmpty }

    /// Adds two ranges by octets and length.
    package mutating func add(inner: [UInt8], outer: [UInt8], length: Int) {
        ranges.append(
            Range(
                inner: Array(Self.bits(inner).prefix(length)), outer: Array(Self.bits(outer).prefix(length)),
                width: inner.count * 8))
    }

    /// The octets that stand for `inner`; itself if it is in no range.
    package func outer(of inner: [UInt8]) -> [UInt8] {
        let bits = Self.bits(inner)
        for range in ranges where range.width == bits.count && bits.starts(with: range.inner) {
            return Self.octets(range.outer + bits.dropFirst(range.inner.count))
        }
        return inner
    }

    /// The data of a record of `type` with all addresses in it changed; `data` as `PlainRecord` has it.
    package func outer(ofData data: [PlainField], type: Int) -> [PlainField] {
        switch type {
        case 1, 28:
            return data.map {
                if case .octets(let address) = $0 { .octets(outer(of: address)) } else { $0 }
            }
        case 64, 65:
            guard case .octets(let parameters)? = data.last else { return data }
            return data.dropLast() + [.octets(outer(ofParameters: parameters))]
        default:
            return data
        }
    }

    private func outer(ofParameters parameters: [UInt8]) -> [UInt8] {
        var changed: [UInt8] = []
        var rest = parameters[...]
        while rest.count >= 4 {  // each turn takes four octets or more
            let head = Array(rest.prefix(4))
            let value = Array(rest.dropFirst(4).prefix(Int(head[2]) << 8 | Int(head[3])))
            rest = rest.dropFirst(4 + value.count)
            let size = head[1] == 4 ? 4 : head[1] == 6 ? 16 : max(1, value.count)
            changed += head
            for start in stride(from: 0, to: value.count, by: size) {
                let part = Array(value[start..<min(start + size, value.count)])
                changed += head[0] == 0 && (head[1] == 4 || head[1] == 6) ? outer(of: part) : part
            }
        }
        return changed + rest
    }

    private static func bits(_ octets: [UInt8]) -> [Bool] {
        octets.flatMap { octet in (0..<8).map { octet & (0x80 >> UInt8($0)) != 0 } }
    }

    private static func octets(_ bits: [Bool]) -> [UInt8] {
        stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
        }
    }
}
