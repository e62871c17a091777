import DomainNames
import IPAddressing
import Inventory
package import JSON

extension ClusterFindings {
    /// The findings for programs: `{"key": ..., "pods": {"value": [...], "source": "..."}, ...}`; the value
    /// is null if nothing was found.
    package var json: JSONValue {
        let members = Key.allCases.map { (key: $0.rawValue, value: entry($0)) }
        return .object(
            [("key", .string(key)), ("context", .string(context)), ("version", .optional(values.version))]
                + members
                + dataPath + [
                    ("proposed-map", proposedMap.map { Self.json(of: $0) } ?? .null),
                    ("other-dns", .array(otherDNS.map { .string($0.description) })),
                    ("refusals", .array(refusals.map { .string($0) })),
                    ("partial", .array(partial.map { .string($0) })),
                ])
    }

    /// A map as the file has it.
    private static func json(of map: PrefixMap) -> JSONValue {
        .object(map.pairs.map { ($0.inner.description, .string($0.outer.description)) })
    }

    /// Members for those that run.
    private var dataPath: [(key: String, value: JSONValue)] {
        var members: [(key: String, value: JSONValue)] = []
        if let cilium = values.cilium {
            let settings = cilium.value
            let value: [(key: String, value: JSONValue)] = [
                ("bpf-lb-external-clusterip", .boolean(settings.servesOutsiders)),
                ("enable-bpf-masquerade", .boolean(settings.masqueradesInBPF)),
                ("enable-host-legacy-routing", .boolean(settings.routesInHost)),
                ("routing-mode", .string(settings.routingMode.rawValue)),
            ]
            members.append(
                ("cilium", .object([("value", .object(value)), ("source", .string(cilium.source))])))
        }
        if let calico = values.calico {
            let value = JSONValue.object([("bpf-enabled", .boolean(calico.value.usesBPF))])
            members.append(("calico", .object([("value", value), ("source", .string(calico.source))])))
        }
        return members
    }

    /// A key's value with its source and remarks.
    private func entry(_ key: Key) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("value", value(of: key)), ("source", .optional(source(of: key))),
        ]
        let remarks = self.remarks[key] ?? []
        if !remarks.isEmpty { members.append(("remarks", .array(remarks.map { .string($0) }))) }
        if source(of: key) == nil { members.append(("by-hand", .string(key.byHand(kubectl: kubectl)))) }
        return .object(members)
    }

    /// As the configuration file has it; null if nothing was found.
    private func value(of key: Key) -> JSONValue {
        switch key {
        case .domain: .optional(values.domain?.value.description)
        case .dns: values.dns.map { strings($0.value) } ?? .null
        case .pods: values.pods.map { strings($0.value) } ?? .null
        case .services: values.services.map { strings($0.value) } ?? .null
        case .cni: .optional(values.cni?.value.rawValue)
        case .kubeProxy: values.kubeProxy.map { json(of: $0.value) } ?? .null
        case .nodes: nodes.map { .object($0.value.map { ($0.name, json(of: $0)) }) } ?? .null
        }
    }

    /// Kube-proxy's settings as JSON.
    private func json(of settings: KubeProxySettings) -> JSONValue {
        .object([
            ("mode", .string(settings.mode.rawValue)), ("masquerade-all", .boolean(settings.masqueradeAll)),
            ("cluster-cidr", strings(settings.clusterCIDR)),
        ])
    }

    /// A node as JSON.
    private func json(of node: Node) -> JSONValue {
        .object([("address", strings(node.addresses)), ("pods", strings(node.pods))])
    }

    /// Texts as a JSON array.
    private func strings(_ values: [some CustomStringConvertible]) -> JSONValue {
        .array(values.map { .string($0.description) })
    }
}

extension ClusterDifference {
    /// The difference for programs.
    package var json: JSONValue {
        .object([
            ("key", .string(key)),
            (
                "changes",
                .array(
                    rows.map { row in
                        .object([
                            ("kind", .string(row.kind.rawValue)), ("path", .string(row.path)),
                            ("old", .optional(row.old)), ("new", .optional(row.new)),
                        ])
                    })
            ),
            ("unknown", .array(unknown.map { .string($0.rawValue) })),
        ])
    }
}
