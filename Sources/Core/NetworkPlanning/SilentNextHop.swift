package import IPAddressing
package import NetworkModel

/// A next hop of routes of ours that does not answer: the kernel still sends packets there, and they
/// are lost.
package struct SilentNextHop: Hashable, Sendable {
    /// The next hop's address.
    package var gateway: IPAddress
    /// The device that leads to it.
    package var device: String

    /// The destinations of the routes through it, in their order; never empty.
    package var destinations: [IPPrefix]
    /// The path that needs it.
    package var because: String

    /// Creates a silent next hop.
    package init(gateway: IPAddress, device: String, destinations: [IPPrefix], because: String) {
        self.gateway = gateway
        self.device = device
        self.destinations = destinations
        self.because = because
    }
}

extension SilentNextHop: CustomStringConvertible {
    /// As in `10.14.0.62 on eth0 of the route to 10.32.0.0/16 and 1 more`.
    package var description: String {
        let first = destinations.first.map { " of the route to \($0)" } ?? ""
        let more = destinations.count > 1 ? " and \(destinations.count - 1) more" : ""
        return "\(gateway) on \(device)\(first)\(more)"
    }
}

extension HostPlan {
    /// The next hops that have not answered; only those that did not at an earlier check either are reported.
    package func silentNextHops(on observed: HostState) -> [SilentNextHop] {
        guard !observed.unresolvedNeighbours.isEmpty else { return [] }
        var devices: [IPAddress: [String]] = [:]
        for neighbour in observed.unresolvedNeighbours {
            devices[neighbour.address, default: []].append(neighbour.device)
        }
        var found: [SilentNextHop] = []
        // Of relays that are probed more is known.
        for desired in resolved(on: observed).routes where !ProbeWay.tables.contains(desired.value.table) {
            for hop in desired.value.nextHops {
                guard let gateway = hop.gateway,
                    let device = devices[gateway]?.first(where: { hop.device == nil || $0 == hop.device })
                else { continue }
                let destination = desired.value.destination
                if let index = found.firstIndex(where: { $0.gateway == gateway && $0.device == device }) {
                    found[index].destinations.append(destination)
                } else {
                    found.append(
                        SilentNextHop(
                            gateway: gateway, device: device, destinations: [destination],
                            because: desired.because))
                }
            }
        }
        return found
    }
}
