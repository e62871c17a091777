import IPAddressing
import JSON
import NetworkModel

// What programs do to packets: kube-proxy in two modes, firewalls of iptables, routes with several next hops.

extension RandomNetwork {
    /// The pods that may stand behind a service.
    private static let pods = ["10.9.0.1", "10.0.4.2", "10.0.5.2"]

    /// kube-proxy as it translates the service on a host, in one of its modes.
    static func kubeProxy(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let first = pods.draw(&numbers)
        let others = pods.filter { $0 != first }
        let chosen = Bool.random(using: &numbers) ? [first] : [first, others.draw(&numbers)]
        let hiding = Hiding.allCases.draw(&numbers)
        let isOld = Bool.random(using: &numbers)
        return Feature(
            kind: .kubeProxy, host: host,
            description: "\(host): kube-proxy \(isOld ? "iptables" : "nftables") to \(chosen) hides \(hiding.rawValue)"
        ) { state in
            if isOld {
                guard state.iptables.isEmpty else { return }
                state.iptables = [IPTablesState(family: .v4, saved: iptablesProxy(chosen, hiding))]
            } else {
                addProxy(to: &state, chosen, hiding)
            }
        }
    }

    /// The sources that kube-proxy hides behind the node.
    private enum Hiding: String, CaseIterable { case none, all, outsiders, insiders }

