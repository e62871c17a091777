import IPAddressing
import Inventory
package import NetworkModel

extension HostState {
    /// True if an earlier apply has left something here.
    package var holdsOurs: Bool {
        let part = partConcerned(by: [])
        return !part.links.isEmpty || !part.tables.isEmpty || !part.routes.isEmpty
            || part.nextHopObjects?.isEmpty == false
            || part.iptables.contains { !$0.chains.isEmpty }
    }

    /// Our part, with the settings of our links, and the foreign objects that `steps` remove.
    package func partConcerned(by steps: [Step]) -> HostState {
        var part = HostState()
        part.links = links.filter(\.isOurs)
        let devices = Set(part.links.map(\.name))
        part.addresses = addresses.filter { devices.contains($0.device) && !$0.isLinkLocal }
        part.neighbours = neighbours.filter { devices.contains($0.device) }
        part.forwardingEntries = forwardingEntries.filter { devices.contains($0.device) }
        part.settings = settings.filter { devices.contains($0.key.device) }
        part.tables = tables.filter(\.isOurs).map(\.withoutCounters)
        part.policyRules = policyRules.filter(\.isOurs)
        part.nextHopObjects = nextHopObjects?.filter(\.isOurs)
        part.namespaces = namespaces.filter(\.isOurs).map { namespace in
            NetworkNamespace(name: namespace.name, state: namespace.state?.partOfNamespace)
        }
        let removed = Set(steps.compactMap(\.change.removedObject))
        part.routes = routes.filter { $0.isOurs || removed.contains(.route($0)) }
        part.iptables = iptables.map { state in
            let chains = state.chains.map { chain in
                var chain = chain
                chain.rules = chain.rules.filter { $0.isOurs || removed.contains(.iptablesRule($0)) }
                return chain
            }
            return IPTablesState(family: state.family, chains: chains.filter { !$0.rules.isEmpty })
        }
        return part
    }
}

extension NetworkNamespace {
    /// Marks it as ours: the process that made it may have been killed before it did.
    fileprivate mutating func claim() {
        guard !isOurs, let index = state?.links.firstIndex(where: { $0.name == "lo" }) else { return }
        state?.links[index].alias = Ownership.tag
    }
}

extension HostState {
    /// What is ours in a namespace of ours: all of its settings are.
    fileprivate var partOfNamespace: HostState {
        var part = partConcerned(by: [])
        // Its alias marks the namespace in the journal, too.
        part.links += links.filter { $0.name == "lo" }
        part.settings = settings
        return part
    }
}

extension Change {
    /// The object that the change removes.
    fileprivate var removedObject: NetworkObject? {
        if case .remove(let object) = self { object } else { nil }
    }
}

/// The steps that restore our earlier objects, at whichever step the apply was interrupted.
///
/// - Parameters:
///   - before: As `partConcerned(by:)` gave it before the first of those steps.
///   - settings: Each changed setting with its earlier value and ours.
///   - making: Names of links that the apply makes, and that may exist without their alias.
package func restoration(
    of before: HostState, settings: [SettingRecord], making: Set<String>, from observed: HostState
) -> [Step] {
    var now = observed
    for index in now.links.indices where making.contains(now.links[index].name) {
        guard !now.links[index].isOurs else { continue }
        switch now.links[index].kind {
        case .vxlan, .veth: now.links[index].alias = Ownership.tag
        case .other: break
        }
    }
    for index in now.namespaces.indices where making.contains(now.namespaces[index].name) {
        now.namespaces[index].claim()
    }
    var calculation = RestorationCalculation(before: before, now: now.partConcerned(by: []), observed: now)
    calculation.run(settings)
    return calculation.steps
}

/// The work of one restoration: missing objects are added first, surplus ones are removed last.
private struct RestorationCalculation {
    /// Our part before the apply.
    let before: HostState
    /// Our part now.
    var now: HostState
    /// The host as observed.
    let observed: HostState

    /// True in a namespace of ours, where all settings are ours.
    var isInside = false

