import DNSWire
import Telemetry
import TestSupport
import Testing

@testable import AnswerCache

/// What is evicted when the memory is full.
@Suite struct EvictionTests {
    @Test func `a million names that are asked once do not push out what is asked often`() throws {
        var cache = NamedCache(octets: 1 << 20)
        let popular = (0..<500).map { "popular\($0)" }
        for name in popular { try cache.store(name, [1], .init(), Sample.life(100_000)) }
        for name in popular { _ = try cache.load(name) }
        var random = SplitMix64(seed: 31)
        var message = Sample.question("aaaaaaaaaaaaaaaa.flood")
        var answer = Sample.answer(to: message)
        for _ in 0..<1_000 {
            for _ in 0..<1_000 {
                // In place, which is quick: sixteen octets of the name are random.
                for index in 0..<16 { message[13 + index] = UInt8(truncatingIfNeeded: random.next()) | 0x80 }
                for index in stride(from: 12, to: 30, by: 2) {
                    answer.octets.set16(Int(message[index]) << 8 | Int(message[index + 1]), at: index)
                }
                let key = try cache.key(message, .init())
                cache.cache.store(key, answer, Sample.life(100_000), at: Sample.seconds(0))
            }
            for _ in 0..<10 { _ = try cache.load(random.pick(popular)) }
        }
        let kept = try popular.count { try cache.load($0) != nil }
        // Of the flood, one name in some hundred thousand is taken for one that left a moment ago, and stays.
        #expect(kept >= popular.count - 5)
        let statistics = cache.cache.statistics
        #expect(statistics.octets <= 1 << 20)
        #expect(statistics.evictions == 1_000_000 + popular.count - statistics.entries)
    }

    @Test(arguments: [1, 1 << 20, 3 << 20])
    func `a flood of answers of all sizes stays inside the room`(octets: Int) throws {
        var cache = NamedCache(octets: octets)
        var random = SplitMix64(seed: 5)
        var stored = 0
        while stored < 2 * max(octets, 100_000) {
            let records = random.oneIn(20) ? random.number(in: 0..<300) : random.number(in: 0..<8)
            try cache.store("n\(random.number(in: 0..<50_000))", Array(repeating: 1, count: records))
            if random.oneIn(2) { _ = try cache.load("n\(random.number(in: 0..<50_000))") }
            stored += 120 + records * 24
            #expect(cache.cache.statistics.octets <= max(octets, 96 * 1024))
        }
        #expect(cache.cache.statistics.octets > max(octets, 64 * 1024) / 20)
    }

    @Test func `the oldest is evicted first, those that were asked for stay`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        for index in 0..<2_000 { try Self.store("filler\(index)", in: &shard) }
        let names = (0..<2_000).map { "name\($0)" }
        for (index, name) in names.enumerated() {
            try Self.store(name, in: &shard)
            if index % 10 == 0 { #expect(try Self.isFound(name, in: &shard)) }
        }
        let kept = try names.indices.filter { try Self.isFound(names[$0], in: &shard) }
        let unused = kept.filter { $0 % 10 != 0 }
        // Of those never asked for, a run at the end is left; of the others all.
        #expect(unused == Array(try #require(unused.first)..<2_000).filter { $0 % 10 != 0 })
        #expect(kept.count - unused.count == 200)
    }

    @Test func `nothing is evicted while there is room`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        for index in 0..<700 { try Self.store("name\(index)", in: &shard) }
        #expect(shard.statistics.evictions == 0)
        for index in 0..<700 { #expect(try Self.isFound("name\(index)", in: &shard)) }
    }

    @Test func `refreshed answers do not fill the room with old copies`() throws {
        let cache = NamedCache()
        for index in 0..<100 { try cache.store("name\(index)") }
        for index in 0..<100 { try cache.store("name\(index)", [2], at: 5) }
        let octets = cache.cache.statistics.octets
        for round in 2..<100 {
            for index in 0..<100 {
                try cache.store("name\(index)", [UInt32(round)], at: Double(round) * 5)
            }
        }
        #expect(cache.cache.statistics.octets == octets)
        #expect(cache.cache.statistics.entries == 100)
    }

    @Test func `an answer that was replaced where it lies keeps its place by its uses`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        for _ in 0..<2 { try Self.store("popular", in: &shard) }
        #expect(try Self.isFound("popular", in: &shard))
        try Self.store("popular", in: &shard)
        for index in 0..<5_000 {
            for _ in 0..<2 { try Self.store("flood\(index)", in: &shard) }
            if index % 100 == 0 { #expect(try Self.isFound("popular", in: &shard)) }
        }
    }

