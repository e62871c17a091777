import IPAddressing
import Inventory
import NetworkModel

/// Lets each end of a path judge each relay by itself.
///
/// If relays keep sources, the routers of the near end and the nodes of the far end each choose a relay. A
/// probe must come back through the relay that it went through, whatever the other end has chosen so far: so
/// relays give probes of both ends an address of their own.
struct ProbeReturn {
    /// The path.
    private let planning: RelayPlanning

    /// The probes of a path.
    init(_ planning: RelayPlanning) { self.planning = planning }

    /// Addresses of the near end's routers, which nodes connect to through each relay: of each router the one
    /// nearest to the relays' own. Empty if not both ends choose, or if no relay has this family: what can't
    /// be sent would hide what is not answered.
    func routers(_ family: AddressFamily) -> [IPAddress] {
        guard planning.keepsSource, planning.mapped != nil, planning.relays.count > 1,
            planning.endpoint == nil, let site = planning.planner.sites[planning.from]
        else { return [] }
        let own = planning.relays.flatMap(\.host.addresses).filter { $0.family == family }
        guard !own.isEmpty else { return [] }
        func distance(_ address: IPAddress) -> UInt128 {
            own.map { $0.bits ^ address.bits }.min() ?? .max
        }
        let hosts = planning.planner.routers(of: planning.from).map(\.host.addresses)
        return (hosts.isEmpty ? site.routers.map { [$0] } : hosts).compactMap { addresses in
            addresses.filter { $0.family == family && !own.contains($0) }
                .min { distance($0) < distance($1) }
        }
    }

    /// Those of `routers` that are no addresses of clients: probes from there can be told from packets of
    /// clients.
    func askingRouters(_ family: AddressFamily) -> [IPAddress] {
        let clients = planning.nearTraffic.flatMap(\.sources.prefixes)
        return routers(family).filter { address in !clients.contains { $0.contains(address) } }
    }

    /// Adds what a relay needs.
    func pass(in builder: inout PlanBuilder, because: String) {
        for traffic in planning.nearTraffic where !traffic.destinations.isEmpty {
            let routers = askingRouters(traffic.family).map { IPPrefix(only: $0) }
            guard !routers.isEmpty else { continue }
            let probes = traffic.from(PrefixSet(routers))
            builder.translate(probes, .masquerade(isFullyRandom: true), because: because)
            builder.accept(probes, because: because)
        }
        for family in AddressFamily.allCases {
            let asked = routers(family).map { IPPrefix(only: $0) }
            guard !asked.isEmpty else { continue }
            let matches: [FilterMatch] = [
                .destination(PrefixSet(asked)),
                .destinationPort(transport: "tcp", Int(RelayPlanning.discard)),
            ]
            builder.translate(
                FilterRule(
                    matches, .masquerade(isFullyRandom: true), comment: FilterRule.comment(because)))
        }
    }
}
