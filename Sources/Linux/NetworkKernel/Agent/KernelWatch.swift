package import LinuxSystem
import NetworkModel

/// Receives the changes in the network of this host, as `ip monitor` and `nft monitor` show them, and those
/// in the network namespaces that its devices lead to.
package final class KernelWatch: EventSource {
    /// Events of links, addresses, neighbours, routes and rules.
    private let route: NetlinkSocket
    /// Events of nftables.
    private let filter: NetlinkSocket

    /// RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE,
    /// IPV4_NETCONF, IPV6_NETCONF, NEXTHOP of linux/rtnetlink.h.
    private static let routeGroups: [Int32] = [1, 3, 5, 7, 8, 9, 11, 19, 24, 25, 32]

    /// NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
    private static let filterGroups: [Int32] = [7]

    /// Subscribes to the events.
    package init() throws(KernelError) {
        do throws(Errno) {
            route = try NetlinkSocket(.route, groups: Self.routeGroups, includesNamespaces: true)
            filter = try NetlinkSocket(.netfilter, groups: Self.filterGroups, includesNamespaces: true)
        } catch {
            throw .system(what: "the kernel's events cannot be heard", error)
        }
    }

    /// Registers its sockets with `epoll`.
    package func register(with epoll: borrowing Epoll, token: UInt64) throws(Errno) {
        try epoll.add(route.descriptor, .readable, token: token)
        try epoll.add(filter.descriptor, .readable, token: token)
    }

    /// Reads the waiting events.
    package func take() -> EventBatch {
        var batch = EventBatch()
        Self.take(from: route, .route, into: &batch)
        Self.take(from: filter, .filter, into: &batch)
        return batch
    }

    /// The most datagrams in one call; the rest is read in the next one.
    private static let mostAtOnce = 10_000

    private static func take(
        from socket: borrowing NetlinkSocket, _ family: NetlinkFamily, into batch: inout EventBatch
    ) {
        var names: [Int: String?] = [:]
        for _ in 0..<mostAtOnce {
            do throws(Errno) {
                switch try socket.receive() {
                case .none: return
                case .overrun: batch.isIncomplete = true
                case .datagram(let octets, let namespace):
                    batch.events += KernelEvent.read(octets, of: family).map { event in
                        var event = named(event, &names)
                        event.isElsewhere = namespace != nil
                        return event
                    }
                }
            } catch {
                batch.isIncomplete = true
                return
            }
        }
    }

    /// The event with the name of the process that caused it, if that process still exists.
    private static func named(_ event: KernelEvent, _ names: inout [Int: String?]) -> KernelEvent {
        guard let process = event.actor?.process, event.actor?.name == nil, event.isGone else { return event }
        let name: String?
        if let known = names[process] {
            name = known
        } else {
            name = ThisProcess.name(of: process)
            names[process] = name
        }
        var event = event
        event.actor?.name = name
        return event
    }
}
