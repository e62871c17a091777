import IPAddressing

extension InventoryChecker {
    /// What is probed, how often, and what follows from it.
    mutating func checkHealth(of path: Path, at here: InventoryPath) {
        let probe = path.health.probe ?? ProbeSettings()
        let place = here + "probe"
        if let onDown = path.health.onDown, onDown.withholds, !probe.isOn {
            error(
                at: here + "on-down", and: place,
                "found \"\(onDown.rawValue)\" and no probes, expected \"answer\" or a path that is probed")
        }
        if probe.every < .milliseconds(100) || probe.every > .seconds(60) {
            error(at: place + "every", "found a time outside of the range, expected 100ms to 60s")
        }
        if probe.hold > .seconds(3600) {
            error(at: place + "hold", "found a time outside of the range, expected at most 1h")
        }
        if probe.targets.count > 8 {
            error(at: place + "targets", "found \(probe.targets.count) targets, expected at most 8")
        }
        refuseDuplicates(probe.targets, at: place + "targets")
        checkProbeTargets(probe.targets, of: path, at: place + "targets")
    }

    /// A target proves something of a path if the path leads to it.
    private mutating func checkProbeTargets(
        _ targets: [Endpoint], of path: Path, at place: InventoryPath
    ) {
        let far: [String] =
            switch path.ends {
            case .oneWay(_, let to): [to]
            case .mutual(let members): members
            }
        let prefixes = far.compactMap { clusters[$0] }.flatMap { cluster in
            // With a range for each relay, each is probed at its own address of what stands here.
            path.visiblePrefixes(of: cluster)
                + (path.hasRangePerRelay ? path.targets.prefixes(of: cluster) : [])
        }
        for (index, target) in targets.enumerated()
        where !prefixes.contains(where: { $0.contains(target.address) }) {
            warn(
                at: place[index],
                "found \(target), which is outside of what the path leads to: an answer of it does not"
                    + " show that the path works")
        }
        guard path.health.onDown?.withholds == true, path.health.probe?.isOn != false, targets.isEmpty else {
            return
        }
        for key in far {
            guard let cluster = clusters[key],
                path.probedServers(of: cluster).isEmpty, !path.targets.prefixes(of: cluster).isEmpty
            else { continue }
            error(
                at: place,
                "found no target and no DNS server of \(key) that the path leads to: nothing shows whether"
                    + " it works; expected \"probe: { targets: [ADDRESS:PORT] }\"")
        }
    }
}
