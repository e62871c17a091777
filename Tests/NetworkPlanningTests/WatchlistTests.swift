import IPAddressing
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// Events of network namespaces lead to a check if they bear our marks: containers have others, of which a busy host
/// has many.
@Suite struct WatchlistTests {
    static let cases: [(KernelEvent.Subject, Bool, String)] = [
        (.link(name: "nb0", index: 2, isUp: false), true, "the device that leads to the host"),
        (.link(name: "eth0", index: 2, isUp: true), false, "a container's device, with the number of one of the host's"),
        (.address(IPAddress("10.0.3.4"), device: 2), false, "a container's address"),
        (.address(nil, device: 2), false, "an address that is not told"),
        (.route(IPPrefix(only: IPAddress(v4: 7)), routeProtocol: Ownership.routeProtocol), true, "a route of ours"),
        (.route(IPPrefix(only: IPAddress(v4: 7)), routeProtocol: 3), false, "a container's route"),
        (.nextHop(madeBy: Ownership.routeProtocol), false, "a numbered next hop, of which namespaces of ours have none"),
        (.table(Ownership.table), true, "our table"),
        (.filterRule(chain: "prerouting", table: Ownership.table), true, "a rule of it"),
        (.chain("FORWARD", table: "filter"), false, "a container's chain"),
        (.setting(device: KernelEvent.allDevices), true, "a setting of all devices"),
        (.setting(device: 2), false, "a setting of one device"), (.neighbour(device: 2), false, "a neighbour"),
    ]

    @Test(arguments: cases) func `events of namespaces are told apart`(
        subject: KernelEvent.Subject, isConcern: Bool, reason: String
    ) throws {
        var event = KernelEvent(subject, isGone: true)
        event.isElsewhere = true
        #expect(try watchlist("gate", in: "equal-clusters").concerns(event) == isConcern, "\(reason)")
        #expect(try !watchlist("relay1", in: "office-to-cluster").concerns(event), "a host without namespaces: \(reason)")
    }

    /// The device, neighbours and forwarding entries of a segment that is in a cluster's namespace.
    @Test(arguments: [
        (KernelEvent.Subject.link(name: "nbvx7", index: 3, isUp: false), true),
        (.neighbour(device: 3, address: IPAddress("100.127.0.12")), true),
        (.neighbour(device: 3, address: IPAddress("192.168.20.14")), true),
        (.neighbour(device: 3, address: IPAddress("10.0.0.9")), false), (.neighbour(device: 3), false),
        (.link(name: "nbvx8", index: 3, isUp: false), false),
    ])
    func `a segment in a namespace is known`(subject: KernelEvent.Subject, isConcern: Bool) throws {
        var event = KernelEvent(subject, isGone: true)
        event.isElsewhere = true
        #expect(try watchlist("b1", in: "mapped-mesh").concerns(event) == isConcern)
    }

    @Test func `our own address in a namespace is known`() throws {
        let plan = try Networks.plan("gate", in: Networks.inventory("equal-clusters"))
        let own = try #require(plan.namespaces.first?.value.content.addresses.first?.value.address)
        var event = KernelEvent(.address(own, device: 2), isGone: true)
        event.isElsewhere = true
        #expect(try watchlist("gate", in: "equal-clusters").concerns(event))
    }

    private func watchlist(_ host: String, in network: String) throws -> Watchlist {
        let plan = try Networks.plan(host, in: Networks.inventory(network))
        return Watchlist(of: plan, on: FakeHost.fresh(plan.host), index: { _ in 2 })
    }
}