    /// The rules of kube-proxy's iptables mode.
    private static func iptablesProxy(_ pods: [String], _ hiding: Hiding) -> String {
        let condition: String? =
            switch hiding {
            case .none: nil
            case .all: ""
            case .outsiders: "! -s 10.9.0.0/16 "
            case .insiders: "-s 10.0.1.0/24 "
            }
        var lines = [
            "*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":KUBE-SERVICES - [0:0]", ":KUBE-SVC-X - [0:0]",
            ":KUBE-MARK-MASQ - [0:0]", ":KUBE-POSTROUTING - [0:0]",
        ]
        lines += pods.indices.map { ":KUBE-SEP-\($0) - [0:0]" }
        lines += [
            "-A PREROUTING -j KUBE-SERVICES", "-A POSTROUTING -j KUBE-POSTROUTING",
            "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X",
        ]
        if let condition { lines.append("-A KUBE-SVC-X \(condition)-p tcp -j KUBE-MARK-MASQ") }
        for index in pods.indices {
            let left = pods.count - index
            let share = left > 1 ? "-m statistic --mode random --probability 0.\(10_000 / left)0000 " : ""
            lines.append("-A KUBE-SVC-X \(share)-j KUBE-SEP-\(index)")
            lines.append("-A KUBE-SEP-\(index) -s \(pods[index])/32 -j KUBE-MARK-MASQ")
            lines.append("-A KUBE-SEP-\(index) -p tcp -m tcp -j DNAT --to-destination \(pods[index]):9400")
        }
        lines += [
            "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
            "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
            "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0", "-A KUBE-POSTROUTING -j MASQUERADE", "COMMIT",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The rules of kube-proxy's nftables mode: a map of services, chains of endpoints that are drawn, a mark.
    private static func addProxy(to state: inout HostState, _ pods: [String], _ hiding: Hiding) {
        let mark = JSONValue.object([("meta", .object([("key", .string("mark"))]))])
        func operation(_ sign: String) -> JSONValue { .object([(sign, .array([mark, .integer(0x4000)]))]) }
        func set(_ value: JSONValue) -> JSONValue { .object([("mangle", .object([("key", mark), ("value", value)]))]) }
        let masked = match(operation("&"), .integer(0x4000), "!=")
        let hide = set(operation("|"))
        var marking: [[JSONValue]] =
            switch hiding {
            case .none: []
            case .all: [[hide]]
            case .outsiders: [[match(payload("ip", "saddr"), prefix("10.9.0.0/16"), "!="), hide]]
            case .insiders: [[match(payload("ip", "saddr"), prefix("10.0.1.0/24")), hide]]
            }
        let target = JSONValue.object([
            ("numgen", .object([("mode", .string("random")), ("mod", .integer(pods.count)), ("offset", .integer(0))]))
        ])
        let choices = pods.indices.map { index -> JSONValue in
            .array([.integer(index), .object([("goto", .object([("target", .string("endpoint\(index)"))]))])])
        }
        marking.append([
            .object([("vmap", .object([("key", target), ("data", .object([("set", .array(choices))]))]))])
        ])
        for (index, pod) in pods.enumerated() {
            let dnat = JSONValue.object([("dnat", .object([("addr", .string(pod)), ("port", .integer(9400))]))])
            let isTCP = match(.object([("meta", .object([("key", .string("l4proto"))]))]), .string("tcp"))
            bareChain(&state, "endpoint\(index)", [[match(payload("ip", "saddr"), .string(pod)), hide], [isTCP, dnat]])
        }
        bareChain(&state, "service", marking)
        let jump = JSONValue.object([("jump", .object([("target", .string("service"))]))])
        let service = [match(payload("ip", "daddr"), .string("10.96.0.1")), match(payload("tcp", "dport"), .integer(80)), jump]
        chain(&state, "nat", "prerouting", -100, [service])
        let bare = [masked, JSONValue.object([("return", .null)])]
        chain(&state, "nat", "postrouting", 100, [bare, [set(operation("^"))], [.object([("masquerade", .null)])]])
    }

    /// Adds a chain that others jump to.
    private static func bareChain(_ state: inout HostState, _ name: String, _ rules: [[JSONValue]]) {
        let place: [(key: String, value: JSONValue)] = [("family", .string("ip")), ("table", .string("lab"))]
        if state.foreignItems.isEmpty {
            state.foreignItems.append(.object([("table", .object([("family", .string("ip")), ("name", .string("lab"))]))]))
        }
        state.foreignItems.append(.object([("chain", .object(place + [("name", .string(name))]))]))
        for rule in rules {
            state.foreignItems.append(
                .object([("rule", .object(place + [("chain", .string(name)), ("expr", .array(rule))]))]))
        }
    }

    // MARK: - Firewalls and routes

    /// A firewall of iptables that accepts some forwarded packets and drops the rest, as Docker and ufw make it.
    static func iptablesFilter(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let devices = (addresses[host] ?? []).map(\.device).filter { $0 != "lo" }
        let device = devices.draw(&numbers)
        let conditions = [
            "-i \(device)", "! -i \(device)", "-o \(device)", "-s 10.0.1.0/24", "-d 10.9.0.0/16", "-p tcp -m tcp --dport 9400",
            "-m conntrack --ctstate RELATED,ESTABLISHED", "-m mark --mark 0x7", "-m conntrack --ctstate INVALID",
            "-p tcp -m multiport --dports 80,9400", "! -d 10.0.5.2/32",
        ]
        let lines = (0..<Int.random(in: 1...4, using: &numbers)).map { _ in
            "-A \(["FORWARD", "FORWARD", "USER"].draw(&numbers)) \(conditions.draw(&numbers))"
                + " -j \(["ACCEPT", "ACCEPT", "DROP", "RETURN", "USER"].draw(&numbers))"
        }.map { $0.hasPrefix("-A USER") && $0.hasSuffix("USER") ? "-A USER -j RETURN" : $0 }
        let policy = ["DROP", "ACCEPT"].draw(&numbers)
        return Feature(kind: .iptables, host: host, description: "\(host): iptables FORWARD \(policy) \(lines)") { state in
            guard state.iptables.isEmpty else { return }
            let text = (["*filter", ":FORWARD \(policy) [0:0]", ":USER - [0:0]"] + lines + ["COMMIT"]).joined(separator: "\n")
            state.iptables = [IPTablesState(family: .v4, saved: text + "\n")]
        }
    }

    /// A route by two gateways, of which the kernel takes one for each connection.
    static func severalHops(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let prefix = ["10.9.0.0/16", "10.0.1.0/24", "10.96.0.0/16"].draw(&numbers)
        let hops = ["a": ["10.0.2.2", "10.0.3.2"], "s": ["10.0.4.1", "10.0.5.1"]][host] ?? []
        return Feature(kind: .severalHops, host: host, description: "\(host): route \(prefix) via \(hops)") { state in
            let routes = hops.map { route(prefix, $0, of: state) }
            guard var merged = routes.first else { return }
            merged.nextHops = routes.flatMap(\.nextHops)
            guard !state.routes.contains(where: { $0.destination == merged.destination && $0.routeProtocol == 2 }) else { return }
            state.routes.removeAll { $0.destination == merged.destination && $0.table == 254 }
            state.routes.append(merged)
        }
    }
}
