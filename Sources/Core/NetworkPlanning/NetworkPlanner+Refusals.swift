package import Inventory

extension NetworkPlanner {
    /// What `net apply` would refuse for reasons that are in the file alone, each once, at its path there.
    ///
    /// Of a cluster with many nodes some are planned: its nodes differ in their addresses alone, and each
    /// plan names what its routes cover of all others.
    package func refusals() -> [InventoryProblem] {
        var problems: [InventoryProblem] = []
        var seen: Set<String> = []
        func add(_ plan: HostPlan, at place: InventoryPath) {
            for note in plan.notes where note.severity == .refusal && seen.insert(note.message).inserted {
                problems.append(InventoryProblem(.error, at: place, note.message))
            }
        }
        for host in sampledHosts {
            for index in inventory.paths.indices {
                add(plan(for: host, paths: [index]), at: InventoryPath("paths")[index])
            }
            // Paths that contradict each other.
            if inventory.paths.count > 1 { add(plan(for: host), at: "paths") }
        }
        return problems
    }

    /// The hosts that paths name, and of all others those at the beginning of each place.
    private var sampledHosts: [LocatedHost] {
        let ends = Set(inventory.paths.flatMap(\.ends.keys))
        let share = max(2, Self.mostSampledHosts / max(1, ends.count))
        var named: Set<LocatedHost> = []
        for path in inventory.paths {
            guard case .relay(let settings) = path.carrier else { continue }
            for name in settings.relays.map(\.host) + [settings.endpoint].compactMap({ $0 }) {
                if let host = inventory.host(name, in: path.ends.keys.reversed()) { named.insert(host) }
            }
        }
        var counts: [String: Int] = [:]
        return hosts.filter { host in
            guard ends.contains(host.place) || named.contains(host) else { return false }
            counts[host.place, default: 0] += 1
            return counts[host.place, default: 0] <= share || named.contains(host)
        }
    }

    /// The most hosts to plan, unless paths name more.
    private static let mostSampledHosts = 256
}
