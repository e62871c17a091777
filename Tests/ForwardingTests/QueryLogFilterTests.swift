import DomainNames
import Forwarding
import IPAddressing
import Inventory
import Testing
import Time

@Suite struct QueryLogFilterTests {
    @Test(arguments: [
        ("web.shop.svc.prod.cluster.local", "10.0.0.7", 0, true, "all of it fits"),
        ("PROD.Cluster.Local", "10.0.0.7", 3, true, "the name itself, in other letters"),
        ("web.xprod.cluster.local", "10.0.0.7", 0, false, "no label of its own"),
        ("cluster.local", "10.0.0.7", 0, false, "above the name"),
        ("web.prod.cluster.local", "192.168.0.1", 0, false, "another client"),
        ("web.prod.cluster.local", "10.0.0.7", 5, false, "another response code"),
    ])
    func `all conditions hold together`(
        name: String, client: String, rcode: Int, isChosen: Bool, reason: String
    ) throws {
        var settings = QueryLogSettings()
        settings.clients = [try IPPrefix(parsing: "10.0.0.0/8")]
        settings.names = [try DomainName(parsing: "prod.cluster.local")]
        settings.responseCodes = [.noError, .nameError]
        let filter = QueryLogFilter(settings)
        let wire = try DomainName(parsing: name).wire
        let address = try #require(IPAddress(client))
        let chosen = filter.isChosen(
            wire.span, nameLength: wire.count, client: address, rcode: rcode, draw: .max)
        #expect(chosen == isChosen, "\(reason)")
    }

    @Test(arguments: [(1.0, 1_000), (0.25, 250), (0.001, 1)])
    func `a sample has its share`(sample: Double, count: Int) throws {
        var settings = QueryLogSettings()
        settings.sample = sample
        let filter = QueryLogFilter(settings)
        let client = try #require(IPAddress("10.0.0.1"))
        // Draws at equal distances.
        let chosen = (0..<1_000).count { turn in
            let root: [UInt8] = [0]
            return filter.isChosen(
                root.span, nameLength: 1, client: client, rcode: 0, draw: UInt64(turn * 2 + 1) * (UInt64.max / 2_000))
        }
        #expect(chosen == count)
    }

    @Test func `failures are stored by cluster and cause, the oldest are replaced`() {
        var table = FailureTable()
        func entry(_ cluster: String, _ time: Int64) -> FailureTable.Entry {
            FailureTable.Entry(
                cluster: cluster, reason: [1], name: [0], type: 1, count: 1, last: MonotonicTime(nanoseconds: time))
        }
        for time in 0..<5 as Range<Int64> { table.note(entry("prod", time)) }
        #expect(table.entries.map(\.count) == [5])
        for number in 0..<100 as Range<Int64> { table.note(entry("c\(number)", 10 + number)) }
        #expect(table.entries.count == FailureTable.capacity)
        let merged = FailureTable.merged([table, table])
        #expect(merged.map(\.count) == Array(repeating: 2, count: FailureTable.capacity))
        #expect(merged.first?.cluster == "c99")
    }
}
