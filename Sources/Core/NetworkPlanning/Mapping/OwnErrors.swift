import IPAddressing
import Inventory
import NetworkModel

/// ICMP errors that a relay itself sends to clients, about packets to clusters with outer addresses.
///
/// Each must pass the namespace that the packet came out of: that one alone knows the outer address. The
/// error's own addresses, the relay's and the client's, do not tell which one that is. Where clients use
/// several clusters, packets therefore get a mark as they come out of a namespace, and the kernel gives it to
/// what it sends about them.
///
/// ```
/// client -> nb-KEY -> mark of KEY -> device with a smaller MTU
/// client <- nb-KEY <- rule for that mark <- "fragmentation needed"
/// ```
struct OwnErrors {
    /// By the table that leads into the cluster's namespace.
    private var clusters: [Int: MappedCluster] = [:]

    /// The rule for errors to `client` about packets to `mapped`.
    mutating func rule(to client: IPPrefix, of mapped: MappedCluster) -> PolicyRule {
        clusters[mapped.returnTable] = mapped
        var rule = PolicyRule(
            family: client.family, priority: MappedCluster.rulePriority, destination: client,
            action: .lookup(table: mapped.returnTable))
        rule.inDevice = "lo"
        rule.transport = client.family == .v4 ? "icmp" : "ipv6-icmp"
        return rule
    }

    /// Tells those of the plan's rules apart that are for the same clients: each is for packets with the mark
    /// of its cluster.
    ///
    /// - Returns: What gives packets these marks.
    func tellApart(
        _ rules: inout [Desired<PolicyRule>], _ settings: inout [Desired<PlannedSetting>]
    )
        -> [FilterRule]
    {
        var marks: [FilterRule] = []
        for position in ambiguous(rules) {
            let (rule, because) = (rules[position].value, rules[position].because)
            guard let mapped = cluster(of: rule), let client = rule.destination else { continue }
            rules[position].value.mark = PolicyRule.Mark(value: mapped.mark)
            marks.append(
                FilterRule(
                    [.inDevice([mapped.device]), .source(PrefixSet([client]))], .setMark(Int(mapped.mark)),
                    comment: FilterRule.comment(because)))
            let reflection = PlannedSetting(
                .init(family: client.family, device: .named("all"), name: .markReflection), 1)
            if !settings.contains(where: { $0.value == reflection }) {
                settings.append(Desired(reflection, because: because))
            }
        }
        return marks
    }

    /// The positions of rules that some packets of another cluster match as well.
    private func ambiguous(_ rules: [Desired<PolicyRule>]) -> [Int] {
        let positions = rules.indices.filter { cluster(of: rules[$0].value) != nil }
        return positions.filter { position in
            positions.contains { rules[$0].value.contradicts(rules[position].value) }
        }
    }

    /// The cluster whose rule for errors it is; nil for any other rule.
    private func cluster(of rule: PolicyRule) -> MappedCluster? {
        guard rule.inDevice == "lo", case .lookup(let table) = rule.action else { return nil }
        return clusters[table]
    }
}
