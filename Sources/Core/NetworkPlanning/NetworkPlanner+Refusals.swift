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
        for (host, paths) in sampledHosts {
            for index in paths {
                add(plan(for: host, paths: CollectionOfOne(index)), at: InventoryPath("paths")[index])
            }
            // Paths that contradict each other.
            if paths.count > 1 { add(plan(for: host, paths: paths), at: "paths") }
        }
        return problems
    }

    /// The hosts that paths name, and of all others those at the beginning of each place; each with the paths
    /// that may need something of it.
    var sampledHosts: [(host: LocatedHost, paths: [Int])] {
        var pathsOfPlace: [String: [Int]] = [:]
        var pathsOfNamed: [LocatedHost: Set<Int>] = [:]
        for (index, path) in inventory.paths.enumerated() {
            for key in Set(path.ends.keys) { pathsOfPlace[key, default: []].append(index) }
            guard case .relay(let settings) = path.carrier else { continue }
            for name in settings.relays.map(\.host) + [settings.endpoint].compactMap({ $0 }) {
                guard let host = inventory.host(name, in: path.ends.keys.reversed()) else { continue }
                pathsOfNamed[host, default: []].insert(index)
            }
        }
        let share = max(2, Self.mostSampledHosts / max(1, pathsOfPlace.count))
        var counts: [String: Int] = [:]
        return hosts.compactMap { host in
            counts[host.place, default: 0] += 1
            let named = pathsOfNamed[host]
            guard named != nil || counts[host.place, default: 0] <= share else { return nil }
            let paths = (named ?? []).union(pathsOfPlace[host.place] ?? []).sorted()
            return paths.isEmpty ? nil : (host, paths)
        }
    }

    /// The most hosts to plan, unless paths name more.
    static let mostSampledHosts = 256
}
