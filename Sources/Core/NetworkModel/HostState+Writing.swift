import IPAddressing
import Inventory
package import JSON

/// The texts that the readers of `ip -j`, `bridge -j` and `nft -j` parse to the same values.
extension HostState {
    /// The whole state but for the settings, as one JSON value.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "links": .array(links.map(\.json)),
            "addresses": .array(addresses.map(\.json)),
            "routes4": .array(routes.filter { $0.destination.family == .v4 }.map(\.json)),
            "routes6": .array(routes.filter { $0.destination.family == .v6 }.map(\.json)),
            "rules4": .array(policyRules.filter { $0.family == .v4 }.map(\.json)),
            "rules6": .array(policyRules.filter { $0.family == .v6 }.map(\.json)),
            "namespaces": .array(namespaces.map(\.json)),
            "neighbours": .array(neighbours.map(\.json)),
            "forwarding": .array(forwardingEntries.map(\.json)),
            "nftables": .array(tables.flatMap(\.json)),
            "iptables4": .string(Self.saved(iptables, .v4)),
            "iptables6": .string(Self.saved(iptables, .v6)),
        ]
        members["nexthops"] = nextHopObjects.map { .array($0.map(\.json)) }
        return .object(members)
    }

    /// Parses what `json` wrote.
    package init(json: JSONValue) throws(ReadingError) {
        func text(_ key: String) -> [UInt8] { Array((json[key] ?? .array([])).description.utf8) }
        self.init(
            links: try Link.read(text("links")), addresses: try InterfaceAddress.read(text("addresses")),
            routes: try Route.read(text("routes4"), family: .v4) + Route.read(text("routes6"), family: .v6),
            policyRules: try PolicyRule.read(text("rules4"), family: .v4)
                + PolicyRule.read(text("rules6"), family: .v6),
            neighbours: try Neighbour.read(text("neighbours")),
            forwardingEntries: try ForwardingEntry.read(text("forwarding")),
            tables: try FilterTable.read(
                ruleset: Array(
                    JSONValue.object(["nftables": json["nftables"] ?? .array([])]).description.utf8)),
            iptables: [
                IPTablesState(family: .v4, saved: json["iptables4"]?.string ?? ""),
                IPTablesState(family: .v6, saved: json["iptables6"]?.string ?? ""),
            ])
        namespaces = (json["namespaces"]?.elements ?? []).compactMap { NetworkNamespace(json: $0) }
        if json["nexthops"]?.elements != nil { nextHopObjects = try NextHopObject.read(text("nexthops")) }
    }

    /// The text of `iptables-save` for these states.
    static func saved(_ states: [IPTablesState], _ family: AddressFamily) -> String {
        var text = ""
        for chain in states.filter({ $0.family == family }).flatMap(\.chains) {
            text += "*\(chain.table)\n:\(chain.name) \(chain.policy ?? "-") [0:0]\n"
            for rule in chain.rules { text += "-A \(rule)\n" }
        }
        return text
    }
}

extension JSONValue {
    /// An address as a JSON string.
    fileprivate static func address(_ address: IPAddress) -> JSONValue { .string(address.description) }

    /// Without the members that are null.
    fileprivate static func members(_ members: [String: JSONValue?]) -> JSONValue {
        .object(members.compactMapValues { $0 })
    }
}

extension Link {
    fileprivate var json: JSONValue {
        var info: JSONValue?
        switch kind {
        case .other(let name): info = name.isEmpty ? nil : .object(["info_kind": .string(name)])
        case .veth: info = .object(["info_kind": .string("veth")])
        case .vxlan(let mesh):
            let local = mesh.local.map { JSONValue.address($0) }
            let details = JSONValue.members([
                "id": .integer(mesh.id), "port": .integer(mesh.port),
                mesh.local?.family == .v6 ? "local6" : "local": local,
                "link": mesh.underlay.map { .string($0) }, "learning": .boolean(mesh.isLearning),
            ])
            info = .object(["info_kind": .string("vxlan"), "info_data": details])
        }
        return .members([
            "ifname": .string(name), "mtu": mtu.map { .integer($0) },
            "address": mac.map { .string($0.description) }, "flags": .array(isUp ? [.string("UP")] : []),
            "ifalias": alias.map { .string($0) }, "master": master.map { .string($0) }, "linkinfo": info,
            "link_netns": kind.namespace.map { .string($0) },
        ])
    }
}

extension LinkKind {
    /// The namespace of ours that the other end is in; nil for other devices.
    fileprivate var namespace: String? {
        if case .veth(let pair) = self { pair.namespace } else { nil }
    }
}

extension PolicyRule {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue?] = [
            "priority": .integer(priority), "src": source.map { .address($0.address) },
            "srclen": source.map { .integer($0.length) }, "dst": destination.map { .address($0.address) },
            "dstlen": destination.map { .integer($0.length) }, "iif": inDevice.map { .string($0) },
            "oif": outDevice.map { .string($0) }, "ipproto": transport.map { .string($0) },
            "fwmark": mark.map { .string("0x" + String($0.value, radix: 16)) },
            "fwmask": mark.map { .string("0x" + String($0.mask, radix: 16)) },
            "not": isInverted ? JSONValue.null : nil, "protocol": .integer(ruleProtocol),
            "suppress_prefixlength": suppressedPrefixLength.map { .integer($0) },
        ]
        switch action {
        case .lookup(let table): members["table"] = .integer(table)
        case .other(let words): members["action"] = .string(words)
        }
        return .members(members)
    }
}

extension InterfaceAddress {
    fileprivate var json: JSONValue {
        let info = JSONValue.object(["local": .address(address), "prefixlen": .integer(length)])
        return .object(["ifname": .string(device), "addr_info": .array([info])])
    }
}

extension Neighbour {
    fileprivate var json: JSONValue {
        .object([
            "dst": .address(address), "dev": .string(device), "lladdr": .string(mac.description),
            "state": .array([.string("PERMANENT")]),
        ])
    }
}

extension ForwardingEntry {
    fileprivate var json: JSONValue {
        .object([
            "ifname": .string(device), "mac": .string(mac.description), "dst": .address(destination),
        ])
    }
}

extension Route {
    fileprivate var json: JSONValue {
        .members([
            "type": .string(kind.rawValue),
            "dst": .string(destination.length == 0 ? "default" : destination.description),
            "table": .integer(table), "protocol": .integer(routeProtocol), "metric": .integer(metric),
            "prefsrc": source.map { .address($0) }, "nhid": nextHopID.map { .integer($0) },
            "nexthops": .array(nextHops.map(\.json)),
        ])
    }
}

extension NextHop {
    var json: JSONValue {
        .members([
            "gateway": gateway.map { .address($0) }, "dev": device.map { .string($0) },
            "flags": .array(isOnLink ? [.string("onlink")] : []), "weight": .integer(weight),
        ])
    }
}
