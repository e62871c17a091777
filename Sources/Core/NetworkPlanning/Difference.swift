import IPAddressing
import Inventory
package import NetworkModel
import PacketPath

/// The difference between a host and its plan, as ordered steps.
package struct Difference: Hashable, Sendable {
    /// In the order of execution; empty if the host is as planned.
    package var steps: [Step] = []

    /// Foreign objects that do the same as ours, or interfere with them.
    package var conflicts: [Conflict] = []

    /// The rules of iptables that the host shall have, so that foreign chains let the plan's traffic through.
    package var acceptRules: [Desired<IPTablesRule>] = []

    /// Notes for the reader; if one of them is a refusal, nothing may be changed.
    package var notes: [PlanNote] = []

    /// Routes that no path needs, and open connections do: they are left.
    package var heldRoutes: [Route] = []

    /// True if a note forbids any change.
    package var isRefused: Bool { notes.isRefusal }

    /// Our links before and after: their settings exist only with them.
    package var ownDevices: Set<String> = []

    /// Adds the conflicts of a later observation; known ones are not repeated.
    package mutating func note(_ later: [Conflict]) {
        let known = Set(conflicts.map(\.message))
        conflicts += later.filter { !known.contains($0.message) }
    }

    /// The steps that undo everything, in order.
    package var inverse: [Step] { steps.reversed().filter(\.isReversible).map(\.inverse) }

    /// The settings that the plan wants, as they were found before the steps.
    package var found: [SettingRecord] = []

    /// The records of settings after the steps, given those before; without our links' settings.
    ///
    /// What was right when it was first found is recorded, too: restored after another program changed it, it
    /// stays as it is when no path needs it any more.
    ///
    /// - Parameter settings: As observed before the steps.
    package func records(
        after records: [SettingRecord], among settings: [KernelSetting: Int] = [:]
    ) -> [SettingRecord] {
        var records = records
        for step in steps {
            guard case .set(let setting, let old, let new) = step.change else { continue }
            if let index = records.firstIndex(where: { $0.setting == setting }) {
                records[index].ours = new
            } else {
                records.append(
                    SettingRecord(setting: setting, previous: old, ours: new, among: settings))
            }
        }
        let known = Set(records.map(\.setting))
        records += found.filter { !known.contains($0.setting) }
        let wanted = Set(found.map(\.setting))
        return records.filter { record in
            (wanted.contains(record.setting) || record.previous != record.ours)
                && !ownDevices.contains(record.setting.device)
        }
    }
}

extension Step {
    /// False if the change removes nothing that could be restored.
    fileprivate var isReversible: Bool {
        if case .forget = change { false } else { true }
    }
}

/// The ordered steps from `observed` to `plan`.
///
/// Our objects are recognised from the observation alone: by the table's name, the routes' protocol, the
/// links' alias and the rules' comments. Nothing else is changed.
///
/// - Parameter plan: As `NetworkPlanner.plan` made it; it is resolved here.
package func difference(
    from observed: HostState, to plan: HostPlan, context: HostContext = HostContext()
) -> Difference {
    let resolved = plan.resolved(on: observed)
    var calculation = DifferenceCalculation(plan: resolved, observed: observed, context: context)
    calculation.run()
    return calculation.result
}

/// The work of one difference. Order: an object that others refer to is added first and removed last, the
/// packet rules change in one transaction before the first packet is routed to them, and routes are added
/// after everything they need.
struct DifferenceCalculation {
    let plan: ResolvedPlan
    /// The host as observed.
    let observed: HostState
    /// Facts of the host besides the kernel's objects.
    let context: HostContext
    /// The difference found so far.
    private(set) var result = Difference()

    /// True if nothing is known of the settings: they are those of a namespace that is only being made.
    var writesAllSettings = false

    /// Removing steps, deferred until all others exist.
    private var removals: [Step] = []

    /// Our links that are removed first, with everything on them.
    private var gone: Set<String> = []

    init(plan: ResolvedPlan, observed: HostState, context: HostContext) {
        self.plan = plan
        self.observed = observed
        self.context = context
        result.notes = plan.notes
        result.ownDevices = Set((observed.links.filter(\.isOurs) + plan.links.map(\.value)).map(\.name))
    }

