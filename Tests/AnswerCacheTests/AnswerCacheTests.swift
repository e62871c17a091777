import AnswerCache
import DNSWire
import Testing

/// What is kept, under what, and for how long.
@Suite struct AnswerCacheTests {
    @Test func `an answer comes back as it was stored`() throws {
        var cache = NamedCache()
        try cache.store("a.b", [1, 2, 3])
        let hit = try #require(try cache.load("a.b", at: 2.5))
        #expect(hit.isFresh && hit.age == 3 && !hit.isNegative && !hit.isFailure && !hit.wantsRefresh)
        #expect(cache.addresses == [1, 2, 3])
        #expect(cache.loaded.questionNameLength == 5)
        #expect(cache.loaded.extendedError == nil)
    }

    @Test func `letter case makes no difference`() throws {
        var cache = NamedCache()
        try cache.store("MySQL.Test.SVC", [9])
        #expect(try cache.load("mysql.tEST.svc") != nil)
        #expect(cache.addresses == [9])
        try cache.store("mysql.test.svc", [8])
        #expect(cache.cache.statistics.entries == 1)
    }

    @Test(arguments: [
        ("another view", NamedCache.Variant(view: 1)),
        ("another type", NamedCache.Variant(type: 28)),
        ("DO: signatures belong to the answer", NamedCache.Variant(wantsDNSSEC: true)),
        ("CD: it may not have been validated", NamedCache.Variant(checkingDisabled: true)),
    ])
    func `questions that differ have answers of their own`(
        reason: String, variant: NamedCache.Variant
    ) throws {
        var cache = NamedCache()
        try cache.store("a.b", [1])
        #expect(try cache.load("a.b", variant) == nil, "\(reason)")
        try cache.store("a.b", [2], variant)
        _ = try #require(try cache.load("a.b", variant))
        #expect(cache.addresses == [2])
        _ = try #require(try cache.load("a.b"))
        #expect(cache.addresses == [1])
        #expect(cache.cache.statistics.entries == 2)
    }

    @Test func `a new answer replaces the old one`() throws {
        var cache = NamedCache()
        for address in 0..<100 as Range<UInt32> {
            try cache.store("a.b", [address])
            _ = try #require(try cache.load("a.b"))
            #expect(cache.addresses == [address])
        }
        #expect(cache.cache.statistics.entries == 1)
    }

    @Test func `the first nanosecond past its life an answer is no longer given`() throws {
        var cache = NamedCache()
        try cache.store("a.b")
        #expect(try cache.load("a.b", at: 4.999_999_999)?.isFresh == true)
        #expect(try cache.load("a.b", at: 5) == nil)
    }

    @Test func `an expired answer replaces a failure until its stale time is over`() throws {
        var cache = NamedCache()
        try cache.store("a.b", [1], .init(), Sample.life(5, stale: 10))
        let hit = try #require(try cache.loadInPlaceOfFailure("a.b", at: 14.9))
        #expect(!hit.isFresh)
        #expect(cache.addresses == [1])
        #expect(try cache.loadInPlaceOfFailure("a.b", at: 15) == nil)
    }

    @Test func `after a failed question the stale answer is served for a second, then the server is asked again`() throws {
        var cache = NamedCache()
        try cache.store("a.b")
        #expect(try cache.load("a.b", at: 10) == nil)
        _ = try #require(try cache.loadInPlaceOfFailure("a.b", at: 10))
        #expect(try cache.load("a.b", at: 10.999)?.isFresh == false)
        #expect(try cache.load("a.b", at: 11) == nil)
        try cache.store("a.b", [2], at: 11)
        #expect(try cache.load("a.b", at: 11)?.isFresh == true)
        #expect(cache.addresses == [2])
    }

    @Test(arguments: [
        ("a 'no' is never given stale", CacheLife.Kind.negative),
        ("nor is a failure", .failure),
    ])
    func `only positive answers replace a failure`(reason: String, kind: CacheLife.Kind) throws {
        var cache = NamedCache()
        try cache.store("a.b", [], .init(), Sample.life(5, stale: 100, kind))
        #expect(try cache.load("a.b", at: 1) != nil)
        #expect(try cache.loadInPlaceOfFailure("a.b", at: 1) == nil, "\(reason)")
        #expect(try cache.loadInPlaceOfFailure("a.b", at: 6) == nil, "\(reason)")
    }

    @Test(arguments: [
        ("over a fresh answer", 1.0, true), ("over a stale one", 100, true),
        ("over what is over", 4_000, false),
    ])
    func `a failure replaces nothing that is still good`(reason: String, time: Double, isKept: Bool) throws {
        var cache = NamedCache()
        try cache.store("a.b", [1])
        try cache.store("a.b", [], .init(), Sample.life(1, stale: 0, .failure), rcode: 2, at: time)
        #expect((try cache.loadInPlaceOfFailure("a.b", at: time) != nil) == isKept, "\(reason)")
        #expect((try cache.load("a.b", at: time)?.isFailure == true) == !isKept, "\(reason)")
    }

    @Test(arguments: [
        ("an answer, even an expired one", CacheLife.Kind.positive, true),
        ("a 'no'", .negative, false),
        ("a failure says nothing of the name", .failure, false),
    ])
    func `the cache remembers that a name existed`(
        reason: String, kind: CacheLife.Kind, isPositive: Bool
    ) throws {
        let cache = NamedCache()
        let message = Sample.question("a.b")
        let key = try cache.key(message, .init())
        let before = cache.cache.holdsPositive(key, message.span)
        try cache.store("a.b", [], .init(), Sample.life(5, stale: 0, kind))
        let after = cache.cache.holdsPositive(key, message.span)
        #expect(!before && after == isPositive, "\(reason)")
    }

