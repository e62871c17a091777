import IPAddressing
package import Inventory
import NetworkModel

/// Addresses of forwarders that others are led to this host for, as long as its forwarder can answer.
package struct AnnouncedService: Hashable, Sendable {
    /// As in `dns 172.20.0.53 on dns1`; unique in a plan.
    package let name: String

    /// The addresses as text, as in `172.20.0.53`.
    package let addresses: String

    /// How others are led to this host.
    package let failover: Failover

    /// This host, as in `office/dns1`.
    package let host: String

    /// Its name.
    package let hostName: String

    /// What stands for a near end where paths have one.
    package static let origin = "dns"
}

extension NetworkPlanner {
    /// The entry of `dns.announce` that means `host`; nil if none does.
    func forwarderEntry(_ host: LocatedHost) -> Relay? {
        inventory.dns.announce?.hosts.first { inventory.forwarder($0)?.isSame(as: host) == true }
    }

    /// Adds what the agent of a forwarder's host needs so that others are led to it while it can answer.
    func announceService(in builder: inout PlanBuilder) {
        let host = builder.host
        guard let announce = inventory.dns.announce, forwarderEntry(host) != nil else { return }
        builder.take(role: .forwarder)
        let addresses = announce.addresses.map(\.description).joined(separator: ", ")
        let service = AnnouncedService(
            name: "dns \(addresses) on \(host.host.name)".plain, addresses: addresses,
            failover: announce.failover, host: host.reference, hostName: host.host.name)
        builder.add(service)
        guard announce.failover == .bgp else { return }
        builder.note(
            .advice,
            "\(service.name): \"net agent\" puts \(addresses) into routing table \(AnnouncementTable.number)"
                + " while the forwarder of this host is ready, and BIRD or FRR announces it from there: \"net"
                + " render --format bird\" or \"frr\" writes the configuration of both ends; the host itself"
                + " takes packets to it with "
                + announce.addresses.map(Self.deliveryCommand).joined(separator: "; "))
        guard choices.announced.contains(service.name) else { return }
        for address in announce.addresses {
            builder.route(
                Route(
                    destination: IPPrefix(only: address), kind: .blackhole, table: AnnouncementTable.number,
                    nextHops: []),
                because: service.name)
        }
    }

    /// The command that has a host take packets to an announced address.
    ///
    /// FRR announces an address of IPv4 from the table only if it is no address of an interface (zebra 8.4
    /// prefers the connected route). It imports no IPv6 from a table, and an answer from an IPv6 address
    /// that only a local route has fails: EINVAL for IPV6_PKTINFO without IPV6_FREEBIND.
    private static func deliveryCommand(_ address: IPAddress) -> String {
        switch address.family {
        case .v4: "ip route add local \(address) dev lo"
        case .v6: "ip address add \(address)/128 dev lo"
        }
    }
}
