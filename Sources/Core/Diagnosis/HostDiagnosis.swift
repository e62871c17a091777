/// Evaluates the other properties of the forwarder's host.
struct HostDiagnosis {
    /// The observation.
    let seen: ForwarderObservation.HostObservation

    /// The findings, without those for which nothing was observed.
    var findings: [Finding] {
        [network].compactMap { $0 } + paths + [conntrack, reversePath, descriptors].compactMap { $0 }
    }

    /// One finding for each path that is down.
    private var paths: [Finding] {
        seen.downPaths.map { path in
            Finding(
                .problem, "path \(path.name)", .path, "down: \(path.cause)",
                path.reason.isEmpty ? "Addresses of the cluster are not reached." : "\(path.reason).",
                remedies: path.fix.isEmpty ? [] : [Remedy("fix", path.fix, [])])
        }
    }

    /// The comparison of `namebridge net status`.
    private var network: Finding? {
        if let obstacle = seen.networkObstacle {
            return Finding(
                .warning, "routes", .routes, "not looked at: \(obstacle)",
                "Whether routes and translation are in place is not known.")
        }
        guard let name = seen.networkName else { return nil }
        guard !seen.networkFaults.isEmpty else {
            return Finding(.ok, "routes", .routes, "\(name): \(seen.networkObjects) objects, all as planned")
        }
        let shown = seen.networkFaults.prefix(3).joined(separator: "; ")
        let more = seen.networkFaults.count > 3 ? "; ..." : ""
        return Finding(
            .problem, "routes", .routes,
            "\(name): \(seen.networkFaults.count) of \(seen.networkObjects) objects not as planned",
            "Addresses are answered that packets may not reach: \(shown)\(more). \"namebridge net status\""
                + " lists all.",
            remedies: [Remedy("Namebridge", "this host", [], then: "namebridge net apply")])
    }

    /// The use of the table, in percent, from which new connections may fail.
    private static let fullFrom = 80

    /// The finding about the connection table.
    private var conntrack: Finding? {
        guard let count = seen.trackedConnections, let limit = seen.trackedLimit, limit > 0 else {
            return nil
        }
        let subject = "connection table"
        let percent = count * 100 / limit
        let line = "\(count) of \(limit) entries, \(percent) %"
        guard percent >= Self.fullFrom else { return Finding(.ok, subject, .conntrack, line) }
        return Finding(
            percent >= 95 ? .problem : .warning, subject, .conntrack, line,
            "Once it is full, the kernel drops new connections and questions without any notice.",
            remedies: [
                Remedy(
                    "Linux", "/etc/sysctl.d/90-namebridge.conf",
                    ["net.netfilter.nf_conntrack_max = \(limit * 2)"], then: "sysctl --system")
            ])
    }

    /// The finding about reverse path filters.
    private var reversePath: Finding? {
        guard let drops = seen.reversePathDrops, seen.networkName != nil else { return nil }
        let subject = "reverse path filter"
        guard drops > 0 else { return Finding(.ok, subject, .reversePath, "has dropped no packet") }
        return Finding(
            .warning, subject, .reversePath, "has dropped \(drops) packets since the host's start",
            "Packets that come in by another device than answers would leave by are dropped where rp_filter"
                + " is 1. Where the number grows while a path fails, loosen the device that they come in by.",
            remedies: [
                Remedy(
                    "Linux", "/etc/sysctl.d/90-namebridge.conf", ["net.ipv4.conf.DEVICE.rp_filter = 2"],
                    then: "sysctl --system")
            ])
    }

    /// Enough for the default limits: 1,024 connections and as many sockets to servers for each of a
    /// few workers.
    private static let neededDescriptors = 8_192

    /// The finding about the limit of descriptors.
    private var descriptors: Finding? {
        guard let limit = seen.descriptorLimit else { return nil }
        let subject = "descriptors"
        guard limit < Self.neededDescriptors else {
            return Finding(.ok, subject, .descriptors, "the server may open \(limit)")
        }
        return Finding(
            .warning, subject, .descriptors, "the server may open \(limit) only",
            "Under load it cannot accept connections or ask servers any more.",
            remedies: [
                Remedy(
                    "systemd", "/etc/systemd/system/namebridge.service.d/limits.conf",
                    ["[Service]", "LimitNOFILE=65536"],
                    then: "systemctl daemon-reload && systemctl restart namebridge")
            ])
    }
}
