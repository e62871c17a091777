import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// A cluster with very many ranges costs no more than they need: few rules, and no search through all for each.
@Suite struct ManyRangesTests {
    /// The ranges have gaps between them, so that none can be joined.
    private static func plan(ranges: Int) throws -> HostPlan {
        let pairs = (0..<ranges).map { number in
            let rest = "\(number / 2).\(number % 2 * 128)/26"
            return "10.32.\(rest): 10.200.\(rest)"
        }
        let office = RelayOffice(
            cluster: ["map: { \(pairs.joined(separator: ", ")) }"], relays: ["gate"],
            path: ["relays: [gate]", "source: keep"])
        return try Networks.plan("gate", in: Networks.inventory(yaml: office.yaml))
    }

    @Test func `one rule translates the single packets of all ranges that differ in the same bits`() throws {
        let plan = try Self.plan(ranges: 300)
        let content = try #require(plan.namespaces.first).value.content
        let bits = try #require(IPAddress("0.232.0.0"))
        for (name, end) in [("invalid-in", TranslatedEnd.destination), ("invalid-out", .source)] {
            let rules = try #require(content.table.chains.first { $0.name == name }).rules
            #expect(rules.count == 2)
            #expect(rules.last?.action == .invert(end, bits: bits))
        }
        #expect(plan.routes.count { $0.value.kind == .unicast && $0.value.table == Route.mainTable } == 300)
    }

    @Test func `what inverts bits is read as it was written`() throws {
        let prefixes = try ["10.64.0.0/24", "10.64.2.0/24"].map { try IPPrefix(parsing: $0) }
        let bits = try #require(IPAddress("0.192.0.0"))
        let rule = FilterRule([.destination(PrefixSet(prefixes))], .invert(.destination, bits: bits), comment: "a path")
        #expect(
            "\(rule)".contains("ip daddr { 10.64.0.0/24, 10.64.2.0/24 } counter ip daddr set ip daddr ^ 0.192.0.0"),
            "\(rule)")
        let hook = FilterHook(type: .filter, point: .prerouting, priority: -90)
        let table = FilterTable(
            family: .inet, name: "namebridge", chains: [FilterChain(name: "invalid-in", hook: hook, rules: [rule])])
        #expect(try HostState(json: HostState(tables: [table]).json).tables.map(\.withoutCounters) == [table])
    }

    @Test(arguments: 0..<20) func `steps change a host together as they do one by one`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        func route() -> Route {
            let destination = IPPrefix(only: IPAddress(v4: UInt32.random(in: 0..<6, using: &random)))
            return Route(
                destination: destination, kind: .blackhole, table: Int.random(in: 254...255, using: &random),
                metric: Int.random(in: 1...3, using: &random), nextHops: [])
        }
        var host = HostState(routes: (0..<8).map { _ in route() })
        var same = host
        let steps = (0..<40).map { _ in
            Step(Bool.random(using: &random) ? .add(.route(route())) : .remove(.route(route())), because: "test")
        }
        host.apply(steps)
        for step in steps { same.apply(step.change) }
        #expect(host.routes == same.routes, "seed \(seed)")
    }
}
