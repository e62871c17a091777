import IPAddressing
package import NetworkModel

extension HostState {
    /// Changes the model as `change` changes a kernel: deleting a link deletes its addresses, routes,
    /// neighbours and forwarding entries; deleting the first address of an IPv4 network deletes the others of
    /// that network (fib_add_ifaddr and inet_del_ifa of the kernel); deleting the last address deletes the
    /// device's routes.
    package mutating func apply(_ change: Change) {
        switch change {
        case .add(let object): add(object)
        case .remove(let object): remove(object)
        case .replace(.link(let old), .link(let new)):
            if let index = links.firstIndex(where: { $0.name == old.name }) { links[index] = new }
        case .replace(.nextHop, .nextHop(let new)): add(.nextHop(new))
        case .replace(let old, let new):
            remove(old)
            add(new)
        case .set(let setting, _, let value): settings[setting] = value
        case .forget: break
        case .inside(let name, let inner):
            guard let index = namespaces.firstIndex(where: { $0.name == name }) else { return }
            namespaces[index].state?.apply(inner)
        }
    }

    /// Changes the model as the changes of `steps`, in their order: routes of one kind of change together,
    /// since a cluster may have thousands.
    package mutating func apply(_ steps: [Step]) {
        var added: [Route] = []
        var removed: [Route] = []
        for step in steps {
            switch step.change {
            case .add(.route(let route)):
                remove(&removed)
                added.append(route)
            case .remove(.route(let route)):
                add(&added)
                removed.append(route)
            default:
                remove(&removed)
                add(&added)
                apply(step.change)
            }
        }
        remove(&removed)
        add(&added)
    }

    /// What routes are found by.
    private struct RoutePlace: Hashable {
        let destination: IPPrefix
        let table: Int

        init(_ route: Route) { (destination, table) = (route.destination, route.table) }
    }

    /// Adds routes, each before those of the same destination.
    ///
    /// - Parameter new: Empty afterwards.
    private mutating func add(_ new: inout [Route]) {
        guard !new.isEmpty else { return }
        defer { new = [] }
        var places: [RoutePlace] = []
        var byPlace: [RoutePlace: [Route]] = [:]
        for route in new {
            let place = RoutePlace(route)
            if byPlace[place] == nil { places.append(place) }
            byPlace[place, default: []].append(route)
        }
        var all: [Route] = []
        all.reserveCapacity(routes.count + new.count)
        for route in routes {
            all += byPlace.removeValue(forKey: RoutePlace(route))?.reversed() ?? []
            all.append(route)
        }
        for place in places { all += byPlace[place]?.reversed() ?? [] }
        routes = all
        expandNextHops()
    }

    /// Removes routes, for each the first that satisfies it.
    ///
    /// - Parameter old: Empty afterwards.
    private mutating func remove(_ old: inout [Route]) {
        guard !old.isEmpty else { return }
        defer { old = [] }
        var byPlace = Dictionary(grouping: old, by: RoutePlace.init)
        routes.removeAll { route in
            let place = RoutePlace(route)
            guard let index = byPlace[place]?.firstIndex(where: { route.satisfies($0) }) else { return false }
            byPlace[place]?.remove(at: index)
            return true
        }
    }

    /// Adds an object as the kernel does.
    private mutating func add(_ object: NetworkObject) {
        switch object {
        case .link(let link):
            links.append(link)
            if case .veth(let pair) = link.kind {
                let peer = Link(
                    name: VethLink.peer, kind: .other("veth"), mtu: link.mtu, isUp: false,
                    alias: Ownership.tag)
                apply(.inside(pair.namespace, .add(.link(peer))))
            }
            for (setting, value) in settings where setting.device == "default" {
                var own = setting
                own.device = link.name
                settings[own] = value
            }
        case .address(let address):
            if !addresses.contains(address) { addresses.append(address) }
            if let route = address.connectedRoute, !routes.contains(route) { routes.append(route) }
        case .route(let route):
            let index = routes.firstIndex { $0.destination == route.destination && $0.table == route.table }
            routes.insert(route, at: index ?? routes.endIndex)
            expandNextHops()
        case .nextHop(let object):
            nextHopObjects = (nextHopObjects ?? []).filter { $0.id != object.id } + [object]
            expandNextHops()
        case .neighbour(let neighbour):
            neighbours.removeAll { $0.device == neighbour.device && $0.address == neighbour.address }
            neighbours.append(neighbour)
        case .forwardingEntry(let entry):
            forwardingEntries.removeAll { $0.device == entry.device && $0.mac == entry.mac }
            forwardingEntries.append(entry)
        case .extraForwardingEntry(let entry): forwardingEntries.append(entry)
        case .policyRule(let rule): policyRules.append(rule)
        case .namespace(let name): namespaces.append(.fresh(name))
        case .table(let table):
            tables.removeAll { $0.family == table.family && $0.name == table.name }
            tables.append(table)
        case .iptablesRule(let rule):
            change(rule) { $0.insert(rule, at: 0) }
        }
    }

