import IPAddressing
import NetworkModel
import NetworkPlanning
import Testing

/// The process that removed an object, derived from the kernel's events.
@Suite struct LikelyCauseTests {
    @Test(arguments: cases)
    func `the likely author is named`(example: Case) {
        let steps = example.lost.map { Step(.add($0), because: "") }
        #expect(LikelyCause.text(for: steps, from: example.events) == example.words)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let events: [KernelEvent]
        let lost: [NetworkObject]
        let words: String?
    }

    private static let ours = NetworkObject.table(FilterTable(family: .inet, name: Ownership.table))
    private static let prefix = IPPrefix(around: IPAddress(v4: 0x0AEB_5800), length: 24)
    private static let route = prefix.map { NetworkObject.route(Route(destination: $0, nextHops: [])) }
    private static let link = NetworkObject.link(Link(name: "nbvx1", kind: .other("vxlan")))

    private static func gone(_ tables: String...) -> [KernelEvent] {
        tables.map { KernelEvent(.table($0), isGone: true) }
    }

    private static func by(_ name: String) -> KernelEvent {
        KernelEvent(.transaction, actor: KernelEvent.Actor(process: 7, name: name))
    }

    static let cases = [
        Case(
            testDescription: "nft flush ruleset", events: gone("filter", Ownership.table) + [by("nft")], lost: [ours],
            words: "the whole ruleset was flushed by nft (process 7)"),
        Case(
            testDescription: "our table alone", events: gone(Ownership.table) + [by("nft")], lost: [ours],
            words: "table inet namebridge was deleted, or the ruleset flushed by nft (process 7)"),
        Case(
            testDescription: "the author of another transaction is not blamed",
            events: gone(Ownership.table) + [by("nft"), KernelEvent(.table("x")), by("iptables")], lost: [ours],
            words: "table inet namebridge was deleted, or the ruleset flushed by nft (process 7)"),
        Case(
            testDescription: "firewalld comes back",
            events: gone(Ownership.table, "firewalld") + [by("firewalld"), KernelEvent(.table("firewalld")), by("firewalld")],
            lost: [ours],
            words: "the whole ruleset was flushed by firewalld (process 7), as firewalld does when it starts or reloads"),
        Case(
            testDescription: "nft -f /etc/nftables.conf",
            events: gone(Ownership.table) + [KernelEvent(.table("filter")), by("nft")], lost: [ours],
            words: "the whole ruleset was flushed by nft (process 7), as nftables.service does when it starts or reloads"),
        Case(
            testDescription: "rules of ours", lost: [ours],
            events: [KernelEvent(.filterRule(chain: "nat", table: Ownership.table), isGone: true), by("nft")],
            words: "rules of table inet namebridge were changed by nft (process 7)"),
        Case(
            testDescription: "ip route flush",
            events: prefix.map {
                [KernelEvent(.route($0, routeProtocol: 78), isGone: true, actor: KernelEvent.Actor(process: 9))]
            } ?? [],
            lost: route.map { [$0] } ?? [], words: "routes were deleted by process 9, which has ended"),
        Case(
            testDescription: "a device went down: the kernel says nothing of its routes",
            events: [KernelEvent(.link(name: "eth0", index: 2, isUp: false))], lost: route.map { [$0] } ?? [],
            words: "device eth0 was set down"),
        Case(
            testDescription: "a device went",
            events: [KernelEvent(.link(name: "nbvx1", index: 3, isUp: true), isGone: true)], lost: [link],
            words: "device nbvx1 was deleted"),
        Case(testDescription: "nothing is known", events: [], lost: [ours], words: nil),
    ]
}

extension LikelyCauseTests.Case {
    init(testDescription: String, lost: [NetworkObject], events: [KernelEvent], words: String?) {
        self.init(testDescription: testDescription, events: events, lost: lost, words: words)
    }
}
