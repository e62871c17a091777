package import IPAddressing
package import JSON

/// A prefix and the one that is put in its place; host bits stay.
package struct PrefixTranslation: Hashable, Sendable {
    /// The prefix that is replaced.
    package let from: IPPrefix
    /// The prefix that stands for it.
    package let to: IPPrefix

    /// Nil if the two differ in family or length: nft takes those without a word.
    package init?(from: IPPrefix, to: IPPrefix) {
        guard from.family == to.family, from.length == to.length else { return nil }
        self.from = from
        self.to = to
    }

    /// What takes it back.
    package var inverse: PrefixTranslation? { PrefixTranslation(from: to, to: from) }

    /// The bits in which the two differ: an address of `from` with these inverted is the one of `to`.
    package var differingBits: IPAddress {
        IPAddress(family: from.family, bits: from.address.bits ^ to.address.bits)
    }
}

extension PrefixTranslation: Comparable {
    /// In the order in which nft lists them.
    package static func < (left: PrefixTranslation, right: PrefixTranslation) -> Bool {
        left.from == right.from ? left.to < right.to : left.from < right.from
    }
}

/// The fewest translations that do the same as `translations`, sorted: two of neighbouring prefixes become
/// one where both sides are the halves of one prefix, in the same order.
package func joined(_ translations: [PrefixTranslation]) -> [PrefixTranslation] {
    var stack: [PrefixTranslation] = []
    for translation in Set(translations).sorted() {
        stack.append(translation)
        // Each turn takes one translation off the stack.
        while stack.count >= 2, let both = union(stack[stack.count - 2], stack[stack.count - 1]) {
            stack.removeLast(2)
            stack.append(both)
        }
    }
    return stack
}

/// The translation that does what the two do; nil if there is none.
private func union(_ low: PrefixTranslation, _ high: PrefixTranslation) -> PrefixTranslation? {
    guard low.from.length == high.from.length, low.from.length > 0,
        let from = IPPrefix(around: low.from.address, length: low.from.length - 1),
        let to = IPPrefix(around: low.to.address, length: low.to.length - 1),
        from.halves?.low == low.from, from.halves?.high == high.from, to.halves?.low == low.to,
        to.halves?.high == high.to
    else { return nil }
    return PrefixTranslation(from: from, to: to)
}

/// Which address of a packet is replaced.
package enum TranslatedEnd: String, Hashable, Sendable {
    case source, destination

    /// As nft names the field.
    var field: String { self == .source ? "saddr" : "daddr" }

    /// The statement that replaces it for a whole connection.
    var statement: String { self == .source ? "snat" : "dnat" }
}

/// What nft does to an address by its prefix: for a whole connection, or packet by packet.
extension FilterAction {
    /// Translation by prefix of one family, in the order of nft; nil if nothing is to be translated.
    package static func translating(_ end: TranslatedEnd, _ pairs: [PrefixTranslation]) -> FilterAction? {
        pairs.isEmpty ? nil : .prefixTranslation(end, pairs.sorted())
    }

    /// As in `dnat ip prefix to ip daddr map { 10.1.0.0/16 : 10.2.0.0/16 }`.
    static func text(_ end: TranslatedEnd, _ pairs: [PrefixTranslation]) -> String {
        let word = pairs.first?.from.word ?? "ip"
        let list = pairs.map { "\($0.from) : \($0.to)" }.joined(separator: ", ")
        return "\(end.statement) \(word) prefix to \(word) \(end.field) map { \(list) }"
    }

    /// As in `ip daddr set ip daddr & 10.111.255.255 | 10.96.0.0`, which is how nft lists the mask
    /// 0.15.255.255: bits that are set afterwards need not be cleared before.
    static func text(_ end: TranslatedEnd, _ pair: PrefixTranslation) -> String {
        let key = "\(pair.from.word) \(end.field)"
        return "\(key) set \(key) & \(pair.to.lastAddress) | \(pair.to.address)"
    }

    /// As in `ip daddr set ip daddr ^ 0.192.0.0`.
    static func text(_ end: TranslatedEnd, inverting bits: IPAddress) -> String {
        let key = "\(bits.family.word) \(end.field)"
        return "\(key) set \(key) ^ \(bits)"
    }

    // MARK: - JSON

    static func json(_ end: TranslatedEnd, _ pairs: [PrefixTranslation]) -> JSONValue {
        let word = pairs.first?.from.word ?? "ip"
        let map = JSONValue.object([
            "key": payload(word, end),
            "data": .object(["set": .array(pairs.map { .array([$0.from.json, $0.to.json]) })]),
        ])
        return .object([
            end.statement: .object([
                "family": .string(word), "addr": .object(["map": map]), "flags": .string("netmap"),
                "type_flags": .string("prefix"),
            ])
        ])
    }

