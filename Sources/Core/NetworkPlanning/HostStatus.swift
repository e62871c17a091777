package import NetworkModel

/// The condition of every object of a plan on the host, and what interferes with it.
package struct HostStatus: Hashable, Sendable {
    /// One row for each object.
    package var rows: [Row] = []

    /// One object.
    package struct Row: Hashable, Sendable {
        /// The object's condition.
        package var condition: Condition

        /// The object in the syntax of the tool that shows it.
        package var object: String
        /// The path that needs it.
        package var because: String

        /// The counters of a rule; nil for objects without counters.
        package var counter: FilterRule.Counter?

        /// The counters of a rule, in packets and octets; nil for objects without counters.
        package var packets: Int? { counter?.packets }
        /// The octets counted by the rule.
        package var octets: Int? { counter?.octets }
    }

    /// The condition of an object.
    package enum Condition: String, Hashable, Sendable {
        /// As planned, absent, or different.
        case present, missing, changed
        /// It is ours, and no path needs it.
        case leftOver = "left over"
        /// A foreign object interferes.
        case shadowed
        /// A foreign object handles the same traffic, and ours takes precedence.
        case preceded
        /// A next hop of ours does not answer.
        case silent
        /// It is unknown whether a foreign object interferes.
        case unknown

        /// True if nothing has to be done.
        package var isFine: Bool { self == .present || self == .preceded || self == .unknown }

        /// True if the row describes an object that is ours or planned.
        package var isOfObject: Bool {
            switch self {
            case .present, .missing, .changed, .leftOver, .shadowed: true
            case .preceded, .silent, .unknown: false
            }
        }
    }

    /// True if no row needs an action.
    package var isFine: Bool { rows.allSatisfy(\.condition.isFine) }

    /// Compares the host with its plan.
    package init(of plan: HostPlan, on observed: HostState, context: HostContext) {
        let difference = difference(from: observed, to: plan, context: context)
        let resolved = plan.resolved(on: observed)
        let changes = difference.steps.map(\.change)
        let added = Set(changes.compactMap(\.addedObject))
        let replacing = Set(changes.compactMap(\.replacingObject))
        func add(_ object: NetworkObject, _ text: String, _ because: String) {
            let condition: Condition =
                added.contains(object) ? .missing : replacing.contains(object) ? .changed : .present
            rows.append(Row(condition: condition, object: text, because: because))
        }
        for namespace in resolved.namespaces {
            add(.namespace(namespace.value.name), "namespace \(namespace.value.name)", namespace.because)
        }
        for link in resolved.links { add(.link(link.value), "link \(link.value.name)", link.because) }
        for address in resolved.addresses {
            add(.address(address.value), "address \(address.value)", address.because)
        }
        for setting in resolved.settings {
            let isOff = changes.contains { $0.setting == setting.value.setting }
            rows.append(
                Row(
                    condition: isOff ? .changed : .present,
                    object: "setting \(setting.value.setting) = \(setting.value.value)",
                    because: setting.because))
        }
        for neighbour in resolved.neighbours {
            add(.neighbour(neighbour.value), "neighbour \(neighbour.value)", neighbour.because)
        }
        for entry in resolved.forwardingEntries {
            add(.forwardingEntry(entry.value), "forwarding \(entry.value)", entry.because)
        }
        addRules(of: resolved.table, on: observed)
        for rule in difference.acceptRules {
            add(.iptablesRule(rule.value), "\(rule.value.program) \(rule.value)", rule.because)
        }
        for object in resolved.nextHopObjects {
            add(.nextHop(object.value), "nexthop \(object.value)", object.because)
        }
        for route in resolved.routes { add(.route(route.value), "route \(route.value)", route.because) }
        rows += difference.heldRoutes.map(Row.init(held:))
        for rule in resolved.rules { add(.policyRule(rule.value), "rule \(rule.value)", rule.because) }
        for namespace in resolved.namespaces { addContent(of: namespace.value, on: observed) }
        for step in difference.steps {
            guard case .add(.route(let route)) = step.change, !route.isOurs else { continue }
            rows.append(Row(condition: .missing, object: "route \(route)", because: step.because))
        }
        addWhatIsNotPlanned(difference)
        for hop in plan.silentNextHops(on: observed) {
            rows.append(Row(condition: .silent, object: "next hop \(hop)", because: hop.because))
        }
    }

    /// Objects of ours that no path needs, and foreign ones that interfere.
    private mutating func addWhatIsNotPlanned(_ difference: Difference) {
        for step in difference.steps {
            guard case .remove = step.change, let command = step.inverse.commands.first else { continue }
            rows.append(Row(condition: .leftOver, object: "\(command)", because: step.because))
        }
        for conflict in difference.conflicts {
            let condition: Condition =
                conflict.isHarmless ? .preceded : conflict.isUnknown ? .unknown : .shadowed
            rows.append(Row(condition: condition, object: conflict.message, because: ""))
        }
    }

    /// What is in a namespace; all of it is missing with the namespace.
    private mutating func addContent(of plan: ResolvedNamespace, on observed: HostState) {
        let state = observed.namespace(plan.name)?.state
        var content = HostStatus(of: plan.plan, on: state ?? HostState(), context: HostContext())
        for index in content.rows.indices {
            if state == nil { content.rows[index].condition = .missing }
            content.rows[index].object = "\(plan.name): \(content.rows[index].object)"
        }
        rows += content.rows
    }

    /// Each rule of our table, with its counters if it exists.
    private mutating func addRules(of wanted: FilterTable, on observed: HostState) {
        for chain in wanted.chains {
            let present = observed.ownTable?.chains.first { $0.name == chain.name }?.rules ?? []
            let found = Dictionary(present.map { ($0.essence, $0) }) { first, _ in first }
            for rule in chain.rules {
                rows.append(
                    Row(
                        condition: found[rule.essence] == nil ? .missing : .present,
                        object: "rule \(chain.name): \(rule.textWithoutCounter)", because: rule.comment ?? "",
                        counter: found[rule.essence]?.counter))
            }
            let planned = Set(chain.rules.map(\.essence))
            for rule in present where !planned.contains(rule.essence) {
                rows.append(
                    Row(
                        condition: .leftOver, object: "rule \(chain.name): \(rule)",
                        because: "not of the plan"))
            }
        }
    }
}

extension HostStatus.Row {
    /// The row of a route that stays for the sake of its connections.
    fileprivate init(held route: Route) {
        self.init(condition: .present, object: "route \(route)", because: "its connections are open")
    }
}

extension FilterRule {
    /// The rule without what the kernel adds to it.
    fileprivate var essence: FilterRule { FilterRule(matches, action, comment: comment) }

    /// The rule's text without its counter.
    fileprivate var textWithoutCounter: String {
        (matches.map(\.description) + [action.description]).joined(separator: " ")
    }
}

extension Change {
    /// The object that the change adds.
    fileprivate var addedObject: NetworkObject? {
        if case .add(let object) = self { object } else { nil }
    }

    /// The object that replaces another one.
    fileprivate var replacingObject: NetworkObject? {
        if case .replace(_, let object) = self { object } else { nil }
    }

    /// The setting that the change sets.
    fileprivate var setting: KernelSetting? {
        if case .set(let setting, _, _) = self { setting } else { nil }
    }
}
