import IPAddressing
import JSON
import NetworkModel

/// Numbers that follow from a seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension RandomNetwork {
    /// A network of up to six settings.
    static func random(_ numbers: inout SeededNumbers, _ family: AddressFamily = .v4) -> RandomNetwork {
        let targets: [(String, UInt16)] = [
            ("10.9.0.1", 9400), ("10.0.4.2", 9400), ("10.0.5.2", 9400), ("10.96.0.1", 80), ("10.96.0.1", 80),
            ("10.200.0.1", 9400),
        ]
        let target = targets[Int.random(in: targets.indices, using: &numbers)]
        var features: [Feature] = []
        if target.0 == "10.96.0.1" {
            let host = ["a", "b", "d"].draw(&numbers)
            let isWhole = Int.random(in: 0..<3, using: &numbers) > 0
            features.append(isWhole ? kubeProxy(host, &numbers) : service(host, &numbers))
        }
        if target.0 == "10.200.0.1" { features += mapped(["a", "b"].draw(&numbers), &numbers) }
        for _ in 0..<Int.random(in: 0...5, using: &numbers) { features.append(feature(&numbers)) }
        if Int.random(in: 0..<6, using: &numbers) == 0 { features += mesh(&numbers) }
        let hasMesh = features.contains { $0.kind == .mesh }
        var network = RandomNetwork(features: features, target: target, family: family)
        // How a tunnel learns that its own packets are too large is not examined here.
        if Int.random(in: 0..<4, using: &numbers) == 0, !hasMesh {
            let cable = Int.random(in: cables.indices, using: &numbers)
            network.narrow = (cable, [1_280, 1_399, 1_400].draw(&numbers))
        }
        return network
    }

    private static func feature(_ numbers: inout SeededNumbers) -> Feature {
        let host = ["a", "a", "b", "b", "d", "s"].draw(&numbers)
        switch Int.random(in: 0..<17, using: &numbers) {
        case 13: return hostFirewall(&numbers)
        case 14, 15: return ownTable(["a", "b", "d"].draw(&numbers), &numbers)
        case 16: return objectHops(["a", "s"].draw(&numbers), &numbers)
        case 10, 11: return iptablesFilter(host == "s" ? "b" : host, &numbers)
        case 12: return severalHops(["a", "s"].draw(&numbers), &numbers)
        case 0: return routing(host, &numbers)
        case 1: return reversePath(host, &numbers)
        case 2: return Int.random(in: 0..<3, using: &numbers) == 0 ? switching(host, &numbers) : routing(host, &numbers)
        case 3, 4: return policy(host, &numbers)
        case 5, 6: return sourceTranslation(host == "s" ? "b" : host, &numbers)
        case 7: return marking(host, &numbers)
        default: return filter(host, &numbers)
        }
    }

    // MARK: - Routes

    private static let prefixes = [
        "10.0.1.0/24", "10.9.0.0/16", "10.9.0.1/32", "10.0.4.0/24", "10.0.5.2/32", "10.96.0.0/16", "10.0.2.0/24", "10.0.1.2/32",
    ]

    private static func gateway(_ host: String, _ numbers: inout SeededNumbers) -> String {
        let gateways = [
            "a": ["10.0.2.2", "10.0.3.2", "10.0.1.2"], "b": ["10.0.2.1", "10.0.4.2"], "d": ["10.0.3.1", "10.0.5.2"],
            "s": ["10.0.4.1", "10.0.5.1"],
        ]
        return (gateways[host] ?? ["10.0.1.1"]).draw(&numbers)
    }

    private static func routing(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let prefix = prefixes.draw(&numbers)
        let hop: String? = Int.random(in: 0..<6, using: &numbers) == 0 ? nil : gateway(host, &numbers)
        return Feature(
            kind: .route, host: host, description: "\(host): route \(prefix) \(hop.map { "via \($0)" } ?? "blackhole")"
        ) { state in
            let route = route(prefix, hop, of: state)
            state.routes.removeAll { $0.destination == route.destination && $0.routeProtocol == 4 && $0.table == 254 }
            guard !state.routes.contains(where: { $0.destination == route.destination && $0.table == 254 }) else { return }
            state.routes.append(route)
        }
    }

    private static func policy(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let hop: String? = Int.random(in: 0..<5, using: &numbers) == 0 ? nil : gateway(host, &numbers)
        let selector = Int.random(in: 0..<5, using: &numbers)
        let prefix = (try? IPPrefix(parsing: prefixes.draw(&numbers)))
        let device = (addresses[host] ?? []).map(\.device).filter { $0 != "lo" }.draw(&numbers)
        let isInverted = Int.random(in: 0..<6, using: &numbers) == 0
        return Feature(
            kind: .policyRule, host: host,
            description:
                "\(host): rule \(selector) \(prefix?.description ?? "") \(device) not \(isInverted) table 100"
                + " via \(hop ?? "blackhole")"
        ) { state in
            var rule = PolicyRule(
                family: .v4, priority: 100 + state.policyRules.count, action: .lookup(table: 100), ruleProtocol: 0)
            switch selector {
            case 0: rule.source = prefix
            case 1: rule.destination = prefix
            case 2: rule.inDevice = device
            default: rule.mark = PolicyRule.Mark(value: 7)
            }
            rule.isInverted = isInverted
            state.policyRules.append(rule)
            guard !state.routes.contains(where: { $0.table == 100 }) else { return }
            state.routes.append(route("0.0.0.0/0", hop, table: 100, of: state))
        }
    }

    private static func reversePath(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        set(.reversePathFilter, [1, 1, 2].draw(&numbers), host, &numbers)
    }

    private static func switching(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let device = (addresses[host] ?? []).map(\.device).filter { $0 != "lo" }.draw(&numbers)
        return Feature(kind: .forwardingSwitch, host: host, description: "\(host): forwarding \(device) = 0") { state in
            state.settings[KernelSetting(family: .v4, device: device, name: .forwarding)] = 0
        }
    }

    private static func set(_ name: KernelSetting.Name, _ value: Int, _ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let device = ((addresses[host] ?? []).map(\.device).filter { $0 != "lo" } + ["all"]).draw(&numbers)
        return Feature(kind: .reversePath, host: host, description: "\(host): \(name.rawValue) \(device) = \(value)") { state in
            state.settings[KernelSetting(family: .v4, device: device, name: name)] = value
        }
    }

    // MARK: - Rules

    private static func object(_ members: [(key: String, value: JSONValue)]) -> JSONValue { .object(members) }

    static func match(_ left: JSONValue, _ right: JSONValue, _ sign: String = "==") -> JSONValue {
        object([("match", object([("op", .string(sign)), ("left", left), ("right", right)]))])
    }

    static func prefix(_ text: String) -> JSONValue {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let length = Int(parts[1]), length < 32 else { return .string(String(parts[0])) }
        return object([("prefix", object([("addr", .string(String(parts[0]))), ("len", .integer(length))]))])
    }

    static func payload(_ name: String, _ field: String) -> JSONValue {
        object([("payload", object([("protocol", .string(name)), ("field", .string(field))]))])
    }

    private static func meta(_ key: String) -> JSONValue { object([("meta", object([("key", .string(key))]))]) }

    private static func condition(_ host: String, _ numbers: inout SeededNumbers) -> JSONValue {
        let device = JSONValue.string((addresses[host] ?? []).map(\.device).filter { $0 != "lo" }.draw(&numbers))
        let sign = ["==", "==", "!="].draw(&numbers)
        switch Int.random(in: 0..<10, using: &numbers) {
        case 8: return match(payload("icmp", "type"), .string(["echo-request", "echo-reply"].draw(&numbers)), sign)
        case 0: return match(payload("ip", "saddr"), prefix(prefixes.draw(&numbers)), sign)
        case 1: return match(payload("ip", "daddr"), prefix(prefixes.draw(&numbers)), sign)
        case 2: return match(meta("iifname"), device, sign)
        case 3: return match(meta("oifname"), device, sign)
        case 4: return match(payload("tcp", "dport"), .integer([80, 9400].draw(&numbers)), sign)
        case 5:
            let state = JSONValue.string(["new", "established", "invalid"].draw(&numbers))
            return match(object([("ct", object([("key", .string("state"))]))]), state, "in")
        case 6: return match(meta("mark"), .integer([0, 7].draw(&numbers)), sign)
        case 7:
            let key = object([("ct", object([("key", .string("ip daddr")), ("dir", .string("original"))]))])
            return match(key, .string(["10.96.0.1", "10.9.0.1", "10.0.4.2"].draw(&numbers)))
        default:
            return match(
                object([("ct", object([("key", .string("direction"))]))]), .string(["original", "reply"].draw(&numbers)))
        }
    }

    /// The protocol above IP that a condition asks for; nil if it asks for none.
    private static func transport(of condition: JSONValue) -> String? {
        let name = condition["match"]?["left"]?["payload"]?["protocol"]?.string
        return name == "ip" ? nil : name
    }

    /// Adds a base chain with rules to the table of the lab.
    static func chain(
        _ state: inout HostState, _ type: String, _ hook: String, _ priority: Int, policy: String = "accept",
        _ rules: [[JSONValue]]
    ) {
        let (family, table) = ([("family", JSONValue.string("ip"))], JSONValue.string("lab"))
        if state.foreignItems.isEmpty { state.foreignItems.append(object([("table", object(family + [("name", table)]))])) }
        let name = JSONValue.string("c\(state.foreignItems.count)")
        state.foreignItems.append(
            object([
                (
                    "chain",
                    object(
                        family + [
                            ("table", table), ("name", name), ("type", .string(type)), ("hook", .string(hook)),
                            ("prio", .integer(priority)), ("policy", .string(policy)),
                        ])
                )
            ]))
        for rule in rules {
            state.foreignItems.append(
                object([("rule", object(family + [("table", table), ("chain", name), ("expr", .array(rule))]))]))
        }
    }

    private static func filter(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let hook = ["forward", "forward", "prerouting", "input", "postrouting", "output"].draw(&numbers)
        let priority = [-300, -150, -99, 0, 50, 101].draw(&numbers)
        var parts = [condition(host, &numbers)]
        if Bool.random(using: &numbers) {
            let other = condition(host, &numbers)
            // nft refuses rules for packets of two protocols.
            if Set((parts + [other]).compactMap(transport(of:))).count < 2 { parts.append(other) }
        }
        let dropsRest = Int.random(in: 0..<3, using: &numbers) == 0
        let verdict = object([(dropsRest ? "accept" : "drop", .null)])
        let rule = parts + [verdict]
        return Feature(
            kind: .filter, host: host,
            description: "\(host): \(hook) \(priority) policy drop \(dropsRest): \(JSONValue.array(rule))"
        ) { state in
            chain(&state, "filter", hook, priority, policy: dropsRest ? "drop" : "accept", [rule])
        }
    }

    private static func marking(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let isOutput = host == "s" && Bool.random(using: &numbers)
        let key = meta("mark")
        let set = object([("mangle", object([("key", key), ("value", .integer(7))]))])
        let rule = [condition(host, &numbers), set]
        return Feature(kind: .mark, host: host, description: "\(host): mark \(isOutput): \(JSONValue.array(rule))") { state in
            chain(&state, isOutput ? "route" : "filter", isOutput ? "output" : "prerouting", -150, [rule])
        }
    }

    private static func sourceTranslation(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let own = (addresses[host] ?? []).filter { $0.device != "lo" }.draw(&numbers).address
        let action: JSONValue =
            Bool.random(using: &numbers)
            ? object([("masquerade", .null)]) : object([("snat", object([("addr", .string(own))]))])
        let rule = [condition(host, &numbers), action]
        let priority = [99, 100, 101].draw(&numbers)
        return Feature(kind: .sourceTranslation, host: host, description: "\(host): nat \(priority): \(JSONValue.array(rule))") {
            state in
            chain(&state, "nat", "postrouting", priority, [rule])
        }
    }

    private static func service(_ host: String, _ numbers: inout SeededNumbers) -> Feature {
        let pod = ["10.9.0.1", "10.0.4.2", "10.0.5.2"].draw(&numbers)
        let rule = [
            match(payload("ip", "daddr"), .string("10.96.0.1")), match(payload("tcp", "dport"), .integer(80)),
            object([("dnat", object([("addr", .string(pod)), ("port", .integer(9400))]))]),
        ]
        return Feature(kind: .service, host: host, description: "\(host): service to \(pod)") { state in
            chain(&state, "nat", "prerouting", -100, [rule])
        }
    }

    private static func mapped(_ host: String, _ numbers: inout SeededNumbers) -> [Feature] {
        let pairs = JSONValue.object([
            ("set", .array([.array([prefix("10.200.0.0/16"), prefix("10.9.0.0/16")])]))
        ])
        let target = object([
            ("family", .string("ip")), ("addr", object([("map", object([("key", payload("ip", "daddr")), ("data", pairs)]))])),
            ("flags", .string("netmap")), ("type_flags", .string("prefix")),
        ])
        let rule = [match(payload("ip", "daddr"), prefix("10.200.0.0/16")), object([("dnat", target)])]
        let lead = Feature(kind: .map, host: "a", description: "a: route 10.200.0.0/16 via 10.0.2.2") { state in
            state.routes.append(route("10.200.0.0/16", "10.0.2.2", of: state))
        }
        return [
            lead,
            Feature(kind: .map, host: host, description: "\(host): map") { state in
                chain(&state, "nat", "prerouting", -100, [rule])
            },
        ]
    }
}

extension Array {
    /// One of the elements; there is at least one.
    func draw(_ numbers: inout SeededNumbers) -> Element { self[Int.random(in: indices, using: &numbers)] }
}
