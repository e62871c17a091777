import Foundation
import IPAddressing
import JSON
import NetworkModel
import PacketPath
import Testing

/// A relay that is a node, with an office on `eth1`, pods of its own and of other nodes.
enum TestHost {
    /// - Parameter rules: Files of `RuleSets`: `.json` is what `nft -j list ruleset` prints, `.save` what
    ///   `iptables-save` does.
    static func state(_ rules: String...) throws -> HostState {
        var state = HostState()
        for (device, text) in [
            ("lo", "127.0.0.1/8"), ("eth0", "192.168.5.11/24"), ("eth1", "172.16.0.2/18"), ("docker0", "172.17.0.1/16"),
            ("wt0", "100.92.0.5/16"), ("tailscale0", "100.101.102.103/32"),
        ] {
            let parts = text.split(separator: "/")
            let address = InterfaceAddress(
                device: device, address: try address(String(parts[0])), length: try #require(Int(parts[1])))
            state.addresses.append(address)
            state.links.append(Link(name: device, kind: .other("")))
            if let route = address.connectedRoute { state.routes.append(route) }
        }
        for (prefix, gateway, device) in [
            ("0.0.0.0/0", "192.168.5.1", "eth0"), ("10.244.2.0/24", "192.168.5.12", "tunl0"),
            ("10.244.1.5/32", nil, "cali0ef24ba"), ("10.244.1.6/32", nil, "cali1db7cc2"), ("10.50.0.0/16", nil, "eth0"),
            ("100.64.0.0/10", nil, "tailscale0"),
        ] as [(String, String?, String)] {
            state.routes.append(
                Route(
                    destination: try IPPrefix(parsing: prefix), routeProtocol: 4,
                    nextHops: [NextHop(gateway: gateway.flatMap { IPAddress($0) }, device: device)]))
        }
        for name in rules {
            let text = try read(name)
            if name.hasSuffix(".json") {
                state.foreignItems += try FilterTable.items(ruleset: Array(text.utf8))
            } else {
                state.iptables.append(IPTablesState(family: .v4, saved: text))
            }
        }
        return state
    }

    static func read(_ name: String) throws -> String {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "RuleSets")
        return String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }

    static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text), "\(text)") }

    /// A flow as in `tcp 172.16.3.50 > 10.96.0.10 = 10.244.2.8 : 80`: `=` precedes the destination that it is translated to, `:`
    /// before the port. Devices are those that routes lead to.
    static func flow(_ text: String, on state: HostState) throws -> Flow {
        let words = text.split(separator: " ").map { String($0) }
        let source = try address(words[1])
        let destination = try address(words[3])
        func word(after sign: String) -> String? {
            words.firstIndex(of: sign).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        let port = try word(after: ":").map { try #require(Int($0)) } ?? 18_443
        let packet = Packet(from: source, to: destination, transport: words[0], ports: (47_001, port))
        var inside = packet
        if let translated = word(after: "=") { inside.destination = try address(translated) }
        let routes = RouteLookup(state)
        func device(_ address: IPAddress) -> String? {
            routes.decide(RouteLookup.Query(address))?.route?.nextHops.first?.device
        }
        var flow = Flow(
            packet, inside: inside, inDevice: word(after: "in") ?? device(source),
            outDevice: device(inside.destination))
        if words.contains("balanced") { flow.course = .balanced }
        if words.contains("local") { flow.course = .delivered }
        if words.contains("established") { flow = flow.established }
        if words.contains("reply") { flow = flow.reply }
        return flow
    }

    /// What becomes of a flow, as in `accept`, `drop PLACE`, `unknown PLACE`.
    static func outcome(_ text: String, on state: HostState) throws -> String {
        let walk = PacketWalk(PacketRules(state), routes: RouteLookup(state))
        switch walk.trace(try flow(text, on: state)).verdict {
        case .accepted: return "accept"
        case .dropped(let place): return "drop \(place)"
        case .unknown(let place): return "unknown \(place)"
        }
    }
}
