import IPAddressing
package import JSON

extension FilterTable {
    /// The items of the table as `nft -j list ruleset` lists them, and as `nft -j -f` takes them inside
    /// of `add`.
    package var json: [JSONValue] {
        var items: [JSONValue] = [
            .object(["table": .object(["family": .string(family.rawValue), "name": .string(name)])])
        ]
        for chain in chains { items.append(.object(["chain": .object(chain.members(in: self))])) }
        for chain in chains {
            for rule in chain.rules {
                items.append(.object(["rule": .object(rule.members(in: chain, of: self))]))
            }
        }
        return items
    }
}

extension FilterChain {
    /// The members of the JSON object for the chain.
    fileprivate func members(in table: FilterTable) -> [String: JSONValue] {
        var members: [String: JSONValue] = [
            "family": .string(table.family.rawValue), "table": .string(table.name), "name": .string(name),
        ]
        if let hook {
            members["type"] = .string(hook.type.rawValue)
            members["hook"] = .string(hook.point.rawValue)
            members["prio"] = .integer(hook.priority)
            members["policy"] = .string(hook.acceptsByDefault ? "accept" : "drop")
        }
        return members
    }
}

extension FilterRule {
    /// The members of the JSON object for the rule.
    fileprivate func members(in chain: FilterChain, of table: FilterTable) -> [String: JSONValue] {
        var statements = matches.map { $0.json(family: table.family) }
        let counts = counter ?? Counter(packets: 0, octets: 0)
        statements.append(
            .object([
                "counter": .object(["packets": .integer(counts.packets), "bytes": .integer(counts.octets)])
            ]))
        if let statement = action.json { statements.append(statement) }
        var members: [String: JSONValue] = [
            "family": .string(table.family.rawValue), "table": .string(table.name),
            "chain": .string(chain.name), "expr": .array(statements),
        ]
        if let comment { members["comment"] = .string(comment) }
        return members
    }
}

extension FilterMatch {
    /// The match as a statement.
    fileprivate func json(family: FilterFamily) -> JSONValue {
        switch self {
        case .source(let set): Self.equal(Self.payload(set.word, "saddr"), set.json)
        case .destination(let set): Self.equal(Self.payload(set.word, "daddr"), set.json)
        case .originalDestination(let set):
            Self.equal(
                .object([
                    "ct": .object(["key": .string("\(set.word) daddr"), "dir": .string("original")])
                ]), set.json)
        case .inDevice(let names): Self.equal(Self.meta("iifname"), Self.set(names.map { .string($0) }))
        case .outDevice(let names): Self.equal(Self.meta("oifname"), Self.set(names.map { .string($0) }))
        case .connectionState(let states):
            Self.match(
                "in", .object(["ct": .object(["key": .string("state")])]),
                right: .array(states.map { .string($0) }))
        case .synchronize:
            Self.equal(
                .object([
                    "&": .array([Self.payload("tcp", "flags"), .array([.string("syn"), .string("rst")])])
                ]),
                .string("syn"))
        case .transport(let name): Self.equal(Self.meta("l4proto"), .string(name))
        case .destinationPort(let transport, let port):
            Self.equal(Self.payload(transport, "dport"), .integer(port))
        case .mark(let value, let mask) where mask == 0xFFFF_FFFF:
            Self.equal(Self.meta("mark"), .integer(value))
        case .mark(let value, let mask):
            Self.equal(.object(["&": .array([Self.meta("mark"), .integer(mask)])]), .integer(value))
        case .connectionMark(let value, let mask):
            Self.equal(.object(["&": .array([Self.connection("mark"), .integer(mask)])]), .integer(value))
        case .originalDirection: Self.equal(Self.connection("direction"), .string("original"))
        case .other(let text): JSONValue.parsed(text)
        }
    }

    /// The expression for what is known of the packet's connection.
    fileprivate static func connection(_ key: String) -> JSONValue {
        .object(["ct": .object(["key": .string(key)])])
    }

