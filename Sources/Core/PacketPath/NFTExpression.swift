import IPAddressing
import JSON

/// Parses the expressions of nft's JSON: keys, values, sets of values.
enum NFTExpression {
    /// The value of a `match`.
    static func condition(_ match: JSONValue) -> Condition {
        guard let left = match["left"], let right = match["right"], let operation = match["op"]?.string else {
            return .unknown(match.description)
        }
        let keys = keys(left)
        if operation == "in", case .flags = keys[0] {
            let mask = flags(right) ?? 0
            let pattern: Pattern = mask == 0 ? .unknown : .numbers(1...UInt64(mask))
            return Condition(
                keys: [.flags(mask: mask)], set: .elements([RuleSet.Element(patterns: [pattern])]))
        }
        switch operation {
        case "==", "in": return Condition(keys: keys, set: set(right, of: keys))
        case "!=": return Condition(keys: keys, set: set(right, of: keys), isNegated: true)
        case "<", "<=", ">", ">=":
            guard let number = right.integer.flatMap({ UInt64(exactly: $0) }) else {
                return .unknown(match.description)
            }
            return Condition(keys: keys, set: comparison(operation, number))
        default: return .unknown(match.description)
        }
    }

    /// The set of numbers that a comparison accepts.
    private static func comparison(_ operation: String, _ number: UInt64) -> RuleSet {
        let range: ClosedRange<UInt64>?
        switch operation {
        case "<": range = number == 0 ? nil : 0...(number - 1)
        case "<=": range = 0...number
        case ">": range = number == .max ? nil : (number + 1)...UInt64.max
        default: range = number...UInt64.max
        }
        return .elements(range.map { [RuleSet.Element(patterns: [.numbers($0)])] } ?? [])
    }

    // MARK: Keys

    /// The keys of an expression; several for a concatenation, never empty.
    static func keys(_ json: JSONValue) -> [PacketKey] {
        if let parts = json["concat"]?.elements, !parts.isEmpty { return parts.map { key($0) } }
        return [key(json)]
    }

    /// The key of one expression; `unknown` if it is not understood.
    private static func key(_ json: JSONValue) -> PacketKey {
        guard let (kind, value) = json.onlyMember else { return .unknown(json.description) }
        let known: PacketKey? =
            switch kind {
            case "payload": payload(value["protocol"]?.string ?? "", value["field"]?.string ?? "")
            case "meta": meta(value["key"]?.string ?? "")
            case "ct": connection(value["key"]?.string ?? "", value["dir"]?.string)
            case "fib": fib(value)
            case "numgen", "jhash", "symhash": .random
            case "&": masked(value.elements ?? [])
            default: nil
            }
        return known ?? .unknown(json.description)
    }

    /// The key of a field of a header.
    private static func payload(_ name: String, _ field: String) -> PacketKey? {
        switch (name, field) {
        case ("ip", "saddr"): .address(.source, .v4)
        case ("ip", "daddr"): .address(.destination, .v4)
        case ("ip6", "saddr"): .address(.source, .v6)
        case ("ip6", "daddr"): .address(.destination, .v6)
        case ("ip", "protocol"), ("ip6", "nexthdr"): .transport
        case ("th", "sport"): .port(.source, transport: nil)
        case ("th", "dport"): .port(.destination, transport: nil)
        case (_, "sport"): .port(.source, transport: name)
        case (_, "dport"): .port(.destination, transport: name)
        case ("tcp", "flags"): .flags(mask: 0xFF)
        case ("icmp", "type"): .messageType(.v4)
        case ("icmpv6", "type"): .messageType(.v6)
        case ("icmp", _), ("icmpv6", _): .ofICMP
        default: nil
        }
    }

    /// The key of packet meta data.
    private static func meta(_ key: String) -> PacketKey? {
        switch key {
        case "iifname", "iif": .device(.incoming)
        case "oifname", "oif": .device(.outgoing)
        case "l4proto": .transport
        case "nfproto", "protocol": .family
        case "mark": .mark(mask: .max, isOfConnection: false)
        case "pkttype": .packetType
        default: nil
        }
    }

