import Testing

@testable import InventoryFile

/// What is remembered of files of facts.
@Suite struct RecentTests {
    @Test func `a further value takes the place of the one that was used longest ago, and of no other`() {
        var recent = Recent<Int>(limit: 2)
        recent.insert(1, for: "a")
        recent.insert(2, for: "b")
        #expect(recent.take("a") == 1)
        recent.insert(3, for: "c")
        #expect(recent.take("a") == 1 && recent.take("b") == nil && recent.take("c") == 3)
        recent.insert(4, for: "a")
        #expect(recent.take("a") == 4 && recent.take("c") == 3)
    }

    @Test func `all of many are remembered while there is room`() {
        var recent = Recent<Int>(limit: 1_024)
        for number in 0..<70 { recent.insert(number, for: "\(number)") }
        for number in 0..<70 { #expect(recent.take("\(number)") == number) }
    }
}
