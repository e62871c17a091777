import DomainNames
import IPAddressing
import Inventory
import JSON

extension ClusterFindings {
    /// The entry below `clusters:` of a configuration file, each value under a comment with its source.
    package var yaml: String {
        // A mapping must contain something besides comments.
        var text = "  \(key):\(missing.count == Key.allCases.count ? " {}" : "")\n"
        let heading = ["context \(context)", values.version.map { "Kubernetes \($0)" }].compactMap(\.self)
        text += comment(heading.joined(separator: ", "))
        for line in partial + refusals { text += comment(line) }
        for key in Key.allCases {
            text += entry(key)
            if key == .services, let proposedMap {
                text += comment(
                    "proposed, since others have these addresses too: names are answered with the outer ones;"
                        + " leave out pods, services and this line if names are enough")
                text += "    \(proposedMap.line)\n"
            }
            if key == .kubeProxy { text += dataPath }
        }
        return text
    }

    /// What is known of eBPF programs; nothing if no CNI that has them runs.
    private var dataPath: String {
        let found = [
            values.cilium.map { ("cilium", $0.value.values, $0.source) },
            values.calico.map { ("calico", $0.value.values, $0.source) },
        ]
        return found.compactMap(\.self).map { name, values, source in
            let members = values.map { "\($0.key): \($0.text)" }.joined(separator: ", ")
            return comment("from \(source)") + "    \(name): { \(members) }\n"
        }.joined()
    }

    /// One key with its comments; commented out if nothing was found.
    private func entry(_ key: Key) -> String {
        let remarks = (self.remarks[key] ?? []).map { comment($0) }.joined()
        guard let source = source(of: key) else {
            let example = Self.example(of: key)
            return comment("\(key.rawValue): not found. By hand: \(key.byHand(kubectl: kubectl))") + remarks
                + "    # \(example)\n"
        }
        return comment("from \(source)") + remarks + value(of: key)
    }

    /// The placeholder for a value that was not found.
    private static func example(of key: Key) -> String {
        switch key {
        case .domain: "domain: cluster.local"
        case .dns: "dns: [ADDRESS]"
        case .pods, .services: "\(key.rawValue): [PREFIX]"
        case .cni: "cni: " + CNI.allCases.map(\.rawValue).joined(separator: " | ")
        case .kubeProxy: "kube-proxy: { mode: iptables, masquerade-all: false }"
        case .nodes: "nodes: { NAME: { address: ADDRESS, pods: [PREFIX] } }"
        }
    }

    /// The lines of a key that has a value.
    private func value(of key: Key) -> String {
        switch key {
        case .domain: "    domain: \(scalar(values.domain?.value.description))\n"
        case .dns: "    dns: \(list((values.dns?.value ?? []).map(\.shortText)))\n"
        case .pods: "    pods: \(list((values.pods?.value ?? []).map(\.description)))\n"
        case .services: "    services: \(list((values.services?.value ?? []).map(\.description)))\n"
        case .cni: "    cni: \(scalar(values.cni?.value.rawValue))\n"
        case .kubeProxy: "    kube-proxy: \(values.kubeProxy.map { Self.kubeProxyText($0.value) } ?? "{}")\n"
        case .nodes: "    nodes:\n" + (nodes?.value ?? []).map { "      \(nodeText($0))\n" }.joined()
        }
    }

    /// Kube-proxy's settings on one line.
    static func kubeProxyText(_ settings: KubeProxySettings) -> String {
        var members = ["mode: \(settings.mode.rawValue)", "masquerade-all: \(settings.masqueradeAll)"]
        if !settings.clusterCIDR.isEmpty {
            members.append("cluster-cidr: \(list(settings.clusterCIDR.map(\.description)))")
        }
        return "{ \(members.joined(separator: ", ")) }"
    }

    /// A node on one line.
    private func nodeText(_ node: Node) -> String { "\(scalar(node.name)): { \(node.membersText) }" }
}

extension Node {
    /// Its addresses and pod prefixes as the file has them.
    var membersText: String {
        let addresses = addresses.map(\.description)
        let address = addresses.count == 1 ? scalar(addresses.first) : list(addresses)
        return "address: \(address)" + (pods.isEmpty ? "" : ", pods: \(list(pods.map(\.description)))")
    }
}

extension CiliumSettings {
    /// As the file has them.
    var values: [(key: String, text: String)] {
        [
            ("bpf-lb-external-clusterip", "\(servesOutsiders)"),
            ("enable-bpf-masquerade", "\(masqueradesInBPF)"),
            ("enable-host-legacy-routing", "\(routesInHost)"), ("routing-mode", routingMode.rawValue),
        ]
    }
}

extension CalicoSettings {
    /// As the file has them.
    var values: [(key: String, text: String)] { [("bpf-enabled", "\(usesBPF)")] }
}

extension Endpoint {
    /// Without the port if that is 53.
    package var shortText: String { port == 53 ? address.description : description }
}

/// The text of a file with only these clusters.
package func inventoryText(of findings: [ClusterFindings]) -> String {
    "clusters:\n" + findings.map(\.yaml).joined(separator: "\n")
}

/// A list in one line.
func list(_ texts: [String]) -> String { "[\(texts.map { scalar($0) }.joined(separator: ", "))]" }

/// A scalar, quoted if YAML would read it as something else.
func scalar(_ text: String?) -> String {
    let text = text ?? ""
    let isPlain = text.utf8.allSatisfy { isLetterOrDigit($0) || [UInt8](".-_/".utf8).contains($0) }
    let begins = text.utf8.first.map { isLetterOrDigit($0) } ?? false
    return isPlain && begins ? text : JSONValue.quote(text)
}

/// `text` as comment lines of at most `width` characters, broken between words.
func comment(_ text: String, indent: String = "    ", width: Int = 110) -> String {
    var lines: [String] = []
    let start = indent + "#"
    var line = start
    // A line break of any kind, as U+2028, would end the comment, and what follows would count.
    for word in text.split(whereSeparator: \.isWhitespace) {
        if line.count + 1 + word.count > width, line != start {
            lines.append(line)
            line = start
        }
        line += " " + word
    }
    lines.append(line)
    return lines.joined(separator: "\n") + "\n"
}
