import IPAddressing
import JSON

extension FilterTable: CustomStringConvertible {
    /// The table as `nft -f` reads it, its chains in order, without counters' values.
    package var description: String {
        var text = "table \(family.rawValue) \(name) {\n"
        for (index, chain) in chains.enumerated() {
            if index > 0 { text += "\n" }
            text += chain.description
        }
        return text + "}\n"
    }

    /// One transaction that replaces any table of this name by this one.
    package var replacement: String {
        "table \(family.rawValue) \(name)\ndelete table \(family.rawValue) \(name)\n" + description
    }

    /// One transaction that deletes the table of this name if there is one.
    package var deletion: String {
        "table \(family.rawValue) \(name)\ndelete table \(family.rawValue) \(name)\n"
    }
}

extension FilterChain: CustomStringConvertible {
    /// The lines inside a table's braces, each with its tabs and line end.
    package var description: String {
        var text = "\tchain \(name) {\n"
        if let hook { text += "\t\t\(hook)\n" }
        for rule in rules { text += "\t\t\(rule)\n" }
        return text + "\t}\n"
    }
}

extension FilterHook: CustomStringConvertible {
    /// The first line of a base chain.
    package var description: String {
        "type \(type.rawValue) hook \(point.rawValue) priority \(priorityText);"
            + " policy \(acceptsByDefault ? "accept" : "drop");"
    }

    /// The priority as nft prints it.
    private var priorityText: String {
        let names = [-300: "raw", -150: "mangle", -100: "dstnat", 0: "filter", 50: "security", 100: "srcnat"]
        if let name = names[priority - 10] { return name + " + 10" }
        if let name = names[priority] { return name }
        if let name = names[priority + 1] { return name + " - 1" }
        if let name = names[priority - 1] { return name + " + 1" }
        return String(priority)
    }
}

extension FilterRule: CustomStringConvertible {
    /// The rule as `nft add rule` takes it after the chain; every rule has a counter.
    package var description: String {
        var words = matches.map(\.description)
        words.append("counter")
        let action = action.description
        if !action.isEmpty { words.append(action) }
        if let comment { words.append("comment \(JSONValue.quote(comment))") }
        return words.joined(separator: " ")
    }
}

extension FilterMatch: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .source(let set): "\(Self.family(set)) saddr \(set)"
        case .destination(let set): "\(Self.family(set)) daddr \(set)"
        case .originalDestination(let set): "ct original \(Self.family(set)) daddr \(set)"
        case .inDevice(let names): "iifname \(Self.list(names))"
        case .outDevice(let names): "oifname \(Self.list(names))"
        case .connectionState(let states): "ct state " + states.joined(separator: ",")
        case .synchronize: "tcp flags syn / syn,rst"
        case .transport(let name): "meta l4proto \(name)"
        case .destinationPort(let transport, let port): "\(transport) dport \(port)"
        case .mark(let value, let mask) where mask == 0xFFFF_FFFF: "meta mark \(value)"
        case .mark(let value, let mask): "meta mark & \(mask) == \(value)"
        case .connectionMark(let value, let mask): "ct mark & \(mask) == \(value)"
        case .originalDirection: "ct direction original"
        case .other(let json): json
        }
    }

    /// The keyword for the family of a set.
    private static func family(_ set: PrefixSet) -> String { set.family == .v6 ? "ip6" : "ip" }

    /// Names in quotation marks, in braces if there are several.
    private static func list(_ names: [String]) -> String {
        let quoted = names.map { "\"\($0)\"" }
        return quoted.count == 1 ? quoted[0] : "{ " + quoted.joined(separator: ", ") + " }"
    }
}

extension FilterAction: CustomStringConvertible {
    /// Empty for a rule that only counts.
    package var description: String {
        switch self {
        case .count: ""
        case .accept: "accept"
        case .drop: "drop"
        case .return: "return"
        case .reject(.hostUnreachable): "reject with icmpx host-unreachable"
        case .reject(.other(let json)): "reject \(json)"
        case .jump(let chain): "jump \(chain)"
        case .goto(let chain): "goto \(chain)"
        case .masquerade(let isFullyRandom): "masquerade" + (isFullyRandom ? " fully-random" : "")
        case .sourceTranslation(let address, let isFullyRandom):
            "snat \(address.family == .v4 ? "ip" : "ip6") to \(address)"
                + (isFullyRandom ? " fully-random" : "")
        case .prefixTranslation(let end, let pairs): Self.text(end, pairs)
        case .rewrite(let end, let pair): Self.text(end, pair)
        case .invert(let end, let bits): Self.text(end, inverting: bits)
        case .clampSegmentSize: "tcp option maxseg size set rt mtu"
        case .setMark(let mark): "meta mark set \(mark)"
        case .setConnectionMark(let bits): "ct mark set ct mark | \(bits)"
        case .other(let json): json
        }
    }
}