    /// Finds the difference, in the order of the steps.
    mutating func run() {
        result.notes += refusals()
        let rules = PacketRules(observed)
        let firewall = FirewallJudgement(plan, on: observed, rules: rules)
        result.acceptRules = firewall.acceptRules
        let checks = RouteChecks(plan, on: observed, rules: rules)
        result.conflicts = conflicts() + firewall.conflicts + checks.conflicts()
        dismantle()
        namespaceSteps()
        linkSteps()
        contentSteps()
        addressSteps()
        settingSteps()
        neighbourSteps()
        forwardingSteps()
        tableStep()
        acceptSteps(misplaced: firewall.misplaced)
        nextHopSteps()
        routeSteps()
        ruleSteps()
        takeRemovals()
        forgetSteps()
        result.notes.sort { $0.severity < $1.severity }
    }

    /// Takes away what no path needs, now that all else stands.
    mutating func takeRemovals() {
        result.steps += removals.reversed()
        removals = []
    }

    mutating func note(_ severity: PlanNote.Severity, _ message: String) {
        result.notes.append(PlanNote(severity, message))
    }

    /// Adds a step.
    mutating func step(_ change: Change, _ because: String) {
        result.steps.append(Step(change, because: because))
    }

    /// Removals run in the opposite order in which they are found: the referring object before the one it
    /// refers to.
    mutating func removal(_ change: Change, _ because: String = noLonger) {
        removals.append(Step(change, because: because))
    }

    /// The reason for objects that no path needs any more.
    static let noLonger = "no path needs it"

    // MARK: Links

    /// Removes what prevents links from being made: the only case of delete before add.
    mutating func dismantle() {
        let links = OwnLinks(
            wanted: plan.links.map(\.value), wantedAddresses: plan.addresses.map(\.value), present: observed,
            elsewhere: plan.namespaces.flatMap(\.value.content.links).map(\.value))
        for link in links.inTheWay {
            let because = plan.links.first { $0.value.name == link.name }?.because ?? Self.noLonger
            for change in links.dismantling(link) { step(change, because) }
            gone.insert(link.name)
        }
    }

    /// Adds the steps of links.
    mutating func linkSteps() {
        let wanted = Set(plan.links.map(\.value.name))
        for link in observed.links
        where link.isOurs && !wanted.contains(link.name) && !gone.contains(link.name) {
            removal(.remove(.link(link)))
        }
        for desired in plan.links {
            let link = desired.value
            guard let present = observed.link(link.name), !gone.contains(link.name) else {
                step(.add(.link(link)), desired.because)
                continue
            }
            if !present.isOurs {
                result.notes.append(
                    PlanNote(
                        .refusal,
                        "\(desired.because): a device \(link.name) is there that is not ours: give the path"
                            + " another name with vxlan.device, or delete it with"
                            + " \"ip link del dev \(link.name)\""))
            } else if present.differs(from: link) {
                var target = link
                target.mtu = link.mtu ?? present.mtu
                target.mac = link.mac ?? present.mac
                target.master = present.master
                step(.replace(.link(present), with: .link(target)), desired.because)
            }
        }
    }

    /// Our links as observed, without those removed first.
    private var ownDevices: Set<String> {
        Set(observed.links.filter(\.isOurs).map(\.name)).subtracting(gone)
    }

    // MARK: What is on links

    /// Adds the steps of addresses.
    mutating func addressSteps() {
        let wanted = Set(plan.addresses.map(\.value))
        let devices = ownDevices
        for address in observed.addresses
        where devices.contains(address.device) && !address.isLinkLocal && !wanted.contains(address) {
            removal(.remove(.address(address)))
        }
        let present = Set(observed.addresses.filter { !gone.contains($0.device) })
        for desired in plan.addresses where !present.contains(desired.value) {
            step(.add(.address(desired.value)), desired.because)
        }
        for desired in plan.addresses where present.contains(desired.value) {
            guard let route = missingNetwork(of: desired.value) else { continue }
            step(.add(.route(route)), desired.because)
        }
    }

    /// The route that the kernel makes with an address, if another program has deleted it: the gateways of
    /// our routes are reached by it. Nil if it exists, or appears by itself once the device is up.
    private func missingNetwork(of address: InterfaceAddress) -> Route? {
        guard let route = address.connectedRoute, observed.link(address.device)?.isUp == true else {
            return nil
        }
        let isThere = observed.routes.contains {
            $0.isConnected && $0.destination == route.destination
                && $0.nextHops.contains { $0.device == address.device }
        }
        return isThere ? nil : route
    }

