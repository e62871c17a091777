import Testing

@testable import DNSServer

/// How descriptors are shared out.
struct DescriptorBudgetTests {
    private func budget(_ limit: Int, workers: Int = 2, endpoints: Int = 1, servers: Int) -> DescriptorBudget {
        DescriptorBudget(
            limit: limit,
            DescriptorBudget.Demand(
                workers: workers, endpoints: endpoints, servers: servers, connectionsPerWorker: 1_024))
    }

    @Test(arguments: [64, 256, 1_024, 4_096, 65_536, 1_048_576], [1, 3, 500, 2_000])
    func `the shares never exceed the limit`(limit: Int, servers: Int) {
        for workers in [1, 2, 16] {
            let budget = budget(limit, workers: workers, servers: servers)
            let all =
                workers * (budget.upstreamSocketsPerWorker + budget.connectionsPerWorker) + budget.probeSockets
            // Below that no share works at all.
            guard limit >= 128 || workers <= 2 else { continue }
            guard limit > 24 + workers * 7 + limit / 8 + 6 + 2 * workers else { continue }
            #expect(all <= limit - 24 - workers * 7, "\(workers) workers")
        }
    }

    @Test func `with few descriptors servers take precedence over connections`() {
        let budget = budget(64, servers: 1)
        #expect(budget.upstreamSocketsPerWorker >= 3)
        #expect(budget.connectionsPerWorker >= 1)
    }

    @Test func `with enough descriptors every part gets what it asks for`() {
        let budget = budget(65_536, servers: 8)
        #expect(budget.connectionsPerWorker == 1_024)
        #expect(budget.upstreamSocketsPerWorker >= 8 * 17)
        #expect(budget.shortage == nil)
    }

    @Test func `a shortage names each part and its demand`() throws {
        let shortage = try #require(budget(4_096, servers: 2_000).shortage)
        for word in ["2000 servers", "2 workers", "4096", "LimitNOFILE"] { #expect(shortage.contains(word)) }
    }

    @Test(arguments: [1, 2, 8], [10, 500, 2_000])
    func `the limit that a shortage asks for ends it`(workers: Int, servers: Int) throws {
        let budget = budget(256, workers: workers, servers: servers)
        guard let shortage = budget.shortage else { return }
        let words = shortage.split(separator: " ")
        let place = try #require(words.firstIndex(of: "descriptors,"))
        let needed = try #require(Int(words[place - 1]))
        #expect(self.budget(needed, workers: workers, servers: servers).shortage == nil)
    }
}
