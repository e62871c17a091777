import IPAddressing
import NetworkModel

extension DifferenceCalculation {
    /// The reasons not to change the host: routes that would cut it off, or redirect addresses that it is
    /// connected to, and what the kernel would not take.
    func refusals() -> [PlanNote] {
        let guarded = guardedAddresses()
        let connected = connectedNetworks()
        return plan.routes.flatMap { refusals(of: $0, guarded, connected) }
            + plan.addresses.flatMap { refusals(of: $0, connected) } + missingDevices() + takenNumbers()
    }

    /// Devices that the file names and the host does not have.
    private func missingDevices() -> [PlanNote] {
        guard !observed.links.isEmpty else { return [] }
        let known = Set(observed.links.map(\.name) + plan.links.map(\.value.name) + ["all", "default"])
        var needed: [(name: String, because: String)] = []
        for desired in plan.links {
            guard case .vxlan(let mesh) = desired.value.kind, let name = mesh.underlay else { continue }
            needed.append((name, desired.because))
        }
        needed += plan.settings.map { ($0.value.setting.device, $0.because) }
        var seen: Set<String> = []
        return needed.filter { !known.contains($0.name) && seen.insert($0.name).inserted }.map { need in
            PlanNote(
                .refusal,
                "\(need.because): this host has no device \(need.name): correct \"device\", \"underlay\""
                    + " or \"cni\" in the file, or make the device first")
        }
    }

    /// The kernel takes no second device with a number and port, and none with the port of a device that
    /// takes every number (collect metadata).
    private func takenNumbers() -> [PlanNote] {
        (plan.links + plan.namespaces.flatMap(\.value.content.links)).flatMap { desired in
            observed.links.filter {
                !$0.isOurs && $0.name != desired.value.name && desired.value.isKept(outBy: $0)
            }.map { link in
                PlanNote(
                    .refusal,
                    "\(desired.because): the device \(link.name) has the VXLAN number or port already, so"
                        + " that \(desired.value.name) cannot be made: choose another vxlan.id and"
                        + " vxlan.port, or delete \(link.name)")
            }
        }
    }

    /// The reasons to refuse a route.
    func refusals(
        of desired: Desired<Route>, _ guarded: [(IPAddress, String)], _ connected: [(IPPrefix, String)]
    ) -> [PlanNote] {
        let destination = desired.value.destination
        // Tables of single clusters are for packets from their namespace alone.
        guard desired.value.isAsked || desired.value.table == Route.mainTable else {
            return unreachable(desired)
        }
        let covering = guarded.filter { destination.contains($0.0) }.map { address, role in
            PlanNote(
                .refusal,
                "\(desired.because): the route to \(destination) would cover \(address), \(role): take that"
                    + " address out of the prefixes of the inventory")
        }
        let overlapping = connected.filter { $0.0.overlaps(destination) }.map { network, device in
            guard let (address, owner) = inhabitant(of: destination, on: device) else {
                return PlanNote(
                    .warning,
                    "\(desired.because): \(destination) lies in \(network), which this host is connected to"
                        + " on \(device): a host of that network that gets such an address is not reached")
            }
            return PlanNote(
                .refusal,
                "\(desired.because): \(destination) overlaps \(network), which this host is connected to"
                    + " on \(device), and holds \(address), \(owner): one of the two networks needs other"
                    + " addresses")
        }
        return covering + overlapping + unreachable(desired)
    }

    /// An address in `destination` that is on `device` or behind it, and whose it is; nil if none is known.
    private func inhabitant(of destination: IPPrefix, on device: String) -> (IPAddress, String)? {
        let own = observed.addresses.first { $0.device == device && destination.contains($0.address) }
        if let own { return (own.address, "an address of this host") }
        let other = observed.livingNeighbours.first {
            $0.device == device && destination.contains($0.address)
        }
        return other.map { ($0.address, "a neighbour that answers") }
    }

    /// The reasons to refuse an address.
    func refusals(
        of desired: Desired<InterfaceAddress>, _ connected: [(IPPrefix, String)]
    ) -> [PlanNote] {
        connected.filter { $0.0.overlaps(desired.value.network) }.map { network, device in
            PlanNote(
                .refusal,
                "\(desired.because): the segment's network \(desired.value.network) overlaps \(network),"
                    + " which this host is connected to on \(device): choose another vxlan.network")
        }
    }

    /// Addresses whose present way must not change, each with its role.
    func guardedAddresses() -> [(IPAddress, String)] {
        var guarded: [(IPAddress, String)] = []
        for route in observed.routes where route.isDefault && !route.isOurs {
            for gateway in route.nextHops.compactMap(\.gateway) {
                guarded.append((gateway, "the default gateway"))
            }
        }
        let allowed = Set(plan.clusterResolvers)
        for resolver in context.resolvers where !resolver.isLoopback && !allowed.contains(resolver) {
            guarded.append((resolver, "a name server of this host"))
        }
        for session in context.sessions where !session.isLoopback {
            guarded.append((session, "the other end of an ssh session to this host"))
        }
        var seen: Set<IPAddress> = []
        return guarded.filter { seen.insert($0.0).inserted }
    }

    /// The networks of the host's devices, without our devices.
    func connectedNetworks() -> [(IPPrefix, String)] {
        let own = Set(observed.links.filter(\.isOurs).map(\.name))
        return observed.addresses.filter {
            !own.contains($0.device) && !$0.isLinkLocal && !$0.address.isLoopback
                && $0.length < $0.address.family.bitWidth
        }.map { ($0.network, $0.device) }
    }

    /// Linux accepts no gateway outside of the connected networks.
    private func unreachable(_ desired: Desired<Route>) -> [PlanNote] {
        desired.value.nextHops.compactMap { hop in
            guard let gateway = hop.gateway, hop.device == nil, !hop.isOnLink, !observed.addresses.isEmpty,
                !observed.addresses.contains(where: { $0.network.contains(gateway) })
            else { return nil }
            return PlanNote(
                .refusal,
                "\(desired.because): the gateway \(gateway) of the route to \(desired.value.destination) is"
                    + " in no network of this host: enter the route in the router between them, or give the"
                    + " relay an address that this host is connected to")
        }
    }
}