    /// Removes an object, with everything that the kernel deletes with it.
    private mutating func remove(_ object: NetworkObject) {
        switch object {
        case .link(let link):
            links.removeAll { $0.name == link.name }
            addresses.removeAll { $0.device == link.name }
            removeNextHops(by: link.name)
            routes.removeAll { $0.nextHops.contains { $0.device == link.name } }
            neighbours.removeAll { $0.device == link.name }
            forwardingEntries.removeAll { $0.device == link.name }
            settings = settings.filter { $0.key.device != link.name }
            if case .veth(let pair) = link.kind,
                let peer = namespace(pair.namespace)?.state?.link(VethLink.peer)
            {
                apply(.inside(pair.namespace, .remove(.link(peer))))
            }
        case .address(let address): remove(address)
        case .route(let route):
            if let index = routes.firstIndex(where: { $0.satisfies(route) }) { routes.remove(at: index) }
        case .nextHop(let object): removeNextHop(object.id)
        case .neighbour(let neighbour): neighbours.removeAll { $0 == neighbour }
        case .forwardingEntry(let entry), .extraForwardingEntry(let entry):
            forwardingEntries.removeAll { $0 == entry }
        case .policyRule(let rule): policyRules.removeAll { $0 == rule }
        case .namespace(let name):
            for link in links where link.kind == .veth(VethLink(namespace: name)) { remove(.link(link)) }
            namespaces.removeAll { $0.name == name }
        case .table(let table): tables.removeAll { $0.family == table.family && $0.name == table.name }
        case .iptablesRule(let rule):
            change(rule) { rules in
                if let index = rules.firstIndex(of: rule) { rules.remove(at: index) }
            }
        }
    }

    /// Removes an address, with everything that the kernel deletes with it.
    private mutating func remove(_ address: InterfaceAddress) {
        let isFirst = addresses.first { $0.isSecondary(to: address) || $0 == address } == address
        var going = [address]
        if isFirst { going += addresses.filter { $0.isSecondary(to: address) } }
        for address in going {
            addresses.removeAll { $0 == address }
            let stays = addresses.contains { $0.connectedRoute == address.connectedRoute }
            if !stays { routes.removeAll { $0 == address.connectedRoute } }
        }
        let family = address.address.family
        let isLast = !addresses.contains { $0.device == address.device && $0.address.family == family }
        guard isLast, family == .v4 else { return }
        routes.removeAll { route in
            route.destination.family == family && route.nextHops.contains { $0.device == address.device }
        }
    }

    /// Removes the numbered next hops by a device, which is what setting it down does.
    private mutating func removeNextHops(by device: String) {
        for object in nextHopObjects ?? [] {
            if case .hop(let hop) = object.content, hop.device == device { removeNextHop(object.id) }
        }
    }

    /// Removes a numbered next hop; its groups lose it, and an empty group goes with its routes.
    private mutating func removeNextHop(_ id: Int) {
        nextHopObjects?.removeAll { $0.id == id }
        routes.removeAll { $0.nextHopID == id }
        for object in nextHopObjects ?? [] {
            guard var group = object.group, group.members.contains(where: { $0.id == id }),
                let index = nextHopObjects?.firstIndex(of: object)
            else { continue }
            group.members.removeAll { $0.id == id }
            if group.members.isEmpty {
                removeNextHop(object.id)
            } else {
                nextHopObjects?[index].content = .group(group)
            }
        }
        expandNextHops()
    }

    /// Edits the chain of `rule`.
    private mutating func change(_ rule: IPTablesRule, _ edit: (inout [IPTablesRule]) -> Void) {
        guard let state = iptables.firstIndex(where: { $0.family == rule.family }),
            let chain = iptables[state].chains.firstIndex(where: {
                $0.table == rule.table && $0.name == rule.chain
            })
        else { return }
        edit(&iptables[state].chains[chain].rules)
    }
}

extension InterfaceAddress {
    /// True for another IPv4 address of the same network on the same device.
    fileprivate func isSecondary(to other: InterfaceAddress) -> Bool {
        self != other && device == other.device && address.family == .v4 && network == other.network
    }
}

extension Route {
    /// True if this observed route is the planned one.
    func satisfies(_ desired: Route) -> Bool {
        destination == desired.destination && table == desired.table
            && routeProtocol == desired.routeProtocol && metric == desired.metric
            && (desired.source == nil || source == desired.source) && nextHopID == desired.nextHopID
            && (nextHopID != nil || leads(as: desired))
    }
}
