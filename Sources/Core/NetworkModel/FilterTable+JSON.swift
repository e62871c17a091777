import IPAddressing
package import JSON

extension FilterTable {
    /// The tables in the output of `nft -j list ruleset`, in its order; also in a listing of chains or of a
    /// single chain, which names the tables too.
    package static func read(ruleset text: [UInt8]) throws(ReadingError) -> [FilterTable] {
        read(items: try items(ruleset: text))
    }

    /// The items in the output of `nft -j list ...`; none if it is empty.
    package static func items(ruleset text: [UInt8]) throws(ReadingError) -> [JSONValue] {
        let document = try ReadingError.json(text, of: "nft -j list ruleset")
        if document.elements?.isEmpty == true { return [] }
        guard let items = document["nftables"]?.elements else {
            throw .unexpected(program: "nft -j list ruleset", what: "no array \"nftables\"")
        }
        return items
    }

    /// The tables that these items make up.
    package static func read(items: [JSONValue]) -> [FilterTable] {
        var reader = RulesetReader()
        for item in items { reader.read(item) }
        return reader.tables
    }
}

/// Builds tables from the flat listing of nft.
private struct RulesetReader {
    /// The tables read so far.
    private(set) var tables: [FilterTable] = []
    /// Index in `tables` by family and name.
    private var tableIndex: [String: Int] = [:]
    /// Index in a table's chains by table and name.
    private var chainIndex: [String: Int] = [:]

    /// Items of other kinds (sets, maps, counters) are skipped.
    mutating func read(_ item: JSONValue) {
        guard let (key, value) = item.onlyMember, let familyName = value["family"]?.string,
            let family = FilterFamily(rawValue: familyName)
        else { return }
        switch key {
        case "table":
            guard let name = value["name"]?.string else { return }
            _ = index(of: name, family)
        case "chain":
            guard let table = value["table"]?.string, let name = value["name"]?.string else { return }
            let index = index(of: table, family)
            chainIndex["\(familyName) \(table) \(name)"] = tables[index].chains.count
            tables[index].chains.append(FilterChain(name: name, hook: hook(value)))
        case "rule":
            guard let table = value["table"]?.string, let chain = value["chain"]?.string,
                let index = tableIndex["\(familyName) \(table)"],
                let position = chainIndex["\(familyName) \(table) \(chain)"]
            else { return }
            tables[index].chains[position].rules.append(FilterRule(json: value))
        default: return
        }
    }

    /// The index of a table, which is added if it is missing.
    private mutating func index(of name: String, _ family: FilterFamily) -> Int {
        let key = "\(family.rawValue) \(name)"
        if let index = tableIndex[key] { return index }
        tableIndex[key] = tables.count
        tables.append(FilterTable(family: family, name: name))
        return tables.count - 1
    }

    /// The hook of a base chain; nil for another chain.
    private func hook(_ chain: JSONValue) -> FilterHook? {
        guard let type = chain["type"]?.string.flatMap(FilterHook.ChainType.init(rawValue:)),
            let point = chain["hook"]?.string.flatMap(FilterHook.HookPoint.init(rawValue:)),
            let priority = chain["prio"]?.integer
        else { return nil }
        return FilterHook(
            type: type, point: point, priority: priority, acceptsByDefault: chain["policy"]?.string != "drop")
    }
}

extension FilterRule {
    /// Reads the value of a `rule` object.
    fileprivate init(json: JSONValue) {
        self.init([], .count, comment: json["comment"]?.string, handle: json["handle"]?.integer)
        for statement in json["expr"]?.elements ?? [] { take(statement) }
    }

    /// A rule has one action: further ones are kept as text together with the first.
    private mutating func take(_ statement: JSONValue) {
        guard let (key, value) = statement.onlyMember else {
            return matches.append(.other(statement.description))
        }
        switch key {
        case "match": matches.append(FilterMatch(json: value) ?? .other(statement.description))
        case "counter":
            if let packets = value["packets"]?.integer, let octets = value["bytes"]?.integer {
                counter = Counter(packets: packets, octets: octets)
            }
        case "xt" where value["type"]?.string == "match": matches.append(.other(statement.description))
        default:
            let next =
                FilterAction(statement: key, value) ?? FilterAction(mangle: value, matching: matches)
                ?? .other(statement.description)
            action = action == .count ? next : .other("\(action); \(next)")
        }
    }
}

extension FilterMatch {
    fileprivate init?(json: JSONValue) {
        guard let left = json["left"], let right = json["right"], let operation = json["op"]?.string else {
            return nil
        }
        switch operation {
        case "==": self.init(left: left, equals: right)
        case "in" where left["ct"]?["key"]?.string == "state":
            self = .connectionState((right.elements ?? [right]).compactMap(\.string).sorted())
        default: return nil
        }
    }