    static func json(_ end: TranslatedEnd, _ pair: PrefixTranslation) -> JSONValue {
        let key = payload(pair.from.word, end)
        let masked = JSONValue.object(["&": .array([key, .string(pair.to.lastAddress.description)])])
        return .object([
            "mangle": .object([
                "key": key,
                "value": .object(["|": .array([masked, .string(pair.to.address.description)])]),
            ])
        ])
    }

    static func json(_ end: TranslatedEnd, inverting bits: IPAddress) -> JSONValue {
        let key = payload(bits.family.word, end)
        return .object([
            "mangle": .object([
                "key": key, "value": .object(["^": .array([key, .string(bits.description)])]),
            ])
        ])
    }

    private static func payload(_ word: String, _ end: TranslatedEnd) -> JSONValue {
        .object(["payload": .object(["protocol": .string(word), "field": .string(end.field)])])
    }

    /// Reads the value of a `snat` or `dnat` statement that is about prefixes; nil for any other.
    package init?(prefixes value: JSONValue, _ end: TranslatedEnd) {
        guard value["type_flags"]?.string == "prefix", let map = value["addr"]?["map"],
            map["key"]?["payload"]?["field"]?.string == end.field,
            let elements = map["data"]?["set"]?.elements
        else { return nil }
        var pairs: [PrefixTranslation] = []
        for element in elements {
            guard let ends = element.elements, ends.count == 2, let from = IPPrefix(json: ends[0]),
                let to = IPPrefix(json: ends[1]), let pair = PrefixTranslation(from: from, to: to)
            else { return nil }
            pairs.append(pair)
        }
        guard let action = Self.translating(end, pairs) else { return nil }
        self = action
    }

    /// Reads the value of a `mangle` statement; nil if it does not put a prefix in the place of another.
    ///
    /// - Parameter matches: What the rule is about: the statement does not name the prefix that is replaced.
    init?(mangle value: JSONValue, matching matches: [FilterMatch]) {
        if let inversion = FilterAction(inversion: value) {
            self = inversion
            return
        }
        guard let key = value["key"]?["payload"], let parts = value["value"]?["|"]?.elements,
            parts.count == 2, let masked = parts[0]["&"]?.elements, masked.count == 2,
            masked[0]["payload"] == key, let mask = masked[1].string.flatMap({ IPAddress($0) }),
            let base = parts[1].string.flatMap({ IPAddress($0) }), base.family == mask.family
        else { return nil }
        let end: TranslatedEnd = key["field"]?.string == "saddr" ? .source : .destination
        guard let from = matches.onlyPrefix(of: end),
            let to = IPPrefix(around: base, length: from.length), to.address == base,
            // Kept are the bits of the mask that are not set afterwards.
            mask.bits & ~base.bits == to.lastAddress.bits & ~base.bits,
            let pair = PrefixTranslation(from: from, to: to)
        else { return nil }
        self = .rewrite(end, pair)
    }

    /// Reads the value of a `mangle` statement that inverts bits of an address; nil for any other.
    private init?(inversion value: JSONValue) {
        guard let key = value["key"]?["payload"], let parts = value["value"]?["^"]?.elements,
            parts.count == 2, parts[0]["payload"] == key,
            let bits = parts[1].string.flatMap({ IPAddress($0) }),
            key["protocol"]?.string == bits.family.word,
            let end = [TranslatedEnd.source, .destination].first(where: { key["field"]?.string == $0.field })
        else { return nil }
        self = .invert(end, bits: bits)
    }
}

extension [FilterMatch] {
    /// The one prefix that the address at `end` must be in; nil if there are several or none.
    fileprivate func onlyPrefix(of end: TranslatedEnd) -> IPPrefix? {
        for match in self {
            switch (match, end) {
            case (.source(let set), .source), (.destination(let set), .destination):
                return set.prefixes.count == 1 ? set.prefixes[0] : nil
            default: continue
            }
        }
        return nil
    }
}

extension AddressFamily {
    /// `ip` or `ip6`.
    fileprivate var word: String { self == .v6 ? "ip6" : "ip" }
}

extension IPPrefix {
    /// `ip` or `ip6`.
    fileprivate var word: String { family.word }

    /// As nft writes it; a whole address is bare.
    fileprivate var json: JSONValue {
        if length == family.bitWidth { return .string(address.description) }
        return .object([
            "prefix": .object(["addr": .string(address.description), "len": .integer(length)])
        ])
    }

    fileprivate init?(json: JSONValue) {
        if let address = json.string.flatMap({ IPAddress($0) }) {
            self.init(only: address)
            return
        }
        guard let prefix = json["prefix"], let address = prefix["addr"]?.string.flatMap({ IPAddress($0) }),
            let length = prefix["len"]?.integer, let read = IPPrefix(around: address, length: length)
        else { return nil }
        self = read
    }
}
