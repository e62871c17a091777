import Testing

@testable import Forwarding

/// The names outside of the schema that clusters have given.
@Suite struct LearnedNamesTests {
    @Test func `a cluster displaces no names of another`() {
        let names = LearnedNames()
        #expect(names.isEmpty)
        names.insert(Self.labels(0), 1, key: 7)
        for number in 0..<(8 * LearnedNames.capacity) {
            names.insert(Self.labels(number), 0, key: 7)
            names.insert(Self.labels(number), 2, key: 7)
        }
        #expect(!names.isEmpty)
        #expect(names.contains(Self.labels(0), 1, key: 7))
        // Of its own names as many stay as have room.
        let kept = (0..<(8 * LearnedNames.capacity)).count {
            names.contains(Self.labels($0), 0, key: 7)
        }
        #expect(kept <= LearnedNames.capacity && kept > LearnedNames.capacity * 9 / 10)
    }

    @Test func `a name is one cluster's alone, whatever its letter case`() {
        let names = LearnedNames()
        names.insert([3, 0x77, 0x65, 0x62], 3, key: 7)
        #expect(names.contains([3, 0x57, 0x45, 0x42], 3, key: 7))
        for group in [0, 2, 4, 1_000] {
            #expect(!names.contains([3, 0x77, 0x65, 0x62], group, key: 7))
        }
    }

    @Test func `which names displace each other depends on the key`() {
        // Names that take the place of the first one under one key.
        func displacing(key: UInt64) -> Set<Int> {
            Set(
                (1..<8_000).filter { number in
                    let names = LearnedNames()
                    names.insert(Self.labels(0), 0, key: key)
                    names.insert(Self.labels(number), 0, key: key)
                    return !names.contains(Self.labels(0), 0, key: key)
                })
        }
        let first = displacing(key: 1)
        #expect(!first.isEmpty)
        #expect(displacing(key: 2).intersection(first).count <= 2)
    }

    /// A label with a number.
    private static func labels(_ number: Int) -> [UInt8] {
        let text = Array("n\(number)".utf8)
        return [UInt8(text.count)] + text
    }
}

extension LearnedNames {
    /// As `insert` of a span.
    fileprivate func insert(_ labels: [UInt8], _ group: Int, key: UInt64) {
        insert(labels.span, group: group, key: key)
    }

    /// As `contains` of a span, which the macros of tests do not take.
    fileprivate func contains(_ labels: [UInt8], _ group: Int, key: UInt64) -> Bool {
        contains(labels.span, group: group, key: key)
    }
}
