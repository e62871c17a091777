import IPAddressing
import Inventory

/// The words of `via`.
private enum Via: String, CaseIterable {
    case relay, routed, vxlan
}

/// The words of `source`.
private enum SourceWord: String, CaseIterable {
    case snat, keep, map

    func source(_ translation: SourceTranslation) -> PathSource {
        switch self {
        case .snat: .snat(translation)
        case .keep: .keep
        case .map: .map
        }
    }
}

/// The words of `targets`.
private enum Target: String, CaseIterable {
    case pods, services
}

extension Field {
    /// One entry of `paths`; with mistakes in it too, so that the names in the rest are looked up.
    func networkPath() -> Path? {
        mapping { keys in
            let ends = keys.ends()
            let via = keys.required("via", Scalar<Via>.word)
            let relay = keys.relaySettings(isDue: via == .relay)
            let mesh = keys.mesh(isDue: via == .vxlan)
            let targets = keys.targets()
            var isMapped = true
            keys.read("map", into: &isMapped, .boolean)
            let health = keys.pathHealth()
            if let via {
                keys.refuseKeys(strangeTo: via)
                checkWay(via, ends)
            }
            // Without the word the settings show what was meant.
            let meant = via ?? (keys.has("relays") ? .relay : keys.has("vxlan") ? .vxlan : .routed)
            let carrier: PathCarrier =
                switch meant {
                case .relay: .relay(relay)
                case .vxlan: .vxlan(mesh)
                case .routed: .routed
                }
            return Path(
                ends: ends, carrier: carrier, targets: targets, isMapped: isMapped, health: health)
        }
    }

    /// Reports a `via` that does not fit the ends.
    private func checkWay(_ via: Via, _ ends: PathEnds) {
        switch (via, ends) {
        case (.relay, .mutual):
            report.complain(
                at: node.mark, path,
                "found \"via: relay\" with \"between\", expected \"from\" and \"to\": a relay works one way")
            report.distrust(path + "via")
        case (.vxlan, .oneWay):
            report.complain(
                at: node.mark, path,
                "found \"via: vxlan\" with \"from\" and \"to\", expected \"between\": a mesh joins all its"
                    + " clusters")
            report.distrust(path + "via")
        default: break
        }
    }

    /// `vxlan`.
    fileprivate func relay() -> Relay? {
        if case .scalar(let text) = node.content, let address = IPAddress(text) {
            return Relay(host: address.description)
        }
        guard case .mapping = node.content else { return read(.reference).map { Relay(host: $0) } }
        return mapping { keys in
            let host = keys.required("host", .reference)
            var relay = Relay(host: host ?? "")
            keys.read("uplink", into: &relay.uplink, .device)
            keys.read("gateway", into: &relay.gateways) { $0.list(of: .address) }
            keys.read("near-uplink", into: &relay.nearUplink, .device)
            keys.read("priority", into: &relay.priority, .integer(1...255, "a priority"))
            keys.read("weight", into: &relay.weight, .integer(1...100, "a weight"))
            keys.read("map", into: &relay.addressMap) { $0.prefixMap() }
            return host == nil ? nil : relay
        }
    }

    /// `bgp`.
    func bgpSettings() -> BGPSettings? {
        mapping { keys in
            var bgp = BGPSettings()
            keys.read("as", into: &bgp.relayAS, .integer(1...4_294_967_294, "a number"))
            keys.read("router-as", into: &bgp.routerAS, .integer(1...4_294_967_294, "a number"))
            return bgp
        }
    }

    /// `vrrp`.
    fileprivate func vrrpSettings() -> VRRPSettings? {
        mapping { keys in
            let id = keys.required("id", .integer(1...255, "a number"))
            let address = keys.required("address", .address)
            var interface: String?
            keys.read("interface", into: &interface, .device)
            guard let id, let address else { return nil }
            return VRRPSettings(id: id, address: address, interface: interface)
        }
    }

    fileprivate func meshSettings() -> VXLANSettings? {
        mapping { keys in
            let id = keys.required("id", .integer(1...0xFF_FFFF))
            let network = keys.required("network", .prefix)
            var mesh = VXLANSettings(id: id ?? 0, network: network ?? Keys.noNetwork)
            keys.readMeshOptions(into: &mesh)
            return mesh
        }
    }

    /// One entry of `vxlan.endpoints`.
    fileprivate func meshEndpoint(_ node: String) -> VXLANEndpoint {
        let read = mapping { keys in
            var endpoint = VXLANEndpoint(node: node)
            keys.read("address", into: &endpoint.address, .address)
            keys.read("mac", into: &endpoint.mac, .mac)
            return endpoint
        }
        return read ?? VXLANEndpoint(node: node)
    }

