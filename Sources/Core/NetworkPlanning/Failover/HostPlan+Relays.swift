import IPAddressing
import Inventory
import NetworkModel

extension HostPlan {
    /// Relays behind different devices: what a relay that does not carry sends back comes in by another
    /// device than packets to it leave by, which strict reverse path filters drop.
    func filtersOfRelays(on observed: HostState) -> [Desired<PlannedSetting>] {
        relayGroups.flatMap { group -> [Desired<PlannedSetting>] in
            let gateways = group.members.flatMap(\.gateways).filter { $0.family == .v4 }
            let devices = Set(gateways.flatMap { observed.devices(toward: IPPrefix(only: $0)) }).sorted()
            guard devices.count > 1 else { return [] }
            return devices.map { device in
                let setting = PlannedSetting.Subject(
                    family: .v4, device: .named(device), name: .reversePathFilter)
                return Desired(PlannedSetting(setting, 2), because: "path \(group.name)")
            }
        }
    }
}

extension ResolvedPlan {
    /// Takes away the routes of probes to relays whose network this host is not connected to just now: the
    /// kernel would refuse them, and all other changes with them.
    mutating func dropUnreachableProbeWays(on observed: HostState) {
        let up = Set(observed.links.filter(\.isUp).map(\.name))
        let networks = observed.addresses.filter { up.contains($0.device) }.map(\.network)
        routes.removeAll { desired in
            guard ProbeWay.tables.contains(desired.value.table), !networks.isEmpty,
                let gateway = desired.value.nextHops.first?.gateway
            else { return false }
            return !networks.contains { $0.contains(gateway) }
        }
    }
}