    /// Our links, before and now: their settings belong to us alone.
    let ownDevices: Set<String>
    /// The additions and replacements.
    private(set) var steps: [Step] = []
    /// The removals, which run last.
    private var removals: [Step] = []

    /// Creates the work; `run` does it.
    init(before: HostState, now: HostState, observed: HostState) {
        self.before = before
        self.now = now
        self.observed = observed
        ownDevices = Set((before.links + now.links).map(\.name))
    }

    /// Finds the steps.
    mutating func run(_ settings: [SettingRecord]) {
        namespaces()
        links()
        contents()
        pairs(before.addresses, now.addresses, key: { "\($0.device) \($0.address)" }) { .address($0) }
        put(settings)
        pairs(before.neighbours, now.neighbours, key: { "\($0.device) \($0.address)" }) { .neighbour($0) }
        forwardingEntries()
        let wanted = before.tables.map(\.withoutCounters)
        pairs(wanted, now.tables.map(\.withoutCounters), key: { $0.name }) { .table($0) }
        rules()
        nextHops()
        routes()
        policyRules()
        steps += removals.reversed()
    }

    /// Adds a step.
    private mutating func add(_ change: Change) { steps.append(Step(change, because: reason)) }

    /// Adds a removal.
    private mutating func take(_ change: Change) { removals.append(Step(change, because: reason)) }

    /// The reason of each step.
    private var reason: String { "as it was before" }

    /// Adds, replaces and removes until `present` equals `wanted`; the same key is the same object.
    private mutating func pairs<Object: Hashable>(
        _ wanted: [Object], _ present: [Object], key: (Object) -> String,
        wrap: (Object) -> NetworkObject
    ) {
        let old = Dictionary(present.map { (key($0), $0) }) { first, _ in first }
        var kept: Set<String> = []
        for object in wanted {
            kept.insert(key(object))
            guard let there = old[key(object)] else {
                add(.add(wrap(object)))
                continue
            }
            if there != object { add(.replace(wrap(there), with: wrap(object))) }
        }
        for object in present where !kept.contains(key(object)) { take(.remove(wrap(object))) }
    }

    /// Those that were there, as names alone; what was in them follows once their devices are there.
    private mutating func namespaces() {
        let contents = before.namespaces.map { (name: $0.name, links: $0.state?.links ?? []) }
        for change in observed.segmentsInTheWay(of: before.links, inside: contents) { add(change) }
        for namespace in before.namespaces {
            if let present = now.namespace(namespace.name) {
                guard present.state == nil, namespace.state != nil else { continue }
                add(.remove(.namespace(namespace.name)))
            }
            if namespace.state != nil { add(.add(.namespace(namespace.name))) }
        }
        for present in now.namespaces where before.namespace(present.name) == nil {
            take(.remove(.namespace(present.name)))
        }
    }

    private mutating func contents() {
        guard !before.namespaces.isEmpty else { return }
        var simulated = observed
        simulated.apply(steps)
        for namespace in before.namespaces {
            guard var wanted = namespace.state, let state = simulated.namespace(namespace.name)?.state else {
                continue
            }
            wanted.links.removeAll { $0.name == "lo" }
            var calculation = RestorationCalculation(
                before: wanted, now: state.partConcerned(by: []), observed: state)
            calculation.isInside = true
            calculation.run([])
            for step in calculation.steps { add(.inside(namespace.name, step.change)) }
        }
    }

    private mutating func policyRules() {
        let present = Set(now.policyRules)
        for rule in before.policyRules where !present.contains(rule) { add(.add(.policyRule(rule))) }
        for rule in now.policyRules where !before.policyRules.contains(rule) {
            take(.remove(.policyRule(rule)))
        }
    }

    /// Links in the way are deleted first, with everything on them.
    private mutating func links() {
        let links = OwnLinks(
            wanted: before.links, wantedAddresses: before.addresses, present: now,
            elsewhere: before.namespaces.flatMap { $0.state?.links ?? [] })
        for link in links.inTheWay {
            for change in links.dismantling(link) {
                add(change)
                now.apply(change)
            }
        }
        pairs(before.links, now.links, key: { $0.name }) { .link($0) }
    }

