/// The file of an office whose clients reach one cluster through two relays:
/// ```
/// 172.16.0.0/18 - router 172.16.0.1 | 10.14.0.1 - 10.14.0.61 relay1 192.168.10.1 - 192.168.10.11 n1
///                                               \ 10.14.0.62 relay2 192.168.10.2 /
/// ```
package struct RelayOffice {
    /// Lines before the clusters.
    package var head: [String]
    /// Lines of the cluster besides its pods, CNI and node.
    package var cluster: [String]
    /// The names of the relays.
    package var relays: [String]
    /// The line of the office's router, or of another host in its place.
    package var router: String
    /// Lines of the path besides its ends.
    package var path: [String]

    /// - Parameter path: Begins with `relays`, or with keys before it.
    package init(
        head: [String] = [], cluster: [String] = [], relays: [String] = ["relay1", "relay2"],
        router: String = "r: { address: [172.16.0.1, 10.14.0.1] }", path: [String]
    ) {
        self.head = head
        self.cluster = cluster
        self.relays = relays
        self.router = router
        self.path = path
    }

    /// The text of the file.
    package var yaml: String {
        var lines = head + ["clusters:", "  prod:", "    pods: [10.32.0.0/16]"]
        lines += cluster.map { "    " + $0 }
        lines += [
            "    cni: flannel-host-gw",
            "    nodes: { n1: { address: 192.168.10.11, pods: [10.32.1.0/24] } }",
            "sites:", "  office:", "    networks: [172.16.0.0/18]", "    router: 172.16.0.1", "    hosts:",
            "      " + router,
        ]
        for (index, relay) in relays.enumerated() {
            lines.append("      \(relay): { address: [10.14.0.6\(index + 1), 192.168.10.\(index + 1)] }")
        }
        lines += ["paths:", "  - from: office", "    to: prod", "    via: relay"]
        lines += path.map { "    " + $0 }
        return lines.joined(separator: "\n") + "\n"
    }
}