    /// Adds the steps of neighbours.
    mutating func neighbourSteps() {
        let devices = ownDevices
        let wanted = Set(plan.neighbours.map(\.value))
        let here = observed.neighbours.filter { devices.contains($0.device) }
        let present = Set(here)
        let byAddress = Dictionary(here.map { (NeighbourKey($0), $0) }) { first, _ in first }
        var replaced: Set<Neighbour> = []
        for desired in plan.neighbours where !present.contains(desired.value) {
            if let old = byAddress[NeighbourKey(desired.value)] {
                replaced.insert(old)
                step(.replace(.neighbour(old), with: .neighbour(desired.value)), desired.because)
            } else {
                step(.add(.neighbour(desired.value)), desired.because)
            }
        }
        for neighbour in here where !wanted.contains(neighbour) && !replaced.contains(neighbour) {
            removal(.remove(.neighbour(neighbour)))
        }
    }

    /// Adds the steps of forwarding entries.
    mutating func forwardingSteps() {
        let devices = ownDevices
        let wanted = Set(plan.forwardingEntries.map(\.value))
        let here = observed.forwardingEntries.filter { devices.contains($0.device) }
        let present = Set(here)
        let byMAC = Dictionary(grouping: here) { ForwardingKey($0) }
        // An entry appended to a correct one sends each packet twice: it is removed like any other.
        for desired in plan.forwardingEntries where !present.contains(desired.value) {
            let old = byMAC[ForwardingKey(desired.value)] ?? []
            if let first = old.first {
                step(
                    .replace(.forwardingEntry(first), with: .forwardingEntry(desired.value)), desired.because)
            } else {
                step(.add(.forwardingEntry(desired.value)), desired.because)
            }
            for entry in old.dropFirst() { removal(.remove(.extraForwardingEntry(entry)), desired.because) }
        }
        let replaced = Set(
            plan.forwardingEntries.map(\.value).filter { !present.contains($0) }.map(ForwardingKey.init))
        let right = Set(present.filter { wanted.contains($0) }.map(ForwardingKey.init))
        let unwanted = here.filter { !wanted.contains($0) && !replaced.contains(ForwardingKey($0)) }
        for object in ForwardingKey.objects(for: unwanted, beside: right) { removal(.remove(object)) }
    }

    // MARK: Settings

    /// Adds the steps of settings.
    mutating func settingSteps() {
        let wanted = Set(plan.settings.map(\.value.setting))
        for setting in plan.settings.map(\.value.setting) {
            guard let value = observed.settings[setting] else { continue }
            result.found.append(
                SettingRecord(setting: setting, previous: value, ours: value, among: observed.settings))
        }
        for desired in plan.settings where writesAllSettings || !isSatisfied(desired.value) {
            let setting = desired.value.setting
            let present = gone.contains(setting.device) ? nil : observed.settings[setting]
            let old = present ?? initialValue(of: setting)
            if writesAllSettings || old != desired.value.value {
                step(.set(setting, from: old, to: desired.value.value), desired.because)
            }
        }
        for record in context.records.reversed() where !wanted.contains(record.setting) {
            guard !result.ownDevices.contains(record.setting.device) else { continue }
            // Another program has changed it since: its value stays.
            guard record.isOurs(among: observed.settings), record.previous != record.ours else { continue }
            removal(.set(record.setting, from: record.ours, to: record.previous))
        }
    }

    /// The value of a new device.
    private func initialValue(of setting: KernelSetting) -> Int {
        var initial = setting
        initial.device = "default"
        return observed.settings[initial] ?? 0
    }

    /// A reverse path filter is as strict as the stricter of the device's and that of all devices; loose or
    /// off, it accepts asymmetric packets.
    private func isSatisfied(_ value: SettingValue) -> Bool {
        guard let present = observed.settings[value.setting],
            !gone.contains(value.setting.device)
        else { return false }
        guard value.setting.name == .reversePathFilter,
            !plan.links.contains(where: { $0.value.name == value.setting.device })
        else { return present == value.value }
        if value.value == 0 { return present == 0 }
        let all = KernelSetting(family: .v4, device: "all", name: .reversePathFilter)
        return max(present, observed.settings[all] ?? 0) != 1
    }

    // MARK: Rules of packets

