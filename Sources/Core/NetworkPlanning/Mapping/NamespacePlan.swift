import IPAddressing
import Inventory
package import NetworkModel

/// What a host shall have in a network namespace of its own.
///
/// A restarted process knows the namespace by the prefix of its name and the alias of its loopback device,
/// and all of ours in it by the marks that it has on a host.
package struct NamespacePlan: Hashable, Sendable {
    package var name: String

    /// What is in the namespace, by the same rules as on a host; its host is the namespace.
    package var content: HostPlan

    package init(name: String, content: HostPlan) {
        self.name = name
        self.content = content
    }
}

/// The same for a host that was seen.
package struct ResolvedNamespace: Hashable, Sendable {
    package let name: String
    package let content: ResolvedPlan

    /// The plan of the content, with what depends on the host decided.
    var plan: HostPlan {
        var plan = content.plan
        for (index, link) in content.links.enumerated() {
            plan.links[index].value.mtu = .octets(link.value.mtu ?? 1500)
        }
        return plan
    }
}

/// A policy rule for the packets that come in by a device that has to be seen first.
package struct DeviceRule: Hashable, Sendable {
    package var device: DeviceReference

    /// Without a device.
    package var rule: PolicyRule

    package init(device: DeviceReference, rule: PolicyRule) {
        self.device = device
        self.rule = rule
    }
}

extension [Desired<DeviceRule>] {
    /// The rules that lead the same packets of one device to different clusters.
    var contradictions: [PlanNote] {
        [Desired<PolicyRule>].contradictions(map { ($0.value.device, $0.value.rule, $0.because) })
    }
}

extension [Desired<PolicyRule>] {
    /// The same for devices whose names are known.
    var contradictions: [PlanNote] {
        Self.contradictions(map { ($0.value.inDevice, $0.value, $0.because) })
    }

    /// One note for each pair of paths.
    fileprivate static func contradictions<Device: Hashable>(
        _ rules: [(device: Device, rule: PolicyRule, because: String)]
    ) -> [PlanNote] {
        var notes: [PlanNote] = []
        var pairs: Set<[String]> = []
        for (_, group) in Dictionary(grouping: rules, by: \.device) {
            for (index, one) in group.enumerated() {
                for other in group.dropFirst(index + 1) where one.rule.contradicts(other.rule) {
                    guard pairs.insert([one.because, other.because]).inserted else { continue }
                    let client = one.rule.destination.map { "\($0)" } ?? "clients"
                    notes.append(
                        PlanNote(
                            .refusal,
                            "\(other.because) and \(one.because): answers and ICMP errors to \(client) come"
                                + " from both clusters by one device, and nothing tells for which cluster"
                                + " they are: use \"source: snat\" on one of the paths, or lead each cluster"
                                + " to a device of its own (\"uplink\" of the relay)"))
                }
            }
        }
        return notes.sorted { $0.message < $1.message }
    }
}

extension PolicyRule {
    /// True if some packets match both rules, which lead them to different tables.
    fileprivate func contradicts(_ other: PolicyRule) -> Bool {
        func overlap(_ one: IPPrefix?, _ two: IPPrefix?) -> Bool {
            guard let one, let two else { return true }
            return one.overlaps(two)
        }
        return action != other.action && family == other.family && transport == other.transport
            && overlap(source, other.source) && overlap(destination, other.destination)
    }
}

extension DifferenceCalculation {
    /// Makes the namespaces that are missing, and notes those that no path needs.
    mutating func namespaceSteps() {
        let wanted = Set(plan.namespaces.map(\.value.name))
        for present in observed.namespaces where present.isOurs && !wanted.contains(present.name) {
            removal(.remove(.namespace(present.name)))
        }
        for desired in plan.namespaces {
            let name = desired.value.name
            guard let present = observed.namespace(name) else {
                step(.add(.namespace(name)), desired.because)
                continue
            }
            if !present.isOurs {
                note(
                    .refusal,
                    "\(desired.because): a network namespace \(name) is there that is not ours: delete it"
                        + " with \"ip netns del \(name)\", or give the cluster another key")
            } else if present.state == nil {
                step(.remove(.namespace(name)), desired.because)
                step(.add(.namespace(name)), desired.because)
            }
        }
    }

    /// Brings what is in each namespace to its plan, once the devices that lead there are made.
    mutating func contentSteps() {
        guard !plan.namespaces.isEmpty else { return }
        var simulated = observed
        for step in result.steps { simulated.apply(step.change) }
        for desired in plan.namespaces {
            let name = desired.value.name
            guard let state = simulated.namespace(name)?.state else { continue }
            var calculation = DifferenceCalculation(
                plan: desired.value.content, observed: state, context: HostContext())
            calculation.writesAllSettings = observed.namespace(name)?.state == nil
            calculation.runInside()
            for inner in calculation.result.steps { step(.inside(name, inner.change), inner.because) }
        }
    }

    /// The work inside of a namespace, where nothing is in the way of anything.
    private mutating func runInside() {
        linkSteps()
        addressSteps()
        settingSteps()
        tableStep()
        routeSteps()
        takeRemovals()
    }
}
