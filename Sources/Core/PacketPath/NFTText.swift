import JSON

/// Writes rules that were parsed from JSON in nft's syntax, so that people find them.
enum NFTText {
    /// The text of a rule.
    static func rule(_ parts: [JSONValue]) -> String {
        parts.map { statement($0) }.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The text of a statement.
    private static func statement(_ json: JSONValue) -> String {
        guard let (key, value) = json.onlyMember else { return expression(json) }
        switch key {
        case "match":
            let left = value["left"].map { expression($0) } ?? ""
            let right = value["right"].map { operand($0, of: left) } ?? ""
            let sign = value["op"]?.string ?? ""
            return sign == "==" || sign == "in" ? "\(left) \(right)" : "\(left) \(sign) \(right)"
        case "counter": return "counter"
        case "vmap":
            let key = value["key"].map { expression($0) } ?? ""
            return "\(key) vmap " + (value["data"].map { expression($0) } ?? "")
        case "mangle":
            let key = value["key"].map { expression($0) } ?? ""
            return "\(key) set " + (value["value"].map { expression($0) } ?? "")
        case "jump", "goto": return "\(key) \(value["target"]?.string ?? "")"
        case "log":
            return "log" + (value["prefix"]?.string.map { " prefix \(JSONValue.quote($0))" } ?? "")
        case "reject":
            guard let type = value["type"]?.string, let code = value["expr"]?.string else { return "reject" }
            return "reject with \(type) \(code)"
        case "masquerade", "snat", "dnat", "redirect": return translation(key, value)
        default:
            if case .null = value { return key }
            return "\(key) \(value)"
        }
    }

    /// As in `dnat ip to 10.244.2.8:8080` or `masquerade fully-random`.
    private static func translation(_ key: String, _ value: JSONValue) -> String {
        var words = [key]
        let map = value["addr"]?["map"]
        let isOfPrefixes = value["type_flags"]?.string == "prefix"
        if value["addr"] != nil, let family = value["family"]?.string { words.append(family) }
        if isOfPrefixes { words.append("prefix") }
        if map != nil || value["addr"] != nil || value["port"] != nil { words.append("to") }
        if let map {
            words.append((map["key"].map { expression($0) } ?? "") + " map")
            let pairs = map["data"]?["set"]?.elements ?? []
            words.append(
                "{ "
                    + pairs.prefix(8).map { pair in
                        (pair.elements ?? []).map { expression($0) }.joined(separator: " : ")
                    }.joined(separator: ", ") + (pairs.count > 8 ? ", ..." : "") + " }")
        } else {
            let address = value["addr"].map { expression($0) } ?? ""
            let port = value["port"].map { ":" + expression($0) } ?? ""
            if !(address + port).isEmpty { words.append(address + port) }
        }
        let flags = value["flags"]?.elements ?? value["flags"].map { [$0] } ?? []
        words += flags.compactMap(\.string).filter { $0 != "netmap" }
        return words.joined(separator: " ")
    }

    /// For routes and interfaces, the value false is written as `missing`.
    private static func operand(_ json: JSONValue, of left: String) -> String {
        guard let truth = json.boolean else { return expression(json) }
        return truth ? "exists" : "missing"
    }

    /// The text of an expression.
    private static func expression(_ json: JSONValue) -> String {
        if let text = json.string { return text }
        if let elements = json.elements {
            if elements.count == 2, let verdict = elements[1].onlyMember, RuleVerdict(elements[1]) != nil {
                return "\(expression(elements[0])) : \(statement(.object([verdict.key: verdict.value])))"
            }
            return elements.map { expression($0) }.joined(separator: ",")
        }
        guard let (key, value) = json.onlyMember else { return json.description }
        switch key {
        case "payload":
            return "\(value["protocol"]?.string ?? "@") \(value["field"]?.string ?? value.description)"
        case "meta":
            let name = value["key"]?.string ?? ""
            return ["iif", "oif", "iifname", "oifname"].contains(name) ? name : "meta \(name)"
        case "ct":
            return "ct " + (value["dir"]?.string.map { $0 + " " } ?? "") + (value["key"]?.string ?? "")
        case "fib":
            let flags = (value["flags"]?.elements ?? []).compactMap(\.string).joined(separator: " . ")
            return "fib \(flags) \(value["result"]?.string ?? "")"
        case "prefix": return "\(value["addr"]?.string ?? "")/\(value["len"]?.integer ?? 0)"
        case "range": return (value.elements ?? []).map { expression($0) }.joined(separator: "-")
        case "concat": return (value.elements ?? []).map { expression($0) }.joined(separator: " . ")
        case "set": return set(value.elements ?? [])
        case "elem": return value["val"].map { expression($0) } ?? value.description
        case "&", "|", "^": return (value.elements ?? []).map { expression($0) }.joined(separator: " \(key) ")
        default: return json.description
        }
    }

    /// A long set is shortened: its rule is found by the handle.
    private static func set(_ elements: [JSONValue]) -> String {
        let shown = elements.prefix(8).map { expression($0) }.joined(separator: ", ")
        return "{ \(shown)\(elements.count > 8 ? ", ..." : "") }"
    }
}
