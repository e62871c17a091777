import Foundation
import Inventory
import InventoryFile
import Testing

/// Generated files: any octets give an inventory or an error, in bounded time.
@Suite("Hostile files") struct HostileFileTests {
    /// Marsaglia's xorshift64*: the same octets for the same seed everywhere.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 2_685_821_657_736_338_717
        }
    }

    @Test(
        "mutated files give an inventory or an error, at a place inside the file",
        arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(seed: UInt64) throws {
        var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
        let texts = try WrongFileTests.names.map {
            Array(try Data(contentsOf: WrongFileTests.folder.appending(path: $0 + ".yaml")))
        }
        for round in 0..<500 {
            var text = try #require(texts.randomElement(using: &generator))
            for _ in 0...Int.random(in: 0..<8, using: &generator) { mutate(&text, texts, &generator) }
            let (inventory, problems) = InventoryFile.read(text, name: "x")
            let lines =
                2 + text.count { $0 == 0x0A || $0 == 0x0D }
                + text.count { $0 == 0xA8 || $0 == 0xA9 || $0 == 0x85 }
            #expect(
                (inventory == nil) == problems.contains { $0.severity == .error },
                "seed \(seed), round \(round)")
            #expect(
                problems.allSatisfy { (1...lines).contains($0.line) && $0.column >= 1 },
                "seed \(seed), round \(round)")
            #expect(problems.allSatisfy { !$0.description.contains("\n") }, "seed \(seed), round \(round)")
        }
    }

    private func mutate(_ text: inout [UInt8], _ others: [[UInt8]], _ generator: inout Generator) {
        let marks = Array("[]{}:,-#&*!|>'\"%@` \n\t\0\u{7F}".utf8) + [0x80, 0xC0, 0xED, 0xFF]
        let position = Int.random(in: 0...text.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text.insert(marks.randomElement(using: &generator) ?? 0, at: position)
        case 1 where position < text.count: text[position] = UInt8.random(in: 0...255, using: &generator)
        case 2 where position < text.count:
            text.removeSubrange(
                position..<min(text.count, position + Int.random(in: 1...9, using: &generator)))
        case 3:
            let other = others.randomElement(using: &generator) ?? []
            text.insert(contentsOf: other.prefix(Int.random(in: 0...60, using: &generator)), at: position)
        default: text = Array(text.prefix(position))
        }
    }

    @Test("a file that is too large is refused before it is read")
    func tooLarge() {
        let (inventory, problems) = InventoryFile.read(
            Array(repeating: UInt8(ascii: "#"), count: InventoryFile.maximumSize + 1), name: "x")
        #expect(inventory == nil)
        #expect(
            problems.map(\.description) == [
                "x:1:1: found a file of 4194305 octets, expected at most 4194304 (4MiB)"
            ])
    }

    @Test("a file of many values is refused without keeping them all")
    func tooMany() {
        let text = "dns: { upstream: [" + String(repeating: "a,", count: 300_000) + "] }"
        let (_, problems) = InventoryFile.read(Array(text.utf8), name: "x")
        #expect(problems.map(\.message) == ["found more than 250000 values, expected fewer"])
    }

    @Test("past 500 problems only their number is told")
    func manyProblems() {
        let text = "dns: { upstream: [" + String(repeating: "a,", count: 10_000) + "] }"
        let (_, problems) = InventoryFile.read(Array(text.utf8), name: "x")
        #expect(problems.count == 501)
        #expect(problems.last?.message == "9500 more problems are not shown")
    }

    @Test("many prefixes that all overlap, and many unknown clusters, take no quadratic time")
    func manyContradictions() {
        var text =
            "dns: { bare-domain: [" + (0..<20_000).map { "x\($0)" }.joined(separator: ",")
            + "] }\nclusters:\n"
        for index in 0..<5000 { text += "  c\(index): { pods: [10.0.0.0/8, 10.0.0.0/\(9 + index % 24)] }\n" }
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "x")
        #expect(inventory == nil)
        #expect(problems.count == 501)
    }
}