    /// The key of connection tracking.
    private static func connection(_ key: String, _ direction: String?) -> PacketKey? {
        switch (key, direction) {
        case ("state", _): .connection(.state)
        case ("status", _): .connection(.status)
        case ("direction", _): .connection(.direction)
        case ("mark", _): .mark(mask: .max, isOfConnection: true)
        case ("l4proto", _), ("protocol", _): .transport
        case ("ip saddr", "original"), ("ip6 saddr", "original"), ("saddr", "original"):
            .originalAddress(.source)
        case ("ip daddr", "original"), ("ip6 daddr", "original"), ("daddr", "original"):
            .originalAddress(.destination)
        case ("proto-src", "original"): .originalPort(.source)
        case ("proto-dst", "original"): .originalPort(.destination)
        default: nil
        }
    }

    /// The key of a route look-up.
    private static func fib(_ value: JSONValue) -> PacketKey? {
        let flags = Set((value["flags"]?.elements ?? []).compactMap(\.string))
        switch value["result"]?.string {
        case "oif", "oifname":
            guard flags.contains("saddr") else { return nil }
            return .reversePath(
                flags.contains("iif") ? .throughDevice : .loose, heedsMark: flags.contains("mark"))
        case "type":
            if flags.isSuperset(of: ["saddr"]) { return .addressType(.source) }
            return flags.contains("daddr") ? .addressType(.destination) : nil
        default: return nil
        }
    }

    /// The key of masked bits.
    private static func masked(_ parts: [JSONValue]) -> PacketKey? {
        guard parts.count == 2 else { return nil }
        switch key(parts[0]) {
        case .mark(let mask, let isOfConnection):
            guard let bits = parts[1].integer.flatMap({ UInt32(exactly: $0) }) else { return nil }
            return .mark(mask: mask & bits, isOfConnection: isOfConnection)
        case .flags: return flags(parts[1]).map { .flags(mask: $0) }
        default: return nil
        }
    }

    // MARK: Values

    /// Bits of the flags octet (RFC 9293 section 3.1).
    static func set(_ json: JSONValue, of keys: [PacketKey]) -> RuleSet {
        if let name = json.string, name.hasPrefix("@") { return .named(String(name.dropFirst())) }
        if let elements = json["set"]?.elements {
            return .elements(elements.map { element($0, of: keys) })
        }
        if let elements = json.elements, !keys.isEmpty, flags(json) == nil || !keys[0].isOfFlags {
            return .elements(elements.map { element($0, of: keys) })
        }
        return .elements([element(json, of: keys)])
    }

    /// An element of a set, or of a map with its verdict.
    static func element(_ json: JSONValue, of keys: [PacketKey]) -> RuleSet.Element {
        if let pair = json.elements, pair.count == 2, let verdict = RuleVerdict(pair[1]) {
            var element = element(pair[0], of: keys)
            element.verdict = verdict
            return element
        }
        if let value = json["elem"]?["val"] { return element(value, of: keys) }
        let parts = json["concat"]?.elements ?? [json]
        guard parts.count == keys.count else {
            return RuleSet.Element(patterns: keys.map { _ in .unknown })
        }
        return RuleSet.Element(patterns: zip(parts, keys).map { pattern($0, for: $1) })
    }

