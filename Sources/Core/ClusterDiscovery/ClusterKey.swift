import IPAddressing
package import Inventory

/// Chooses the keys of clusters in a configuration file.
package enum ClusterKey {
    /// Labels that the Kubernetes DNS schema uses itself, so that no cluster can have them as its key.
    private static let reserved: Set<String> = ["svc", "pod", "dns", "ns", "dns-version", "hostmaster"]

    /// The longest key, a label of the DNS (RFC 1035 section 2.3.4), in octets.
    private static let longest = 63

    /// A valid key made from the name of a cluster in a kubeconfig: its last part if it is one of EKS
    /// (`arn:aws:eks:REGION:ACCOUNT:cluster/NAME`) or GKE (`gke_PROJECT_ZONE_NAME`), what follows `@` if it
    /// is one of kubeadm (`USER@CLUSTER`).
    package static func label(of context: String) -> String {
        var text = Substring(context)
        if text.hasPrefix("arn:"), let slash = text.lastIndex(of: "/") {
            text = text[text.index(after: slash)...]
        } else if text.hasPrefix("gke_") {
            text = text.split(separator: "_", maxSplits: 3).last ?? text
        } else if let at = text.lastIndex(of: "@") {
            text = text[text.index(after: at)...]
        }
        var label = ""
        for octet in text.lowercased().utf8 {
            let isPlain = isLetterOrDigit(octet)
            if isPlain || (!label.isEmpty && label.last != "-") {
                label.unicodeScalars.append(isPlain ? Unicode.Scalar(octet) : "-")
            }
        }
        label = String(label.prefix(longest))
        while label.last == "-" { label.removeLast() }
        if label.isEmpty { return "cluster" }
        return reserved.contains(label) ? label + "-cluster" : label
    }

    /// True for a key that the configuration file accepts.
    package static func isValid(_ key: String) -> Bool { label(of: key) == key }

    /// `label`, with a number appended if `taken` already has it.
    package static func free(_ label: String, besides taken: Set<String>) -> String {
        var key = label
        var number = 2
        while taken.contains(key) {  // ends: `taken` is finite, and each turn tries another one
            let suffix = "-\(number)"
            key = String(label.prefix(longest - suffix.count)) + suffix
            number += 1
        }
        return key
    }

    /// The key of the cluster of `inventory` that `findings` are about; nil if there is none.
    ///
    /// It shares a node's address or the DNS server, and nothing contradicts it.
    package static func match(_ findings: ClusterFindings, in inventory: Inventory) -> String? {
        let addresses = Set((findings.nodes?.value ?? []).flatMap(\.addresses))
        let servers = Set((findings.dns?.value ?? []) + findings.otherDNS)
        let matches = inventory.clusters.filter { cluster in
            let known = Set(cluster.nodes.flatMap(\.addresses))
            if !known.isEmpty, !addresses.isEmpty { return !known.isDisjoint(with: addresses) }
            guard !servers.isDisjoint(with: cluster.dns) else { return false }
            guard let services = findings.services?.value, !cluster.services.isEmpty else { return true }
            return services.contains { service in cluster.services.contains { $0.overlaps(service) } }
        }
        return matches.count == 1 ? matches.first?.key : nil
    }
}
