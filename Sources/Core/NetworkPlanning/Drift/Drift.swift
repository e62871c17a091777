import NetworkModel

/// An object that was as planned and is no longer, in the syntax of the tool that makes it.
package struct Drift: Hashable, Sendable {
    /// What happened to the object.
    package var kind: Kind

    /// The command that makes the object, or the rule in its chain.
    package var text: String

    /// The path that needs it; empty if none does.
    package var because: String

    /// What happened to an object.
    package enum Kind: String, Hashable, Sendable {
        /// It is gone, or different.
        case lost, changed
        /// It is marked as ours, but we did not make it.
        case added
    }

    /// Creates a loss.
    init(_ kind: Kind, _ text: String, because: String) {
        self.kind = kind
        self.text = text
        self.because = because
    }
}

extension [Step] {
    /// The drift that the steps repair.
    package var drift: [Drift] {
        let made = devicesMade
        return flatMap { step -> [Drift] in
            guard case .set(let setting, _, let value) = step.change, made.contains(setting.device) else {
                return step.drift
            }
            return [Drift(.lost, "sysctl \(setting)=\(value)", because: step.because)]
        }
    }

    /// The devices that the steps make: their settings were lost with them.
    var devicesMade: Set<String> {
        Set(compactMap { if case .add(.link(let link)) = $0.change { link.name } else { nil } })
    }
}

extension Step {
    /// The drift that the step itself repairs.
    fileprivate var drift: [Drift] {
        switch change {
        case .add(.table(let table)): Self.drift(of: table, from: nil)
        case .replace(.table(let old), with: .table(let new)): Self.drift(of: new, from: old)
        case .remove(.table(let table)): [Drift(.added, "nft table \(table.name)", because: "")]
        case .add(let object): [Drift(.lost, Self.text(object), because: because)]
        case .remove(let object): [Drift(.added, Self.text(object), because: because)]
        case .replace(.link, with: .link):
            commands.map { Drift(.changed, "\($0)", because: because) }
        case .replace(let old, let new):
            [Drift(.changed, "\(Self.text(new)) (was: \(Self.text(old)))", because: because)]
        case .set(let setting, let old, let new):
            [Drift(.changed, "sysctl \(setting)=\(new) (was: \(old))", because: because)]
        case .forget: []
        case .inside(let name, let change):
            Step(change, because: because).drift.map { loss in
                Drift(loss.kind, "\(name): \(loss.text)", because: loss.because)
            }
        }
    }

    /// The object in the syntax of its tool.
    private static func text(_ object: NetworkObject) -> String {
        Change.add(object).commands.first.map { "\($0)" } ?? ""
    }

    /// Rule by rule; each contains its reason.
    private static func drift(of wanted: FilterTable, from present: FilterTable?) -> [Drift] {
        func rules(_ table: FilterTable?) -> [Drift] {
            (table?.chains ?? []).flatMap { chain in
                chain.rules.map { rule in
                    var bare = rule
                    bare.comment = nil
                    return Drift(
                        .lost, "nft rule inet \(wanted.name) \(chain.name) \(bare)",
                        because: rule.comment ?? "")
                }
            }
        }
        let before = rules(present)
        let after = rules(wanted)
        let missing = after.filter { !before.contains($0) }
        let surplus = before.filter { !after.contains($0) }.map {
            Drift(.added, $0.text, because: $0.because)
        }
        let all = missing + surplus
        // The same rules in another order, or chains with other hooks.
        return all.isEmpty ? [Drift(.changed, "nft table inet \(wanted.name)", because: "")] : all
    }
}

extension Change {
    /// The object that is changed, without its properties: the same for each loss of the same object. Nil if
    /// it is not an object.
    package var objectName: String? {
        switch self {
        case .add(let object), .remove(let object), .replace(_, with: let object): object.name
        case .set(let setting, _, _): "sysctl \(setting)"
        case .forget: nil
        case .inside(let name, let change): change.objectName.map { "\(name): \($0)" }
        }
    }
}

extension NetworkObject {
    /// The name of the change's object.
    fileprivate var name: String {
        switch self {
        case .link(let link): "link \(link.name)"
        case .address(let address): "address \(address)"
        case .route(let route): "route \(route.destination)"
        case .nextHop(let object): "nexthop \(object.id)"
        case .neighbour(let neighbour): "neighbour \(neighbour.address) dev \(neighbour.device)"
        case .forwardingEntry(let entry), .extraForwardingEntry(let entry):
            "forwarding entry \(entry.mac) dev \(entry.device)"
        case .policyRule(let rule): "rule \(rule)"
        case .namespace(let name): "namespace \(name)"
        case .table(let table): "nft table \(table.name)"
        case .iptablesRule(let rule): "\(rule.program) \(rule)"
        }
    }
}
