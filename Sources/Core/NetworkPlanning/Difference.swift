import IPAddressing
import Inventory
package import NetworkModel
import PacketPath

/// What separates a host from its plan, as steps that can be taken one after the other.
package struct Difference: Hashable, Sendable {
    /// In the order in which they are to be taken; empty where the host is as planned.
    package var steps: [Step] = []

    /// Foreign objects that do the same as ours, or that stand in their way.
    package var conflicts: [Conflict] = []

    /// The rules of iptables that the host shall have, so that foreign chains let the plan's traffic through.
    package var acceptRules: [Desired<IPTablesRule>] = []

    /// What the reader must know; with a refusal among them nothing may be changed.
    package var notes: [PlanNote] = []

    package var isRefused: Bool { notes.isRefusal }

    /// Our links before and after: their settings come and go with them.
    package var ownDevices: Set<String> = []

    /// Takes the conflicts of a later look along; those that were known are not told twice.
    package mutating func note(_ later: [Conflict]) {
        let known = Set(conflicts.map(\.message))
        conflicts += later.filter { !known.contains($0.message) }
    }

    /// The steps that take everything back, in their order.
    package var inverse: [Step] { steps.reversed().filter(\.isReversible).map(\.inverse) }

    /// The records of settings as they will be after the steps, given those of before; none of our links'.
    ///
    /// - Parameter settings: As observed before the steps.
    package func records(
        after records: [SettingRecord], among settings: [KernelSetting: Int] = [:]
    ) -> [SettingRecord] {
        var records = records
        for step in steps {
            guard case .set(let setting, let old, let new) = step.change else { continue }
            if let index = records.firstIndex(where: { $0.setting == setting }) {
                let isBack = records[index].previous == new
                if isBack { records.remove(at: index) } else { records[index].ours = new }
            } else {
                records.append(
                    SettingRecord(setting: setting, previous: old, ours: new, among: settings))
            }
        }
        return records.filter { !ownDevices.contains($0.setting.device) }
    }
}

extension Step {
    /// False for what takes nothing away that could be put back.
    fileprivate var isReversible: Bool {
        if case .forget = change { false } else { true }
    }
}

/// The ordered steps from `observed` to `plan`.
///
/// What is ours is recognised from the observation alone: by the table's name, the routes' protocol, the
/// links'
/// alias and the rules' comments. Nothing else is touched.
///
/// - Parameter plan: As `desiredState` made it; it is resolved here.
package func difference(
    from observed: HostState, to plan: HostPlan, context: HostContext = HostContext()
) -> Difference {
    let resolved = plan.resolved(on: observed)
    var calculation = DifferenceCalculation(plan: resolved, observed: observed, context: context)
    calculation.run()
    return calculation.result
}

/// The work of one difference. Order: what others refer to is added first and removed last, the rules of
/// packets
/// change in one transaction before the first packet is led to them, and routes come after all that they
/// need.
struct DifferenceCalculation {
    let plan: ResolvedPlan
    let observed: HostState
    let context: HostContext
    private(set) var result = Difference()

    /// Steps that take away, kept until all others stand.
    private var removals: [Step] = []

    /// Our links that go before all else, with all that is on them.
    private var gone: Set<String> = []

    init(plan: ResolvedPlan, observed: HostState, context: HostContext) {
        self.plan = plan
        self.observed = observed
        self.context = context
        result.notes = plan.notes
        result.ownDevices = Set((observed.links.filter(\.isOurs) + plan.links.map(\.value)).map(\.name))
    }

    mutating func run() {
        result.notes += refusals()
        let rules = PacketRules(observed)
        let firewall = FirewallJudgement(plan, on: observed, rules: rules)
        result.acceptRules = firewall.acceptRules
        let checks = RouteChecks(plan, on: observed, rules: rules)
        result.conflicts = conflicts() + firewall.conflicts + checks.conflicts()
        dismantle()
        linkSteps()
        addressSteps()
        settingSteps()
        neighbourSteps()
        forwardingSteps()
        tableStep()
        acceptSteps(misplaced: firewall.misplaced)
        routeSteps()
        ruleSteps()
        result.steps += removals.reversed()
        forgetSteps()
        result.notes.sort { $0.severity < $1.severity }
    }

    private mutating func step(_ change: Change, _ because: String) {
        result.steps.append(Step(change, because: because))
    }

    /// Removals are taken in the opposite order of their finding: what refers before what is referred to.
    private mutating func removal(_ change: Change, _ because: String = noLonger) {
        removals.append(Step(change, because: because))
    }

    /// The because of what no path needs any more.
    private static let noLonger = "no path needs it"

    // MARK: Links