    /// The pattern of one value of a key.
    private static func pattern(_ json: JSONValue, for key: PacketKey) -> Pattern {
        if json.string == "*" { return .any }
        switch key {
        case .address, .originalAddress: return address(json) ?? .unknown
        case .port, .originalPort, .mark: return number(json) ?? .unknown
        case .flags: return flags(json).map { .numbers(UInt64($0)...UInt64($0)) } ?? .unknown
        case .transport:
            return json.string.map { .word(Transport.name($0)) }
                ?? json.integer.map { .word(Transport.name(String($0))) } ?? .unknown
        case .reversePath:
            if json.integer == 0 { return .word("missing") }
            return json.boolean.map { .word($0 ? "exists" : "missing") } ?? .unknown
        case .unknown: return .any
        case .messageType: return (json.string ?? json.integer.map { "\($0)" }).map { .word($0) } ?? .unknown
        case .connection, .device, .family, .addressType, .packetType, .ofICMP, .random, .constant:
            return json.string.map { .word($0) } ?? .unknown
        }
    }

    /// The pattern of an address, a prefix or a range of addresses.
    private static func address(_ json: JSONValue) -> Pattern? {
        if let text = json.string { return IPAddress(text).map { .prefix(IPPrefix(only: $0)) } }
        if let prefix = json["prefix"] {
            guard let address = prefix["addr"]?.string.flatMap({ IPAddress($0) }),
                let length = prefix["len"]?.integer
            else { return nil }
            return IPPrefix(around: address, length: length).map { .prefix($0) }
        }
        guard let ends = json["range"]?.elements, ends.count == 2,
            let first = ends[0].string.flatMap({ IPAddress($0) }),
            let last = ends[1].string.flatMap({ IPAddress($0) }), first.family == last.family, first <= last
        else { return nil }
        return .addresses(first...last)
    }

    /// The pattern of a number or a range of numbers.
    private static func number(_ json: JSONValue) -> Pattern? {
        if let number = json.integer.flatMap({ UInt64(exactly: $0) }) { return .numbers(number...number) }
        guard let ends = json["range"]?.elements, ends.count == 2,
            let first = ends[0].integer.flatMap({ UInt64(exactly: $0) }),
            let last = ends[1].integer.flatMap({ UInt64(exactly: $0) }), first <= last
        else { return nil }
        return .numbers(first...last)
    }

    /// The flags of TCP, by name or as a number.
    private static func flags(_ json: JSONValue) -> Int? {
        if let number = json.integer { return number }
        if let name = json.string { return Transport.flags[name] }
        guard let parts = json.elements ?? json["|"]?.elements else { return nil }
        var bits = 0
        for part in parts {
            guard let flag = flags(part) else { return nil }
            bits |= flag
        }
        return bits
    }

    // MARK: Marks

    /// The change that `meta mark set` or `ct mark set` makes.
    static func change(_ json: JSONValue, _ isOfConnection: Bool) -> MarkChange {
        if let number = json.integer.flatMap({ UInt32(exactly: $0) }) {
            return .bits(keep: 0, change: number)
        }
        if case .mark(let mask, let isOther) = key(json) {
            return isOther == isOfConnection ? .bits(keep: mask, change: 0) : .copy(mask: mask)
        }
        guard let (operation, value) = json.onlyMember, let parts = value.elements, parts.count == 2,
            let bits = parts[1].integer.flatMap({ UInt32(exactly: $0) }),
            case .bits(let keep, let change) = change(parts[0], isOfConnection)
        else { return .unknown }
        switch operation {
        case "&": return .bits(keep: keep & bits, change: change & bits)
        case "|": return .bits(keep: keep & ~bits, change: change | bits)
        case "^": return .bits(keep: keep, change: change ^ bits)
        default: return .unknown
        }
    }
}

extension PacketKey {
    /// True if the keys are TCP's flags.
    fileprivate var isOfFlags: Bool {
        if case .flags = self { true } else { false }
    }
}

/// The names of protocols above IP.
enum Transport {
    /// The name in rules: numbers of common protocols have one (IANA protocol numbers).
    static func name(_ text: String) -> String { numbers[text] ?? text }

    /// The names of protocols by their numbers.
    private static let numbers = [
        "1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "132": "sctp", "icmpv6": "ipv6-icmp",
    ]

    /// Bits of the flags octet (RFC 9293 section 3.1).
    static let flags = [
        "fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128,
    ]
}
