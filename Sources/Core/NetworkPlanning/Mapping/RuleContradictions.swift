import IPAddressing
import NetworkModel

/// Rules that lead the same packets to different clusters: the first one gets them all.
struct RuleContradictions {
    /// The pairs of paths that need them, and the clients whose packets these are; each pair once.
    private var pairs: [(first: String, second: String, client: IPPrefix?)] = []

    /// - Parameter rules: Each with the device whose packets it is for.
    private init<Device: Hashable>(_ rules: [(device: Device, rule: PolicyRule, because: String)]) {
        var seen: Set<[String]> = []
        for (_, group) in Dictionary(grouping: rules, by: \.device) {
            for (index, one) in group.enumerated() {
                for other in group.dropFirst(index + 1) where one.rule.contradicts(other.rule) {
                    guard seen.insert([one.because, other.because]).inserted else { continue }
                    pairs.append((one.because, other.because, one.rule.destination))
                }
            }
        }
        pairs.sort { ($0.first, $0.second) < ($1.first, $1.second) }
    }

    /// Of answers that come by a device that is described.
    init(_ rules: [Desired<DeviceRule>]) {
        self.init(rules.map { ($0.value.device, $0.value.rule, $0.because) })
    }

    /// Of answers that come by a device whose name is known.
    init(_ rules: [Desired<PolicyRule>]) {
        self.init(rules.map { ($0.value.inDevice, $0.value, $0.because) })
    }

    /// Answers from both clusters come by one device.
    var refusals: [PlanNote] {
        pairs.map { pair in
            PlanNote(
                .refusal,
                "\(pair.second) and \(pair.first): answers and ICMP errors to \(Self.words(pair.client))"
                    + " come from both clusters by one device, and nothing tells for which cluster they are:"
                    + " use \"source: snat\" on one of the paths, or lead each cluster to a device of its own"
                    + " (\"uplink\" of the relay)")
        }
    }

    private static func words(_ client: IPPrefix?) -> String { client.map { "\($0)" } ?? "clients" }
}

extension PolicyRule {
    /// True if some packets match both rules, which lead them to different tables.
    func contradicts(_ other: PolicyRule) -> Bool {
        func overlap(_ one: IPPrefix?, _ two: IPPrefix?) -> Bool {
            guard let one, let two else { return true }
            return one.overlaps(two)
        }
        return action != other.action && family == other.family && transport == other.transport
            && overlap(source, other.source) && overlap(destination, other.destination)
    }
}