    private init?(left: JSONValue, equals right: JSONValue) {
        if let payload = left["payload"] {
            self.init(
                protocol: payload["protocol"]?.string ?? "", field: payload["field"]?.string ?? "", right)
        } else if let meta = left["meta"]?["key"]?.string {
            switch meta {
            case "iifname": self = .inDevice(Self.names(right))
            case "oifname": self = .outDevice(Self.names(right))
            case "l4proto":
                guard let name = right.string else { return nil }
                self = .transport(name)
            case "mark":
                guard let value = right.integer else { return nil }
                self = .mark(value: value, mask: 0xFFFF_FFFF)
            default: return nil
            }
        } else if left["ct"]?["key"]?.string == "direction", right.string == "original" {
            self = .originalDirection
        } else if let ct = left["ct"], ct["dir"]?.string == "original",
            ["ip daddr", "ip6 daddr"].contains(ct["key"]?.string), let set = PrefixSet(json: right)
        {
            self = .originalDestination(set)
        } else if let parts = left["&"]?.elements, parts.count == 2 {
            self.init(masked: parts[0], mask: parts[1], right)
        } else {
            return nil
        }
    }

    private init?(protocol name: String, field: String, _ right: JSONValue) {
        switch (name, field) {
        case ("ip", "saddr"), ("ip6", "saddr"):
            guard let set = PrefixSet(json: right) else { return nil }
            self = .source(set)
        case ("ip", "daddr"), ("ip6", "daddr"):
            guard let set = PrefixSet(json: right) else { return nil }
            self = .destination(set)
        case (_, "dport"):
            guard let port = right.integer else { return nil }
            self = .destinationPort(transport: name, port)
        default: return nil
        }
    }

    private init?(masked: JSONValue, mask: JSONValue, _ right: JSONValue) {
        if masked["payload"]?["field"]?.string == "flags",
            Set((mask.elements ?? []).compactMap(\.string)) == ["syn", "rst"], right.string == "syn"
        {
            self = .synchronize
        } else if masked["meta"]?["key"]?.string == "mark", let bits = mask.integer, let value = right.integer
        {
            self = .mark(value: value, mask: bits)
        } else if masked["ct"]?["key"]?.string == "mark", let bits = mask.integer, let value = right.integer {
            self = .connectionMark(value: value, mask: bits)
        } else {
            return nil
        }
    }

    /// One name or a list of them.
    private static func names(_ json: JSONValue) -> [String] {
        if let name = json.string { return [name] }
        return (json["set"]?.elements ?? []).compactMap(\.string).sorted()
    }
}

extension FilterAction {
    fileprivate init?(statement key: String, _ value: JSONValue) {
        let isFullyRandom = value["flags"]?.string == "fully-random"
        switch key {
        case "accept": self = .accept
        case "drop": self = .drop
        case "return": self = .return
        case "reject":
            let isUnreachable =
                value["type"]?.string == "icmpx" && value["expr"]?.string == "host-unreachable"
            self = .reject(isUnreachable ? .hostUnreachable : .other(value.description))
        case "jump", "goto":
            guard let target = value["target"]?.string else { return nil }
            self = key == "jump" ? .jump(target) : .goto(target)
        case "masquerade":
            guard value["flags"] == nil || isFullyRandom, value["port"] == nil else { return nil }
            self = .masquerade(isFullyRandom: isFullyRandom)
        case "dnat":
            guard let action = FilterAction(prefixes: value, .destination) else { return nil }
            self = action
        case "snat" where value["type_flags"] != nil:
            guard let action = FilterAction(prefixes: value, .source) else { return nil }
            self = action
        case "snat":
            guard value["flags"] == nil || isFullyRandom, value["port"] == nil,
                let address = value["addr"]?.string.flatMap({ IPAddress($0) })
            else { return nil }
            self = .sourceTranslation(to: address, isFullyRandom: isFullyRandom)
        case "mangle" where value["key"]?["meta"]?["key"]?.string == "mark":
            guard let mark = value["value"]?.integer else { return nil }
            self = .setMark(mark)
        case "mangle" where value["key"]?["ct"]?["key"]?.string == "mark":
            guard let parts = value["value"]?["|"]?.elements, parts.count == 2,
                parts[0]["ct"]?["key"]?.string == "mark", let bits = parts[1].integer
            else { return nil }
            self = .setConnectionMark(bits: bits)
        case "mangle":
            guard value["key"]?["tcp option"]?["name"]?.string == "maxseg",
                value["value"]?["rt"]?["key"]?.string == "mtu"
            else { return nil }
            self = .clampSegmentSize
        default: return nil
        }
    }
}

extension PrefixSet {
    /// Reads an address, a prefix, a range, or a set of them, as nft writes them.
    fileprivate init?(json: JSONValue) {
        var prefixes: [IPPrefix] = []
        for element in json["set"]?.elements ?? [json] {
            guard let read = Self.prefixes(of: element) else { return nil }
            prefixes += read
        }
        self.init(prefixes)
    }

    /// The prefixes of a value; nil for one of another kind.
    private static func prefixes(of json: JSONValue) -> [IPPrefix]? {
        if let text = json.string { return IPAddress(text).map { [IPPrefix(only: $0)] } }
        if let prefix = json["prefix"] {
            guard let address = prefix["addr"]?.string.flatMap({ IPAddress($0) }),
                let length = prefix["len"]?.integer
            else { return nil }
            return IPPrefix(around: address, length: length).map { [$0] }
        }
        guard let ends = json["range"]?.elements, ends.count == 2,
            let first = ends[0].string.flatMap({ IPAddress($0) }),
            let last = ends[1].string.flatMap({ IPAddress($0) })
        else { return nil }
        return self.prefixes(from: first, through: last)
    }
}
