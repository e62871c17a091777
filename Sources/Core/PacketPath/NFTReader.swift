import IPAddressing
import JSON
import NetworkModel

/// Parses the items of `nft -j list ...`: tables, chains, sets and maps with their elements, rules.
struct NFTReader {
    /// The tables read so far.
    private(set) var tables: [RuleTable] = []
    /// Index in `tables` by family and name.
    private var position: [String: Int] = [:]

    init(_ items: [JSONValue]) {
        for item in items {
            guard let (kind, value) = item.onlyMember, let family = value["family"]?.string,
                let known = FilterFamily(rawValue: family)
            else { continue }
            read(kind, value, family: known)
        }
    }

    /// Reads one item of a listing.
    private mutating func read(_ kind: String, _ value: JSONValue, family: FilterFamily) {
        let name = (kind == "table" ? value["name"] : value["table"])?.string ?? ""
        let index = index(of: name, family)
        switch kind {
        case "table":
            // A list of words; versions before 1.0.7 print another text there, which the reader of the plain
            // text has corrected.
            let flags = value["flags"]?.elements ?? value["flags"].map { [$0] } ?? []
            if flags.contains(.string("dormant")) { tables[index].isAwake = false }
            tables[index].handle = value["handle"]?.integer
        case "chain":
            guard let name = value["name"]?.string, tables[index].chains[name] == nil else { return }
            var chain = RuleChain(name: name, hook: RuleHook(value))
            chain.isRead = value["unread"] == nil
            chain.position = tables[index].chains.count
            tables[index].chains[name] = chain
        case "set", "map":
            guard let name = value["name"]?.string else { return }
            tables[index].sets[name] = Self.set(value)
        case "rule":
            guard let name = value["chain"]?.string else { return }
            tables[index].chains[name, default: RuleChain(name: name)].rules.append(PacketRule(value))
        default: return
        }
    }

    /// The index of a table, which is added if it is missing.
    private mutating func index(of name: String, _ family: FilterFamily) -> Int {
        let key = "\(family.rawValue) \(name)"
        if let index = position[key] { return index }
        position[key] = tables.count
        tables.append(RuleTable(family: family, name: name, owner: .nft))
        return tables.count - 1
    }

    /// A named set; unknown if the listing has no elements.
    private static func set(_ value: JSONValue) -> RuleSet {
        guard value["unread"] == nil else { return .unknown("its elements are not read") }
        let types = value["type"]?.elements ?? value["type"].map { [$0] } ?? []
        let keys = types.map { PacketKey(type: $0.string ?? "") }
        return .elements((value["elem"]?.elements ?? []).map { NFTExpression.element($0, of: keys) })
    }
}

extension RuleHook {
    fileprivate init?(_ chain: JSONValue) {
        guard let type = chain["type"]?.string, let name = chain["hook"]?.string,
            let point = FilterHook.HookPoint(rawValue: name), let priority = chain["prio"]?.integer
        else { return nil }
        self.init(
            isNAT: type == "nat", point: point, priority: priority,
            acceptsByDefault: chain["policy"]?.string != "drop",
            devices: (chain["dev"]?.elements ?? chain["dev"].map { [$0] })?.compactMap(\.string))
    }
}

extension PacketKey {
    /// The kind of key for a set of this type, which tells how its elements are parsed.
    fileprivate init(type: String) {
        switch type {
        case "ipv4_addr": self = .address(.source, .v4)
        case "ipv6_addr": self = .address(.source, .v6)
        case "inet_proto": self = .transport
        case "inet_service": self = .port(.source, transport: nil)
        case "mark": self = .mark(mask: .max, isOfConnection: false)
        case "ifname", "iface_index": self = .device(.incoming)
        case "ct_state": self = .connection(.state)
        default: self = .unknown(type)
        }
    }
}

extension PacketRule {
    fileprivate init(_ rule: JSONValue) {
        let parts = rule["expr"]?.elements ?? []
        statements = parts.map { Statement($0) }
        number = rule["handle"]?.integer
        text = { NFTText.rule(parts) }
    }
}

extension Statement {
    fileprivate init(_ json: JSONValue) {
        guard let (key, value) = json.onlyMember else {
            self = .unknown(json.description)
            return
        }
        switch key {
        case "match": self = .condition(NFTExpression.condition(value))
        case "vmap":
            let keys = value["key"].map { NFTExpression.keys($0) } ?? []
            self = .lookup(keys, NFTExpression.set(value["data"] ?? .null, of: keys))
        case "mangle": self = Self.change(value)
        case "limit", "ct count":
            // Limits apply to excessive traffic: the packets of an ordinary flow are below every limit.
            self = value["inv"]?.boolean == true ? .condition(.never) : .nothing
        case "set", "meter":
            let limits = value["stmt"]?.elements ?? value["stmt"].map { [$0] } ?? []
            let isOver = limits.contains { $0.onlyMember?.value["inv"]?.boolean == true }
            self = isOver ? .condition(.never) : .nothing
        case "notrack": self = .untrack
        case "counter", "log", "flow", "dup", "continue", "ct helper", "ct timeout", "ct expectation",
            "secmark":
            self = .nothing
        case "quota", "xt": self = .condition(.unknown(json.description))
        default:
            guard let verdict = RuleVerdict(json) else {
                self = .unknown(json.description)
                return
            }
            self = .verdict(verdict)
        }
    }

    /// A change of the packet. A change of its addresses would make it another packet and is not followed.
    private static func change(_ value: JSONValue) -> Statement {
        guard let key = value["key"] else { return .unknown(value.description) }
        let isOfConnection = key["ct"]?["key"]?.string == "mark"
        if isOfConnection || key["meta"]?["key"]?.string == "mark" {
            return .mark(
                NFTExpression.change(value["value"] ?? .null, isOfConnection), isOfConnection: isOfConnection)
        }
        let field = key["payload"]?["field"]?.string ?? ""
        let isAddress = ["saddr", "daddr", "sport", "dport"].contains(field)
        return isAddress || key["payload"]?["base"] != nil ? .unknown(value.description) : .nothing
    }
}

extension RuleVerdict {
    init?(_ json: JSONValue) {
        if let translation = Translation(json) {
            self = .translate(translation)
            return
        }
        guard let (key, value) = json.onlyMember ?? json.string.map({ ($0, .null) }) else { return nil }
        switch key {
        case "accept": self = .accept
        case "drop", "reject": self = .drop
        case "return": self = .return
        case "queue", "tproxy", "synproxy", "fwd": self = .undecided(key)
        case "jump", "goto":
            guard let target = value["target"]?.string else { return nil }
            self = key == "jump" ? .jump(target) : .goto(target)
        default: return nil
        }
    }
}

extension Condition {
    /// Matches no packet.
    static let never = Condition(keys: [.constant], set: .elements([]))

    /// A condition that is not understood.
    static func unknown(_ text: String) -> Condition {
        Condition(keys: [.unknown(text)], set: .elements([RuleSet.Element(patterns: [.any])]))
    }
}