    /// A match that compares for equality.
    private static func equal(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        match("==", left, right: right)
    }

    /// A match statement.
    private static func match(_ operation: String, _ left: JSONValue, right: JSONValue) -> JSONValue {
        .object(["match": .object(["op": .string(operation), "left": left, "right": right])])
    }

    /// The expression for a field of a header.
    private static func payload(_ name: String, _ field: String) -> JSONValue {
        .object(["payload": .object(["protocol": .string(name), "field": .string(field)])])
    }

    /// The expression for packet meta data.
    fileprivate static func meta(_ key: String) -> JSONValue {
        .object(["meta": .object(["key": .string(key)])])
    }

    /// Several values as a set, one as itself.
    fileprivate static func set(_ values: [JSONValue]) -> JSONValue {
        values.count == 1 ? values[0] : .object(["set": .array(values)])
    }
}

extension FilterAction {
    /// Nil for a rule that only counts.
    fileprivate var json: JSONValue? {
        switch self {
        case .count: nil
        case .accept: .object(["accept": .null])
        case .drop: .object(["drop": .null])
        case .return: .object(["return": .null])
        case .reject(.hostUnreachable):
            .object(["reject": .object(["type": .string("icmpx"), "expr": .string("host-unreachable")])])
        case .reject(.other(let text)): .object(["reject": JSONValue.parsed(text)])
        case .jump(let chain): .object(["jump": .object(["target": .string(chain)])])
        case .goto(let chain): .object(["goto": .object(["target": .string(chain)])])
        case .masquerade(let isFullyRandom):
            .object(["masquerade": isFullyRandom ? .object(["flags": .string("fully-random")]) : .null])
        case .sourceTranslation(let address, let isFullyRandom):
            .object(["snat": Self.translation(address, isFullyRandom)])
        case .prefixTranslation(let end, let pairs): Self.json(end, pairs)
        case .rewrite(let end, let pair): Self.json(end, pair)
        case .invert(let end, let bits): Self.json(end, inverting: bits)
        case .clampSegmentSize:
            .object([
                "mangle": .object([
                    "key": .object([
                        "tcp option": .object(["name": .string("maxseg"), "field": .string("size")])
                    ]),
                    "value": .object(["rt": .object(["key": .string("mtu")])]),
                ])
            ])
        case .setMark(let mark): Self.setting(FilterMatch.meta("mark"), to: .integer(mark))
        case .setConnectionMark(let bits):
            Self.setting(
                FilterMatch.connection("mark"),
                to: .object(["|": .array([FilterMatch.connection("mark"), .integer(bits)])]))
        case .other(let text): JSONValue.parsed(text)
        }
    }

    private static func setting(_ key: JSONValue, to value: JSONValue) -> JSONValue {
        .object(["mangle": .object(["key": key, "value": value])])
    }

    /// The arguments of a source translation.
    private static func translation(_ address: IPAddress, _ isFullyRandom: Bool) -> JSONValue {
        var members: [String: JSONValue] = [
            "family": .string(address.family == .v4 ? "ip" : "ip6"), "addr": .string(address.description),
        ]
        if isFullyRandom { members["flags"] = .string("fully-random") }
        return .object(members)
    }
}

extension PrefixSet {
    /// `ip` or `ip6`.
    fileprivate var word: String { family == .v6 ? "ip6" : "ip" }

    /// The set as a value of nft's JSON.
    fileprivate var json: JSONValue {
        FilterMatch.set(
            prefixes.map { prefix in
                if prefix.length == prefix.family.bitWidth { return .string(prefix.address.description) }
                return .object([
                    "prefix": .object([
                        "addr": .string(prefix.address.description), "len": .integer(prefix.length),
                    ])
                ])
            })
    }
}

extension JSONValue {
    /// The value whose description is `text`.
    fileprivate static func parsed(_ text: String) -> JSONValue {
        do throws(JSONError) { return try JSONReader.read(Array(text.utf8)) } catch { return .string(text) }
    }
}
