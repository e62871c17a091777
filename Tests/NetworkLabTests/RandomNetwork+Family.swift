import IPAddressing
import JSON
import NetworkModel

// A random network is written with addresses of IPv4; the same network in IPv6 has them in the last 32 bits of fd00::/96.

extension IPAddress {
    /// The address that stands for one of IPv4.
    var inV6: IPAddress { IPAddress(family: .v6, bits: UInt128(0xFD00) << 112 | bits) }
}

extension IPPrefix {
    /// The prefix that stands for one of IPv4; all of IPv6 for all of IPv4.
    var inV6: IPPrefix {
        if length == 0 { return IPPrefix(around: IPAddress(family: .v6, bits: 0), length: 0) ?? self }
        return IPPrefix(around: address.inV6, length: length + 96) ?? self
    }
}

extension HostState {
    /// The same host in IPv6. Devices have no switch for forwarding of their own there, and no filter of sources.
    var inV6: HostState {
        var state = self
        state.addresses = addresses.map {
            InterfaceAddress(device: $0.device, address: $0.address.inV6, length: $0.length + 96)
        }
        state.routes = routes.map { route in
            var route = route
            route.destination = route.destination.inV6
            route.source = route.source?.inV6
            route.nextHops = route.nextHops.map { hop in
                var hop = hop
                hop.gateway = hop.gateway?.inV6
                return hop
            }
            return route
        }
        state.policyRules = policyRules.map { rule in
            var rule = rule
            rule.family = .v6
            rule.source = rule.source?.inV6
            rule.destination = rule.destination?.inV6
            return rule
        }
        state.settings = [KernelSetting(family: .v6, device: "all", name: .forwarding): 1]
        state.foreignItems = foreignItems.map(\.inV6)
        state.putObjectsInV6(of: self)
        state.iptables = iptables.map { tables in
            let text = RandomNetwork.iptablesText(tables).split(separator: "\n", omittingEmptySubsequences: false)
            let mapped = text.map { $0.split(separator: " ").map { RandomNetwork.wordInV6(String($0)) }.joined(separator: " ") }
            return IPTablesState(family: .v6, saved: mapped.joined(separator: "\n"))
        }
        return state
    }
}

extension RandomNetwork {
    /// A word of iptables: an address, a prefix, or an address with a port, else itself.
    static func wordInV6(_ word: String) -> String {
        if let prefix = try? IPPrefix(parsing: word), word.contains("/") { return "\(prefix.inV6)" }
        if let address = IPAddress(word) { return "\(address.inV6)" }
        let parts = word.split(separator: ":")
        if parts.count == 2, let address = IPAddress(String(parts[0])) { return "[\(address.inV6)]:\(parts[1])" }
        return word
    }

    /// What `iptables-restore` reads: builtin chains with their policies, others, and rules.
    static func iptablesText(_ state: IPTablesState) -> String {
        var tables: [String] = []
        for chain in state.chains where !tables.contains(chain.table) { tables.append(chain.table) }
        return tables.map { table in
            let chains = state.chains.filter { $0.table == table }
            let names = chains.map { ":\($0.name) \($0.policy ?? "-") [0:0]" }
            let rules = chains.flatMap(\.rules).map { "-A \($0)" }
            return (["*\(table)"] + names + rules + ["COMMIT"]).joined(separator: "\n") + "\n"
        }.joined()
    }
}

extension JSONValue {
    /// Rules of nft in the other family.
    fileprivate var inV6: JSONValue {
        switch self {
        case .string("ip"): return .string("ip6")
        case .string("icmp"): return .string("icmpv6")
        case .string(let text):
            if text.hasPrefix("ip ") { return .string("ip6 " + text.dropFirst(3)) }
            return IPAddress(text).map { .string("\($0.inV6)") } ?? self
        case .array(let elements): return .array(elements.map(\.inV6))
        case .object(let members):
            return .object(
                members.map { member in
                    // The length of a prefix.
                    if member.key == "len", case .integer(let length) = member.value { return ("len", .integer(length + 96)) }
                    return (member.key, member.value.inV6)
                })
        default: return self
        }
    }
}
