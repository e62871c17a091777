import IPAddressing
import Inventory
import JSON
import NetworkModel
import PacketPath
import PathExplanation
import Testing

/// Every code of namebridge-explain(8) has a network in which it is the answer, with a fix where packets do not arrive.
@Suite struct EachCodeTests {
    @Test(arguments: PathCode.allCases) func `the code is the answer of a network`(_ code: PathCode) throws {
        let example = try Self.example(of: code)
        let explanation = try example.explanation()
        let text = ExplanationText(explanation).lines.map(\.text).joined(separator: "\n")
        #expect(explanation.code == code, "\(text)")
        #expect(explanation.fix.isEmpty == (code == .sourceBecomes), "\(text)")
        if let host = example.host { #expect(explanation.decision?.host == host, "\(text)") }
        let line = ExplanationText(explanation).brief.first?.text ?? ""
        #expect(line.contains("(\(code.rawValue))"), "\(line)")
        #expect(explanation.json["code"]?.string == code.rawValue)
    }

    @Test(arguments: [
        (PathStep.SourceFault.anotherDevice, "sysctl -w net.ipv4.conf.eth0.rp_filter=2"),
        (.noRoute, "enter a route to 172.16.0.9 there"),
    ])
    func `a source that is refused has the fix of its cause`(_ fault: PathStep.SourceFault, _ fix: String) throws {
        let example = Example(file: Self.office, from: "office/172.16.0.9", to: "prod/10.244.2.9", host: "relay1") { state in
            let isStrict = fault == .anotherDevice
            state.settings[KernelSetting(family: .v4, device: "eth0", name: .reversePathFilter)] = isStrict ? 1 : 2
            state.links.append(Link(name: "other", kind: .other("")))
            state.routes.append(try Self.route("172.16.0.0/18", device: "other", kind: isStrict ? .unicast : .blackhole))
        }
        let explanation = try example.explanation()
        #expect(explanation.code == .reversePathFilter && explanation.fix.contains(fix), "\(explanation.fix)")
    }

    /// A question, the file, and what was observed of one host.
    private struct Example {
        var file: String
        var from: String
        var to: String
        var size = 60
        /// The host whose state differs from its plan, and is the one that decides; nil if no host was observed.
        var host: String?
        /// A further host that was observed, and lacks the way back to the office.
        var cutOff: String?
        /// What differs on `host`.
        var change: (inout HostState) throws -> Void = { _ in }

        func explanation() throws -> Explanation {
            let inventory = try CodeTests.inventory(file)
            var builder = NetworkBuilder(inventory)
            let machines = builder.network().machines
            var observed: [String: HostState] = [:]
            if let host {
                var state = try #require(machines.first { $0.name == host }).state
                try change(&state)
                observed["prod/\(host)"] = state
            }
            if let cutOff {
                var state = try #require(machines.first { $0.name == cutOff }).state
                state.routes.append(try EachCodeTests.route("172.16.0.0/18", kind: .blackhole))
                observed["prod/\(cutOff)"] = state
            }
            let question = ExplainedQuestion(
                from: try #require(ExplainedEnd(from, in: inventory)), to: try #require(ExplainedEnd(to, in: inventory)),
                size: size)
            return Explanation(question, in: inventory, observed: observed)
        }
    }

    private static func example(of code: PathCode) throws -> Example {
        switch code {
        case .noRoute, .noMasquerade, .sourceBecomes, .noReturnRoute, .replyBypassesRelay, .overlap, .notObserved, .mtu:
            try ofPaths(code)
        case .clusterIPExternalOff, .clusterIPNoEndpoint, .proxyModeUnknown, .hairpin: try ofServices(code)
        case .routeElsewhere, .forwardingOff, .reversePathFilter, .filterDrop, .dockerForward, .neighbourMissing,
            .forwardingEntryMissing, .conntrackFull:
            try ofHosts(code)
        }
    }

    // MARK: - Examples

    /// What the file's paths, or the lack of one, lead to.
    private static func ofPaths(_ code: PathCode) throws -> Example {
        switch code {
        case .noRoute: return Example(file: office.replacing(path, with: ""), from: "office", to: "prod/pods")
        case .sourceBecomes: return Example(file: office, from: "office", to: "prod/pods")
        case .noMasquerade:
            return Example(file: office, from: "office", to: "prod/10.244.2.9", host: "relay1", cutOff: "n2") {
                $0.tables = []
            }
        case .noReturnRoute:
            return Example(file: keeping, from: "office", to: "prod/10.244.2.9", cutOff: "n2")
        case .replyBypassesRelay: return Example(file: tunnel, from: "office", to: "prod/services")
        case .overlap:
            return Example(
                file: office.replacing("172.16.0.0/18", with: "10.244.0.0/20").replacing("172.16.0.1", with: "10.244.0.1")
                    .replacing(path, with: ""), from: "office", to: "prod/pods")
        case .notObserved: return Example(file: office, from: "prod/192.168.5.77", to: "prod/10.244.1.7")
        default: return Example(file: mesh, from: "prod", to: "other/pods", size: 1_500)
        }
    }

    /// What becomes of packets for services.
    private static func ofServices(_ code: PathCode) throws -> Example {
        switch code {
        case .clusterIPExternalOff:
            return Example(
                file: office.replacing("cni: calico-ipip", with: "cni: cilium").replacing("mode: iptables", with: "mode: none"),
                from: "office", to: "prod/services")
        case .proxyModeUnknown:
            return Example(
                file: office.replacing("cni: calico-ipip", with: "cni: calico-bgp")
                    .replacing("mode: iptables", with: "mode: none"), from: "office", to: "prod/services")
        case .clusterIPNoEndpoint:
            return Example(file: office, from: "prod/10.244.1.7", to: "prod/10.96.7.7", host: "n1") { state in
                state.iptables = [
                    tables(
                        "filter",
                        [
                            ":FORWARD ACCEPT [0:0]",
                            "-A FORWARD -d 10.96.7.7/32 -p tcp -m comment --comment \"shop/web:http has no endpoints\" -m tcp"
                                + " --dport 80 -j REJECT --reject-with icmp-port-unreachable",
                        ])
                ]
            }
        default:
            return Example(file: office, from: "prod/10.244.1.7", to: "prod/10.96.7.7", host: "n1") { state in
                state.iptables = [
                    tables(
                        "nat",
                        [
                            ":PREROUTING ACCEPT [0:0]",
                            "-A PREROUTING -d 10.96.7.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.7:80",
                        ])
                ]
            }
        }
    }

    /// What a host that was observed has beside its plan, or lacks.
    private static func ofHosts(_ code: PathCode) throws -> Example {
        if code == .neighbourMissing || code == .forwardingEntryMissing {
            return Example(file: mesh, from: "prod/10.244.1.7", to: "other/pods", host: "n1") { state in
                if code == .neighbourMissing { state.neighbours = [] } else { state.forwardingEntries = [] }
            }
        }
        return Example(file: office, from: "office", to: "prod/10.244.2.9", host: "relay1") { state in
            switch code {
            case .routeElsewhere: state.routes.append(try route("10.244.2.9/32", via: "192.168.5.250"))
            case .forwardingOff:
                for device in ["all", "eth0"] {
                    state.settings[KernelSetting(family: .v4, device: device, name: .forwarding)] = 0
                }
            case .reversePathFilter:
                state.links.append(Link(name: "other", kind: .other("")))
                state.routes.append(try route("172.16.0.0/18", device: "other"))
                state.settings[KernelSetting(family: .v4, device: "eth0", name: .reversePathFilter)] = 1
            case .filterDrop:
                state.foreignItems = try FilterTable.items(
                    ruleset: Array(
                        """
                        {"nftables": [{"table": {"family": "inet", "name": "site", "handle": 1}},
                        {"chain": {"family": "inet", "table": "site", "name": "fw", "type": "filter", "hook": "forward",
                                   "prio": 0, "policy": "drop"}}]}
                        """.utf8))
            case .dockerForward:
                state.iptables = [
                    tables("filter", [":FORWARD DROP [0:0]", ":DOCKER - [0:0]", "-A FORWARD -o docker0 -j DOCKER"])
                ]
            default: state.connections = ConnectionTable(count: 4_096, most: 4_096)
            }
        }
    }

    // MARK: - Parts

    private static func tables(_ name: String, _ lines: [String]) -> IPTablesState {
        IPTablesState(family: .v4, saved: (["*\(name)"] + lines + ["COMMIT"]).joined(separator: "\n") + "\n")
    }

    fileprivate static func route(
        _ prefix: String, via gateway: String? = nil, device: String = "eth0", kind: RouteKind = .unicast
    ) throws -> Route {
        let hops = kind == .unicast ? [NextHop(gateway: gateway.flatMap { IPAddress($0) }, device: device)] : []
        return Route(
            destination: try IPPrefix(parsing: prefix), kind: kind, table: Route.mainTable, routeProtocol: 4, metric: 0,
            nextHops: hops)
    }

    private static let path = "paths:\n  - { from: office, to: prod, via: relay, relays: [relay1] }\n"

    /// An office and a cluster, joined by a relay.
    private static let office = """
        clusters:
          prod:
            pods: [10.244.0.0/16]
            services: [10.96.0.0/16]
            cni: calico-ipip
            kube-proxy: { mode: iptables }
            nodes:
              n1: { address: 192.168.5.11, pods: [10.244.1.0/24] }
              n2: { address: 192.168.5.12, pods: [10.244.2.0/24] }
            hosts:
              relay1: { address: 192.168.5.60, device: eth0 }
        sites:
          office: { networks: [172.16.0.0/18], router: 172.16.0.1 }
        \(path)
        """

    private static let keeping = office.replacing("relays: [relay1]", with: "relays: [relay1], source: keep, targets: [pods]")

    /// A managed cluster behind the end of a tunnel, whose nodes keep the clients' addresses.
    private static let tunnel = """
        clusters:
          prod:
            pods: [10.10.64.0/18]
            services: [10.20.0.0/16]
            cni: vpc
            kube-proxy: { mode: iptables, masquerade-all: false }
            nodes:
              node1: { address: 10.10.0.11, pods: [10.10.64.0/24] }
              node2: { address: 10.10.0.12, pods: [10.10.65.0/24] }
            hosts: { vpn: { address: 10.10.32.5 } }
            subnets:
              nodes: { networks: [10.10.0.0/24], route-table: rt-nodes }
              pods: { networks: [10.10.64.0/18], route-table: rt-pods }
              nat: { networks: [10.10.32.0/24], route-table: rt-nat }
        sites:
          office: { networks: [192.168.40.0/22], router: 192.168.40.1 }
        paths:
          - { from: office, to: prod, via: relay, relays: [node1], endpoint: vpn, source: keep }
        """

    /// Two clusters that a segment joins.
    private static let mesh = """
        clusters:
          prod:
            pods: [10.244.0.0/16]
            cni: calico-bgp
            nodes: { n1: { address: 192.168.5.11, pods: [10.244.1.0/24] } }
          other:
            pods: [10.245.0.0/16]
            cni: calico-bgp
            nodes: { m1: { address: 192.168.5.21, pods: [10.245.1.0/24] } }
        paths:
          - { between: [prod, other], via: vxlan, vxlan: { id: 7, network: 10.255.0.0/24 } }
        """
}
