import Telemetry
import Testing

@Suite struct TopTableTests {
    @Test func `a frequent key is found among many that come once`() {
        var table = TopTable<Int>(capacity: 64)
        for turn in 0..<10_000 {
            table.add(1_000 + turn)
            if turn % 4 == 0 { table.add(1) }
            if turn % 10 == 0 { table.add(2) }
        }
        let top = table.top(2)
        #expect(top.map(\.key) == [1, 2])
        // Too high by no more than its share of everything.
        #expect((2_500...2_500 + 13_500 / 64).contains(top[0].count))
        #expect((1_000...1_000 + 13_500 / 64).contains(top[1].count))
        #expect(table.top(1_000).count == 64)
    }

    @Test func `few keys are counted exactly`() {
        var table = TopTable<String>(capacity: 4)
        for key in ["a", "b", "a", "c", "a", "b"] { table.add(key) }
        #expect(table.top(4).map(\.key) == ["a", "b", "c"])
        #expect(table.top(4).map(\.count) == [3, 2, 1])
    }
}
