package import IPAddressing
import Inventory
package import NetworkModel

/// A route into the namespace of a cluster, to outer addresses that the plan has no longer.
///
/// Connections that were opened by such an address go on: the namespace remembers their translation after its
/// rules have changed. The route stays as long as there are some.
package struct LeavingRoute: Hashable, Sendable {
    /// The namespace that the route leads into.
    package let namespace: String
    /// The outer addresses.
    package let destination: IPPrefix

    /// Creates a route.
    package init(namespace: String, destination: IPPrefix) {
        self.namespace = namespace
        self.destination = destination
    }

    /// Lists the connections of the namespace and the family, for all routes that lead into it: `conntrack`
    /// takes no prefix for the address that answers go to.
    package var listing: Command {
        Command(
            .conntrack, ["-L", "-f", "ip\(destination.family)", "-p", "tcp", "-u", "ASSURED"], in: namespace)
    }

    /// True for a connection by one of these addresses, whichever end opened it.
    package func isUsed(by connection: TrackedConnection) -> Bool {
        destination.contains(connection.destination) || destination.contains(connection.answersTo)
    }
}

extension HostPlan {
    /// The routes on the host that lead into namespaces which the plan keeps, to addresses that it does not.
    package func leavingRoutes(on observed: HostState) -> [LeavingRoute] {
        let planned = Set(routes.map(\.value.destination))
        var namespaces: [String: String] = [:]
        for link in links.map(\.value.link) {
            guard case .veth(let pair) = link.kind, observed.link(link.name)?.isOurs == true else { continue }
            namespaces[link.name] = pair.namespace
        }
        guard !namespaces.isEmpty else { return [] }
        return observed.routes.compactMap { route in
            // Half of a planned prefix stands for it beside a foreign route.
            guard route.isOurs, route.table == Route.mainTable, !planned.contains(route.destination),
                !(route.destination.around.map(planned.contains) ?? false),
                let namespace = route.nextHops.first?.device.flatMap({ namespaces[$0] })
            else { return nil }
            return LeavingRoute(namespace: namespace, destination: route.destination)
        }
    }
}

extension Difference {
    /// Keeps `route` of the host, because connections to its outer addresses are open; the namespace that it
    /// leads into is one of the plan.
    mutating func hold(_ route: Route) {
        heldRoutes.append(route)
        notes.append(
            PlanNote(
                .advice,
                "\(route.destination): connections are open to these outer addresses, which no path has any"
                    + " more: the route stays until they have ended, and goes with the agent's next full"
                    + " check or the next \"net apply\""))
    }
}

extension IPPrefix {
    /// The prefix of twice the size; nil if there is none.
    fileprivate var around: IPPrefix? {
        length > 0 ? IPPrefix(around: address, length: length - 1) : nil
    }
}