    /// Takes away what is in the way of links: the one case of delete before add.
    private mutating func dismantle() {
        let links = OwnLinks(
            wanted: plan.links.map(\.value), wantedAddresses: plan.addresses.map(\.value), present: observed)
        for link in links.inTheWay {
            let because = plan.links.first { $0.value.name == link.name }?.because ?? Self.noLonger
            for change in links.dismantling(link) { step(change, because) }
            gone.insert(link.name)
        }
    }

    private mutating func linkSteps() {
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
                            + " another"
                            + " name with vxlan.device, or delete it with \"ip link del dev \(link.name)\""))
            } else if present.differs(from: link) {
                var target = link
                target.mtu = link.mtu ?? present.mtu
                target.mac = link.mac ?? present.mac
                target.master = present.master
                step(.replace(.link(present), with: .link(target)), desired.because)
            }
        }
    }

    /// Our links as observed, without those that go first.
    private var ownDevices: Set<String> {
        Set(observed.links.filter(\.isOurs).map(\.name)).subtracting(gone)
    }

    // MARK: What is on links

    private mutating func addressSteps() {
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

    /// The route that the kernel makes with an address, where somebody has taken it away: the gateways of our
    /// routes are reached by it. Nil where it is there, or comes by itself once the device is up.
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

    private mutating func neighbourSteps() {
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

    private mutating func forwardingSteps() {
        let devices = ownDevices
        let wanted = Set(plan.forwardingEntries.map(\.value))
        let here = observed.forwardingEntries.filter { devices.contains($0.device) }
        let present = Set(here)
        let byMAC = Dictionary(grouping: here) { ForwardingKey($0) }
        // An entry that was appended to a right one sends each packet twice: it goes like any other.
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

    private mutating func settingSteps() {
        let wanted = Set(plan.settings.map(\.value.setting))
        for desired in plan.settings where !isSatisfied(desired.value) {
            let setting = desired.value.setting
            let present = gone.contains(setting.device) ? nil : observed.settings[setting]
            let old = present ?? initialValue(of: setting)
            if old != desired.value.value {
                step(.set(setting, from: old, to: desired.value.value), desired.because)
            }
        }
        for record in context.records.reversed() where !wanted.contains(record.setting) {
            guard !result.ownDevices.contains(record.setting.device) else { continue }
            // Whoever changed it since has his reasons.
            guard record.isOurs(among: observed.settings) else { continue }
            removal(.set(record.setting, from: record.ours, to: record.previous))
        }
    }

    /// The value that a new device gets.
    private func initialValue(of setting: KernelSetting) -> Int {
        var initial = setting
        initial.device = "default"
        return observed.settings[initial] ?? 0
    }

    /// A reverse path filter is as strict as the stricter of the device's and that of all devices; loose or
    /// off, it
    /// lets asymmetric packets pass.
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

    private mutating func tableStep() {
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

    /// - Parameter misplaced: Rules of ours that are there, but behind what drops.
    private mutating func acceptSteps(misplaced: Set<IPTablesRule>) {
        let rules = result.acceptRules
        for desired in rules where misplaced.contains(desired.value) {
            step(.remove(.iptablesRule(desired.value)), desired.because)
        }
        let present = Set(observed.iptables.flatMap(\.rules).filter(\.isOurs)).subtracting(misplaced)
        let wanted = Set(rules.map(\.value))
        // Each is put first in its chain: from the last to the first they end up in their order.
        for desired in rules.reversed() where !present.contains(desired.value) {
            step(.add(.iptablesRule(desired.value)), desired.because)
        }
        // Put back one by one at the front, they must go from first to last; removals are turned round once
        // more.
        for rule in observed.iptables.flatMap(\.rules).reversed()
        where rule.isOurs && !wanted.contains(rule) {
            removal(.remove(.iptablesRule(rule)))
        }
    }

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

    private mutating func routeSteps() {
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
        // What is left is wanted by no path; a link that goes takes its routes along, but the inverse needs
        // them.
        for route in own where byDestination[RouteKey(route)]?.contains(route) == true {
            removal(.remove(.route(route)))
        }
    }

    private mutating func ruleSteps() {
        for rule in observed.policyRules where rule.isOurs { removal(.remove(.policyRule(rule))) }
    }
}

/// What neighbours are told apart by.
private struct NeighbourKey: Hashable {
    let device: String
    let address: IPAddress

    init(_ neighbour: Neighbour) {
        device = neighbour.device
        address = neighbour.address
    }
}

/// What routes of ours are told apart by.
private struct RouteKey: Hashable {
    let destination: IPPrefix
    let table: Int
    let metric: Int

    init(_ route: Route) {
        destination = route.destination
        table = route.table
        metric = route.metric
    }
}

extension Link {
    /// True where something differs that can be altered while the device stays.
    fileprivate func differs(from desired: Link) -> Bool {
        (desired.mtu != nil && mtu != desired.mtu) || (desired.mac != nil && mac != desired.mac)
            || alias != desired.alias || isUp != desired.isUp
    }
}
