import IPAddressing
import Inventory
package import NetworkModel

extension HostPlan {
    /// The plan without the objects that are impossible on the host now: those on devices that do not exist,
    /// and routes and addresses that are refused. An apply refuses the whole plan in that case; the agent
    /// maintains the rest of an earlier apply.
    package func possiblePart(on observed: HostState, context: HostContext) -> HostPlan {
        var part = self
        part.namespaces.removeAll { observed.namespace($0.value.name)?.isOurs == false }
        let lost = Set(links.map(\.value).filter { !$0.isPossible(on: observed) }.map(\.name))
        part.links.removeAll { lost.contains($0.value.name) }
        part.addresses.removeAll { lost.contains($0.value.device) }
        part.neighbours.removeAll { lost.contains($0.value.device) }
        part.forwardingEntries.removeAll { lost.contains($0.value.device) }
        let made = Set(part.links.map(\.value.name))
        func isThere(_ device: DeviceReference) -> Bool {
            switch device {
            case .named("all"), .named("default"), .toward: true
            case .named(let name): made.contains(name) || observed.link(name) != nil
            case .carrying(let address): observed.device(carrying: address) != nil
            }
        }
        part.settings.removeAll { !isThere($0.value.setting.device) }
        part.settingsOfBareTunnels.removeAll { !isThere($0.value.value.setting.device) }
        part.routes.removeAll { route in
            route.value.nextHops.contains { $0.device.map { !isThere(.named($0)) } ?? false }
        }
        part.removeRefused(on: observed, context: context)
        return part
    }

    /// Removes the routes and addresses that a refusal concerns.
    private mutating func removeRefused(on observed: HostState, context: HostContext) {
        let resolved = resolved(on: observed)
        let judge = DifferenceCalculation(plan: resolved, observed: observed, context: context)
        let (guarded, connected) = (judge.guardedAddresses(), judge.connectedNetworks())
        let refused = Set(
            resolved.routes.filter { route in
                judge.refusals(of: route, guarded, connected).contains { $0.severity == .refusal }
            }.map(\.value.destination))
        routes.removeAll { route in
            let prefix = route.value.destination
            let halves = prefix.halves.map { [$0.low, $0.high] } ?? []
            return !refused.isDisjoint(with: [prefix] + halves)
        }
        addresses.removeAll { !judge.refusals(of: $0, connected).isEmpty }
    }
}

extension PlannedLink {
    /// False if a device that it needs does not exist, or a foreign device has its name.
    fileprivate func isPossible(on observed: HostState) -> Bool {
        if let present = observed.link(name), !present.isOurs { return false }
        if observed.links.contains(where: { !$0.isOurs && link.isKept(outBy: $0) }) { return false }
        if case .veth(let pair) = link.kind { return observed.namespace(pair.namespace)?.isOurs ?? true }
        switch underlay {
        case .named(let device): return observed.link(device) != nil
        case .carrying(let address): return observed.device(carrying: address) != nil
        case .toward, nil: return true
        }
    }
}
