import IPAddressing
import Inventory
import NetworkModel

/// The groups of next hops of routes that several relays share.
///
/// Such a route names a group of the kind `resilient`: a relay that leaves it takes only its own connections
/// along, one that joins it takes none, and routes stay as they are. A plain route with several next hops
/// deals all connections anew with each change.
extension ResolvedPlan {
    /// Gives the routes that relays share their groups, where the kernel has such.
    mutating func groupNextHops(on observed: HostState) {
        guard !plan.sharedRoutes.isEmpty, let present = observed.nextHopObjects,
            // Both came with Linux 5.13 and 5.14.
            observed.settings.keys.contains(where: { $0.name == .multipathHashFields })
        else { return }
        var numbers = NextHopNumbers(takenBy: present.filter { !$0.isOurs })
        var hops: [Int: Desired<NextHopObject>] = [:]
        var groups: [Int: Desired<NextHopObject>] = [:]
        for index in routes.indices {
            let (route, because) = (routes[index].value, routes[index].because)
            guard let name = plan.sharedRoutes[RouteKey(route)],
                let located = observed.located(route.nextHops)
            else { continue }
            var members: [NextHopGroup.Member] = []
            for hop in located {
                let id = numbers.number(of: hop)
                members.append(NextHopGroup.Member(id: id, weight: hop.weight))
                var alone = hop
                alone.weight = 1
                hops[id] = Desired(NextHopObject(id: id, .hop(alone)), because: because)
            }
            let id = numbers.number(of: name, route.destination.family)
            let group = NextHopGroup(members: members, resilience: .ofRelays)
            groups[id] = Desired(NextHopObject(id: id, .group(group)), because: because)
            routes[index].value.nextHopID = id
        }
        nextHopObjects = [hops, groups].flatMap { $0.sorted { $0.key < $1.key }.map(\.value) }
        for family in AddressFamily.allCases {
            guard
                let route = routes.first(where: { route in
                    route.value.destination.family == family
                        && route.value.nextHopID.map { groups[$0] != nil } ?? false
                })
            else { continue }
            spread(family, because: route.because)
        }
    }

    /// Lets the groups of a family choose by connection: each connection as a whole has one relay, and those
    /// of one client may have different ones. A setting of the whole host, so only one with a group gets it.
    private mutating func spread(_ family: AddressFamily, because: String) {
        let policy = KernelSetting(family: family, device: "all", name: .multipathHashPolicy)
        guard !settings.contains(where: { $0.value.setting == policy }) else { return }
        settings.append(Desired(SettingValue(policy, family == .v4 ? 1 : 3), because: because))
    }
}

extension NextHopGroup.Resilience {
    /// With so many buckets, a busy connection keeps few others from a relay that joins; a connection that is
    /// silent for longer may go on through another relay.
    fileprivate static let ofRelays = NextHopGroup.Resilience(buckets: 1024, idleSeconds: 60)
}

/// The numbers of our objects: they follow from what the objects are for, so that each process finds
/// the same.
private struct NextHopNumbers {
    /// What each number is for; empty for those of other programs.
    private var uses: [Int: String]

    /// The numbers of single hops begin here, those of groups at `firstGroup`.
    private static let firstHop = 780_000_000
    /// See `firstHop`.
    private static let firstGroup = 781_000_000
    /// How many numbers each of them has.
    private static let count = 1_000_000

    /// - Parameter foreign: The objects of other programs.
    init(takenBy foreign: [NextHopObject]) {
        uses = Dictionary(foreign.map { ($0.id, "") }) { first, _ in first }
    }

    /// The number of a single hop.
    mutating func number(of hop: NextHop) -> Int {
        let gateway = hop.gateway?.description ?? ""
        return number("\(gateway) \(hop.device ?? "") \(hop.isOnLink)", from: Self.firstHop)
    }

    /// The number of the group of `name`.
    mutating func number(of name: String, _ family: AddressFamily) -> Int {
        number("\(name) \(family)", from: Self.firstGroup)
    }

    /// The number for `use`, or the next free one. Ends: there are far more numbers than objects.
    private mutating func number(_ use: String, from first: Int) -> Int {
        // FNV-1a: the same in each process, unlike `Hasher`.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in use.utf8 { hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3 }
        var offset = Int(hash % UInt64(Self.count))
        while let known = uses[first + offset], known != use { offset = (offset + 1) % Self.count }
        uses[first + offset] = use
        return first + offset
    }
}

extension HostState {
    /// The hops, each with its device, which a numbered next hop needs; nil if one of them is not on a
    /// connected network.
    fileprivate func located(_ hops: [NextHop]) -> [NextHop]? {
        let found = hops.compactMap { hop -> NextHop? in
            guard hop.device == nil else { return hop }
            guard let gateway = hop.gateway else { return nil }
            let networks = addresses.filter { $0.network.contains(gateway) && link($0.device)?.isUp == true }
            guard let nearest = networks.max(by: { $0.network.length < $1.network.length }) else {
                return nil
            }
            var hop = hop
            hop.device = nearest.device
            return hop
        }
        return found.count == hops.count && !found.isEmpty ? found : nil
    }
}

extension DifferenceCalculation {
    /// Adds the steps of numbered next hops: members before their groups.
    mutating func nextHopSteps() {
        let own = (observed.nextHopObjects ?? []).filter(\.isOurs).sorted { $0.isBefore($1) }
        let wanted = Set(plan.nextHopObjects.map(\.value.id))
        for object in own where !wanted.contains(object.id) { removal(.remove(.nextHop(object))) }
        for desired in plan.nextHopObjects {
            guard let present = own.first(where: { $0.id == desired.value.id }) else {
                step(.add(.nextHop(desired.value)), desired.because)
                continue
            }
            if present != desired.value {
                step(.replace(.nextHop(present), with: .nextHop(desired.value)), desired.because)
            }
        }
    }
}

extension NextHopObject {
    /// True if the object is made before `other`: members before groups.
    func isBefore(_ other: NextHopObject) -> Bool {
        (group == nil) == (other.group == nil) ? id < other.id : group == nil
    }
}