    @Test func `where all were used often, a new one moves few of them and pushes others out`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        var names = 0
        while shard.statistics.evictions == 0 {
            for _ in 0..<2 { try Self.store("name\(names)", in: &shard) }
            for _ in 0..<3 { _ = try Self.isFound("name\(names)", in: &shard) }
            names += 1
        }
        #expect(names > 1_000)
        #expect(try Self.isFound("name63", in: &shard))
        #expect(try !Self.isFound("name64", in: &shard))
    }

    @Test func `everything is forgotten although the index grows between two steps`() throws {
        var shard = CacheShard(octets: 1 << 20)
        for index in 0..<1_000 { try Self.store("name\(index)", in: &shard) }
        var removal = shard.removeAll(from: 0) { _, _ in true }
        var (count, steps) = (removal.count, 1)
        for index in 0..<4_000 { try Self.store("later\(index)", in: &shard) }
        while let bucket = removal.next {
            removal = shard.removeAll(from: bucket) { name, _ in name.count == 14 || name[1] == UInt8(ascii: "n") }
            count += removal.count
            steps += 1
        }
        for index in 0..<1_000 { #expect(try !Self.isFound("name\(index)", in: &shard)) }
        #expect(count >= 1_000 && steps > 2)
    }

    @Test func `what comes back soon after it was evicted stays longer`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        for index in 0..<2_000 { try Self.store("filler\(index)", in: &shard) }
        try Self.store("returning", in: &shard)
        for index in 0..<700 { try Self.store("flood\(index)", in: &shard) }
        #expect(try !Self.isFound("returning", in: &shard))
        try Self.store("returning", in: &shard)
        for index in 700..<1_400 { try Self.store("flood\(index)", in: &shard) }
        #expect(try Self.isFound("returning", in: &shard))
    }

    @Test func `names whose hashes are equal are distinct`() throws {
        var shard = CacheShard(octets: 1 << 20)
        let names = (0..<60).map { "collision\($0)" }
        for (index, name) in names.enumerated() { try Self.store(name, UInt32(index), hash: 42, in: &shard) }
        for (index, name) in names.enumerated() {
            #expect(try Self.address(of: name, hash: 42, in: &shard) == UInt32(index))
        }
        #expect(try Self.address(of: "collision60", hash: 42, in: &shard) == nil)
        #expect(shard.statistics.entries == 60)
    }

    @Test func `entries in one bucket survive each other's eviction`() throws {
        var shard = CacheShard(octets: 64 * 1024)
        for round in 0..<5_000 {
            try Self.store("n\(round)", UInt32(round), hash: 3, in: &shard)
            let back = round - round % 7
            if let address = try Self.address(of: "n\(back)", hash: 3, in: &shard) {
                #expect(address == UInt32(back))
            }
        }
        let found = try (0..<5_000).count {
            try Self.address(of: "n\($0)", hash: 3, in: &shard) == UInt32($0)
        }
        #expect(found == shard.statistics.entries)
    }

    @Test(arguments: [21, 22, 23] as [UInt64])
    func `only the answer stored last under a name is returned`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var shard = CacheShard(octets: 64 * 1024)
        var model: [String: UInt32] = [:]
        var found = 0
        for step in 0..<30_000 {
            let name = "n\(random.oneIn(2) ? random.number(in: 0..<40) : random.number(in: 0..<3_000))"
            switch random.number(in: 0..<8) {
            case 0...3:
                try Self.store(name, UInt32(step), records: random.number(in: 1..<20), in: &shard)
                model[name] = UInt32(step)
            case 4 where random.oneIn(2_000):
                var bucket: Int? = 0
                while let first = bucket { bucket = shard.removeAll(from: first) { _, _ in true }.next }
                model = [:]
            default:
                guard let address = try Self.address(of: name, in: &shard) else { continue }
                found += 1
                #expect(address == model[name], "seed \(seed)")
            }
        }
        #expect(found > 3_000)
    }

    // MARK: -

    private static func key(_ message: [UInt8], _ hash: UInt64?) throws -> CacheKey {
        var key = CacheKey(
            message.span, try Question(reading: message.span), view: 0, wantsDNSSEC: false,
            checkingDisabled: false, hashKey: 1)
        if let hash { key.hash = hash }
        return key
    }

    private static func store(
        _ name: String, _ address: UInt32 = 1, records: Int = 1, hash: UInt64? = nil,
        in shard: inout CacheShard
    ) throws {
        let message = Sample.question(name)
        let answer = Sample.answer(to: message, Array(repeating: address, count: records))
        shard.store(try key(message, hash), answer, Sample.life(), at: Sample.seconds(0))
    }

    private static func address(
        of name: String, hash: UInt64? = nil, in shard: inout CacheShard
    ) throws -> UInt32? {
        let message = Sample.question(name)
        var answer = PreparedAnswer()
        guard shard.load(try key(message, hash), message.span, at: Sample.seconds(0), into: &answer) != nil
        else { return nil }
        let end = answer.octets.count
        return UInt32(answer.octets.number16(at: end - 4)) << 16
            | UInt32(answer.octets.number16(at: end - 2))
    }

    private static func isFound(_ name: String, in shard: inout CacheShard) throws -> Bool {
        try address(of: name, in: &shard) != nil
    }
}
