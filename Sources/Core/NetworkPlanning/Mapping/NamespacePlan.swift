import Inventory
package import NetworkModel

/// What a host shall have in a network namespace of its own.
///
/// A restarted process knows the namespace by the prefix of its name and the alias of its loopback device,
/// and all of ours in it by the marks that it has on a host.
package struct NamespacePlan: Hashable, Sendable {
    /// Its name.
    package var name: String

    /// What is in the namespace, by the same rules as on a host; its host is the namespace.
    package var content: HostPlan

    /// Creates a namespace plan.
    package init(name: String, content: HostPlan) {
        self.name = name
        self.content = content
    }
}

/// The same for a host that was seen.
package struct ResolvedNamespace: Hashable, Sendable {
    /// Its name.
    package let name: String
    /// What is in it.
    package let content: ResolvedPlan

    /// The plan of the content, with what depends on the host decided.
    var plan: HostPlan {
        var plan = content.plan
        for (index, link) in content.links.enumerated() {
            plan.links[index].value.mtu = .octets(link.value.mtu ?? 1500)
            plan.links[index].value.underlay = nil
        }
        return plan
    }
}

/// A policy rule for the packets that come in by a device that has to be seen first.
package struct DeviceRule: Hashable, Sendable {
    /// The device that leads there.
    package var device: DeviceReference

    /// Without a device.
    package var rule: PolicyRule

    /// Creates a device rule.
    package init(device: DeviceReference, rule: PolicyRule) {
        self.device = device
        self.rule = rule
    }
}

extension DifferenceCalculation {
    /// Makes the namespaces that are missing, and notes those that no path needs.
    mutating func namespaceSteps() {
        let contents = plan.namespaces.map(\.value).map { namespace in
            (name: namespace.name, links: namespace.content.links.map(\.value))
        }
        for change in observed.segmentsInTheWay(of: plan.links.map(\.value), inside: contents) {
            step(change, Self.noLonger)
        }
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
        simulated.apply(result.steps)
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

    /// The work inside of a namespace, where only earlier devices of segments are in the way.
    private mutating func runInside() {
        dismantle()
        linkSteps()
        addressSteps()
        settingSteps()
        neighbourSteps()
        forwardingSteps()
        tableStep()
        routeSteps()
        takeRemovals()
    }
}