    /// Adds the step of our table.
    mutating func tableStep() {
        let present = observed.ownTable
        let wanted = plan.table
        switch (present, wanted.chains.isEmpty) {
        case (nil, true): break
        case (let present?, true): removal(.remove(.table(present.withoutCounters)))
        case (nil, false): step(.add(.table(wanted)), plan.tableBecause)
        case (let present?, false):
            if present.withoutCounters != wanted.withoutCounters {
                step(.replace(.table(present.withoutCounters), with: .table(wanted)), plan.tableBecause)
            }
        }
    }

    /// - Parameter misplaced: Rules of ours that exist, but after a rule that drops.
    private mutating func acceptSteps(misplaced: Set<IPTablesRule>) {
        let rules = result.acceptRules
        for desired in rules where misplaced.contains(desired.value) {
            step(.remove(.iptablesRule(desired.value)), desired.because)
        }
        let present = Set(observed.iptables.flatMap(\.rules).filter(\.isOurs)).subtracting(misplaced)
        let wanted = Set(rules.map(\.value))
        // Each is put first in its chain: adding them from last to first gives their order.
        for desired in rules.reversed() where !present.contains(desired.value) {
            step(.add(.iptablesRule(desired.value)), desired.because)
        }
        // They are restored one by one at the front, so they must be removed from first to last; removals are
        // reversed once more.
        for rule in observed.iptables.flatMap(\.rules).reversed()
        where rule.isOurs && !wanted.contains(rule) {
            removal(.remove(.iptablesRule(rule)))
        }
    }

    /// Adds the steps that delete old connections.
    private mutating func forgetSteps() {
        let changesTable = result.steps.contains { step in
            switch step.change {
            case .add(.table), .remove(.table), .replace(.table, with: .table): true
            default: false
            }
        }
        guard changesTable else { return }
        for range in plan.connections { step(.forget(range.value), range.because) }
    }

    // MARK: Routes

    /// Adds the steps of routes.
    mutating func routeSteps() {
        let own = observed.routes.filter { route in
            route.isOurs && !gone.contains { route.uses($0) }
        }
        var byDestination: [RouteKey: [Route]] = [:]
        for route in own { byDestination[RouteKey(route), default: []].append(route) }
        for desired in plan.routes {
            let key = RouteKey(desired.value)
            let present = byDestination.removeValue(forKey: key) ?? []
            let right = present.firstIndex { $0.satisfies(desired.value) }
            for (index, route) in present.enumerated() where index != right {
                if right == nil, index == 0 {
                    step(.replace(.route(route), with: .route(desired.value)), desired.because)
                } else {
                    removal(.remove(.route(route)), desired.because)
                }
            }
            if present.isEmpty { step(.add(.route(desired.value)), desired.because) }
        }
        // No path needs what is left. Deleting a link deletes its routes, but the inverse needs them.
        let held = observed.heldDestinations.isEmpty ? [] : plan.plan.leavingRoutes(on: observed)
        for route in own where byDestination[RouteKey(route)]?.contains(route) == true {
            if !route.nextHops.isEmpty, observed.heldDestinations.contains(route.destination),
                held.contains(where: { $0.destination == route.destination })
            {
                result.hold(route)
                continue
            }
            removal(.remove(.route(route)))
        }
    }

    /// Adds the steps of policy rules.
    private mutating func ruleSteps() {
        let wanted = Set(plan.rules.map(\.value))
        for rule in observed.policyRules where rule.isOurs && !wanted.contains(rule) {
            removal(.remove(.policyRule(rule)))
        }
        let present = Set(observed.policyRules)
        for desired in plan.rules where !present.contains(desired.value) {
            step(.add(.policyRule(desired.value)), desired.because)
        }
    }
}

/// The key of a neighbour.
private struct NeighbourKey: Hashable {
    /// The device.
    let device: String
    /// The neighbour's address.
    let address: IPAddress

    /// The key of `neighbour`.
    init(_ neighbour: Neighbour) {
        device = neighbour.device
        address = neighbour.address
    }
}

/// The key of a route of ours.
struct RouteKey: Hashable {
    /// The destination.
    let destination: IPPrefix
    /// The routing table.
    let table: Int
    /// The metric.
    let metric: Int

    /// The key of `route`.
    init(_ route: Route) {
        destination = route.destination
        table = route.table
        metric = route.metric
    }
}

extension Link {
    /// True if a property differs that can change on an existing device.
    fileprivate func differs(from desired: Link) -> Bool {
        (desired.mtu != nil && mtu != desired.mtu) || (desired.mac != nil && mac != desired.mac)
            || alias != desired.alias || isUp != desired.isUp
    }
}