    /// `masquerade`, `node`, an address, or a list of addresses.
    fileprivate func sourceTranslation() -> SourceTranslation? {
        if case .scalar(let text) = node.content {
            if text == "masquerade" { return .masquerade }
            if text == "node" { return .nodeAddress }
            guard let address = IPAddress(text) else {
                let suggestion = nearestSpelling(of: text, among: ["masquerade", "node"])
                fail(expected: "masquerade, node, or an address", suggestion: suggestion)
                return nil
            }
            return .addresses([address])
        }
        return list(of: .address).map { .addresses($0) }
    }
}

extension Keys {
    /// Stands for a network that could not be read.
    fileprivate static let noNetwork = IPPrefix(only: IPAddress(v4: 0))

    /// `from` and `to`, or `between`.
    fileprivate mutating func ends() -> PathEnds {
        if has("between") {
            refuse(["from", "to"], "expected either \"between\" or \"from\" and \"to\"")
            return .mutual(value(of: "between") { $0.list(of: .reference) } ?? [])
        }
        let from = required("from", "a site or a cluster, or \"between\" and a list of clusters") {
            $0.read(.reference)
        }
        let to = required("to", "the cluster that is reached") { $0.read(.reference) }
        _ = value(of: "between") { $0.list(of: .reference) }
        return .oneWay(from: from ?? "", to: to ?? "")
    }

    /// The settings of `via: relay`; read in any case, so that every mistake in them is reported.
    fileprivate mutating func relaySettings(isDue: Bool) -> RelaySettings {
        let expected = "the hosts that forward"
        let relays =
            isDue
            ? required("relays", expected) { $0.list { $0.relay() } }
            : value(of: "relays") { $0.list { $0.relay() } }
        var source = SourceWord.snat
        read("source", into: &source, .word)
        var translation: SourceTranslation?
        read("snat", into: &translation) { $0.sourceTranslation() }
        if source != .snat {
            refuse(
                ["snat"],
                "which means nothing with \"source: \(source.rawValue)\"; expected \"source: snat\"")
        }
        var endpoint: String?
        read("endpoint", into: &endpoint, .reference)
        var failover = Failover.agent
        var preference = RelayPreference.stay
        read("failover", into: &failover, .word)
        read("prefer", into: &preference, .word)
        let bgp = value(of: "bgp") { $0.bgpSettings() }
        let vrrp = value(of: "vrrp") { $0.vrrpSettings() }
        if failover != .bgp { refuse(["bgp"], "which goes only with \"failover: bgp\"") }
        if failover != .vrrp { refuse(["vrrp"], "which goes only with \"failover: vrrp\"") }
        if failover == .vrrp { _ = required("vrrp", "a mapping with \"id\" and \"address\"") { _ in true } }
        var settings = RelaySettings(
            relays: relays ?? [], source: source.source(translation ?? .masquerade), endpoint: endpoint)
        settings.failover = failover
        settings.preference = preference
        settings.bgp = bgp ?? BGPSettings()
        settings.vrrp = vrrp
        return settings
    }

    /// The settings of `via: vxlan`.
    fileprivate mutating func mesh(isDue: Bool) -> VXLANSettings {
        let mesh =
            isDue
            ? required("vxlan", "a mapping with \"id\" and \"network\"") { $0.meshSettings() }
            : value(of: "vxlan") { $0.meshSettings() }
        return mesh ?? VXLANSettings(id: 0, network: Self.noNetwork)
    }

    /// The optional keys of `vxlan`.
    fileprivate mutating func readMeshOptions(into mesh: inout VXLANSettings) {
        read("port", into: &mesh.port, .port)
        read("device", into: &mesh.device, .device)
        read("underlay", into: &mesh.underlay, .device)
        read("mtu", into: &mesh.mtu, .integer(1280...65_450, "a number of octets"))
        read("endpoints", into: &mesh.endpoints) { $0.entries(named: .reference) { $1.meshEndpoint($0) } }
    }

    /// `targets`.
    fileprivate mutating func targets() -> PathTargets {
        var words = Target.allCases
        read("targets", into: &words) { $0.list(of: .word) }
        return PathTargets(pods: words.contains(.pods), services: words.contains(.services))
    }

    /// Refuses keys of another `via`.
    fileprivate mutating func refuseKeys(strangeTo via: Via) {
        if via != .relay {
            refuse(
                ["relays", "source", "snat", "endpoint", "failover", "prefer", "bgp", "vrrp"],
                "which goes only with \"via: relay\"")
        }
        if via != .vxlan { refuse(["vxlan"], "which goes only with \"via: vxlan\"") }
    }
}