    /// Resets settings.
    private mutating func put(_ settings: [SettingRecord]) {
        let present = Set(now.links.map(\.name))
        if isInside { for device in ["all", "default"] { putSettings(of: device, isThere: true) } }
        for link in before.links { putSettings(of: link.name, isThere: present.contains(link.name)) }
        for record in settings where record.isOurs(among: observed.settings) {
            guard !ownDevices.contains(record.setting.device) else { continue }
            if record.previous == record.ours { continue }
            take(.set(record.setting, from: record.ours, to: record.previous))
        }
    }

    /// Resets the settings of `device`; a link that is made again starts with those of `default`.
    private mutating func putSettings(of device: String, isThere: Bool) {
        let wanted = before.settings.filter { $0.key.device == device }
        for (setting, value) in wanted.sorted(by: { $0.key.description < $1.key.description }) {
            var source = setting
            if !isThere { source.device = "default" }
            let present = observed.settings[source]
            // Nothing is known of a namespace that is only being made, or of a device that it gets.
            let isUnknown = isInside && present == nil
            if isUnknown || present ?? 0 != value { add(.set(setting, from: present ?? 0, to: value)) }
        }
    }

    /// An Ethernet address may have several entries: the first one replaces, others are appended.
    private mutating func forwardingEntries() {
        func key(_ entry: ForwardingEntry) -> String { "\(entry.device) \(entry.mac)" }
        var surplus = Dictionary(grouping: now.forwardingEntries, by: key)
        var known = Set(surplus.keys)
        for entry in before.forwardingEntries {
            if let index = surplus[key(entry)]?.firstIndex(of: entry) {
                surplus[key(entry)]?.remove(at: index)
            }
        }
        let present = Set(now.forwardingEntries)
        for entry in before.forwardingEntries where !present.contains(entry) {
            if let old = surplus[key(entry)]?.popLast() {
                add(.replace(.forwardingEntry(old), with: .forwardingEntry(entry)))
            } else if known.insert(key(entry)).inserted {
                add(.add(.forwardingEntry(entry)))
            } else {
                add(.add(.extraForwardingEntry(entry)))
            }
        }
        for key in surplus.keys.sorted() {
            for entry in surplus[key] ?? [] { take(.remove(.forwardingEntry(entry))) }
        }
    }

    /// Restores rules of iptables.
    private mutating func rules() {
        let wanted = before.iptables.flatMap(\.rules)
        let all = Set(observed.iptables.flatMap(\.rules))
        for rule in wanted.reversed() where !all.contains(rule) { add(.add(.iptablesRule(rule))) }
        let kept = Set(wanted)
        for rule in now.iptables.flatMap(\.rules) where !kept.contains(rule) {
            take(.remove(.iptablesRule(rule)))
        }
    }

    /// Restores numbered next hops: members before their groups, which are removed in the opposite order.
    private mutating func nextHops() {
        let wanted = (before.nextHopObjects ?? []).sorted { $0.isBefore($1) }
        let present = (now.nextHopObjects ?? []).sorted { $0.isBefore($1) }
        pairs(wanted, present, key: { "\($0.id)" }) { .nextHop($0) }
    }

    /// Restores routes.
    private mutating func routes() {
        let kept = Set(before.routes)
        let all = Set(observed.routes.filter { !$0.isOurs } + now.routes)
        var extra = now.routes.filter { !kept.contains($0) }
        for route in before.routes where !all.contains(route) {
            let same = extra.firstIndex {
                $0.destination == route.destination && $0.table == route.table && $0.metric == route.metric
            }
            if let same {
                add(.replace(.route(extra.remove(at: same)), with: .route(route)))
            } else {
                add(.add(.route(route)))
            }
        }
        for route in extra { take(.remove(.route(route))) }
    }
}