    @Test func `one hit in two seconds asks for a refresh of a popular answer before it expires`() throws {
        var cache = NamedCache()
        try cache.store("a.b", [1], .init(), Sample.life(30))
        for time in [1.0, 2, 3] { #expect(try cache.load("a.b", at: time)?.wantsRefresh == false) }
        #expect(try cache.load("a.b", at: 26.9)?.wantsRefresh == false)
        #expect(try cache.load("a.b", at: 27.1)?.wantsRefresh == true)
        #expect(try cache.load("a.b", at: 27.2)?.wantsRefresh == false)
        #expect(try cache.load("a.b", at: 29.0)?.wantsRefresh == false)
        #expect(try cache.load("a.b", at: 29.2)?.wantsRefresh == true)
    }

    @Test func `an answer that is being refreshed is not served past its life`() throws {
        var cache = NamedCache()
        try cache.store("a.b", [1], .init(), Sample.life(30, stale: 3600))
        for time in [1.0, 2, 3] { _ = try cache.load("a.b", at: time) }
        #expect(try cache.load("a.b", at: 29.5)?.wantsRefresh == true)
        #expect(try cache.load("a.b", at: 29.9)?.isFresh == true)
        #expect(try cache.load("a.b", at: 30.1) == nil, "nothing has failed: the client waits for the answer under way")
    }

    @Test(arguments: [
        ("it is not asked often", 30.0, CacheLife.Kind.positive, 0),
        ("it lives too short for it to matter", 2, .positive, 9),
        ("failures are short-lived on purpose", 30, .failure, 9),
    ])
    func `others are not refreshed`(reason: String, life: Double, kind: CacheLife.Kind, hits: Int) throws {
        var cache = NamedCache()
        try cache.store("a.b", [1], .init(), Sample.life(Int64(life), kind))
        for _ in 0..<hits { _ = try cache.load("a.b") }
        #expect(try cache.load("a.b", at: life - 0.1)?.wantsRefresh == false, "\(reason)")
    }

    @Test func `each hit turns the addresses one further`() throws {
        var cache = NamedCache()
        try cache.store("a.b")
        #expect(try (1...4).map { _ in try cache.load("a.b")?.rotation } == [1, 2, 3, 4])
    }

    @Test func `an extended error is kept with its text`() throws {
        var cache = NamedCache()
        let error = ExtendedError(code: 22, text: Array("prod: timeout".utf8))
        try cache.store("a.b", [], .init(), rcode: 2, error: error)
        _ = try #require(try cache.load("a.b"))
        #expect(cache.loaded.extendedError?.code == 22)
        #expect(cache.loaded.extendedError?.text == error.text)
    }

    @Test(arguments: [0, 1, 2, 50, 1_000, 4_000])
    func `answers of any length come back whole`(records: Int) throws {
        var cache = NamedCache(octets: 4 << 20)
        let addresses = (0..<UInt32(records)).map { $0 &* 2_654_435_761 }
        try cache.store("a.b", addresses)
        _ = try #require(try cache.load("a.b"))
        #expect(cache.addresses == addresses)
    }

    @Test func `an answer too large for a small cache is not kept, and what it replaces is gone`() throws {
        var cache = NamedCache(octets: 1)
        try cache.store("a.b", [1])
        try cache.store("a.b", Array(0..<4_000))
        #expect(try cache.load("a.b") == nil)
        #expect(cache.cache.statistics.entries == 0)
    }

    @Test func `entries are counted as they come and go`() throws {
        var cache = NamedCache()
        for index in 0..<100 { try cache.store("name\(index)") }
        for index in 0..<150 { _ = try cache.load("name\(index)") }
        _ = try cache.load("name0", at: 6)
        _ = try cache.loadInPlaceOfFailure("name0", at: 6)
        let statistics = cache.cache.statistics
        #expect(statistics.entries == 100)
        #expect(statistics.hits == 100)
        #expect(statistics.misses == 51)
        #expect(statistics.evictions == 0)
        // Header, name of 7 or 8 octets, TTL and address, rounded up.
        #expect(statistics.octets == 100 * 56)
    }

    @Test func `views of the lowest and the highest number are distinct`() throws {
        var cache = NamedCache()
        try cache.store("a.b", [1], .init(view: 0))
        try cache.store("a.b", [2], .init(view: 255))
        for (view, address) in [(0, 1), (255, 2)] as [(Int, UInt32)] {
            _ = try cache.load("a.b", .init(view: view))
            #expect(cache.addresses == [address])
        }
    }

    @Test func `a flush removes the named answers, and nothing else`() throws {
        var cache = NamedCache(octets: 8 << 20)
        for index in 0..<3_000 { try cache.store("name\(index).\(index % 3 == 0 ? "prod" : "test")") }
        let suffix = [4] + Array("prod".utf8) + [0]
        let removed = cache.cache.removeAll { name in
            let start = name.count - suffix.count
            return start >= 0 && suffix.indices.allSatisfy { name[start + $0] == suffix[$0] }
        }
        #expect(removed == 1_000)
        #expect(cache.cache.statistics.entries == 2_000)
        for index in 0..<3_000 {
            let isMeant = index % 3 == 0
            #expect((try cache.load("name\(index).\(isMeant ? "prod" : "test")") == nil) == isMeant)
        }
        #expect(cache.cache.removeAll { _ in true } == 2_000)
        #expect(cache.cache.statistics.entries == 0)
        try cache.store("a.b")
        #expect(try cache.load("a.b") != nil)
    }
}
