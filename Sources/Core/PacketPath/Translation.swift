import IPAddressing
import JSON
import NetworkModel

/// The change that a rule of NAT makes to the addresses of a connection.
struct Translation: Hashable, Sendable {
    /// The address that is replaced.
    var end: TranslatedEnd
    /// What is put in its place.
    var target: Target

    /// The new address or port.
    enum Target: Hashable, Sendable {
        /// One address or none, one port or none: what is nil stays.
        case exact(IPAddress?, port: Int?)
        /// An address of the device that the packet leaves by, or comes in by (`masquerade`, `redirect`).
        case ofDevice(port: Int?)
        /// The other prefix of a pair; addresses outside of all pairs stay.
        case prefixes([PrefixTranslation])
        /// The text is not understood, or the kernel chooses.
        case unknown(String)
    }
}

extension Translation {
    /// The translation of a statement of `nft -j`; nil for other statements.
    init?(_ json: JSONValue) {
        guard let (key, value) = json.onlyMember ?? json.string.map({ ($0, .null) }) else { return nil }
        switch key {
        case "masquerade": self.init(end: .source, target: .ofDevice(port: nil))
        case "redirect": self.init(end: .destination, target: .ofDevice(port: value["port"]?.integer))
        case "snat", "dnat":
            let end: TranslatedEnd = key == "snat" ? .source : .destination
            self.init(end: end, target: Self.target(value, end) ?? .unknown(json.description))
        default: return nil
        }
    }

    /// The target of `snat` or `dnat`; nil if it is not understood.
    private static func target(_ value: JSONValue, _ end: TranslatedEnd) -> Target? {
        if case .prefixTranslation(_, let pairs)? = FilterAction(prefixes: value, end) {
            return .prefixes(pairs)
        }
        let port = value["port"]?.integer
        if let text = value["addr"] {
            guard let address = text.string.flatMap({ IPAddress($0) }) else { return nil }
            return .exact(address, port: port)
        }
        return port.map { .exact(nil, port: $0) }
    }

    /// The translation of a target of iptables(8) with its options; nil for other targets.
    init?(target name: String, _ options: ArraySlice<String>) {
        func value(_ option: String) -> String? {
            guard let index = options.firstIndex(of: option), index + 1 < options.endIndex else { return nil }
            return options[index + 1]
        }
        switch name {
        case "MASQUERADE": self.init(end: .source, target: .ofDevice(port: nil))
        case "REDIRECT":
            self.init(end: .destination, target: .ofDevice(port: value("--to-ports").flatMap { Int($0) }))
        case "SNAT", "DNAT":
            let text = value(name == "SNAT" ? "--to-source" : "--to-destination") ?? ""
            self.init(
                end: name == "SNAT" ? .source : .destination, target: Self.exact(text) ?? .unknown(text))
        case "NETMAP": self.init(end: .destination, target: .unknown(value("--to") ?? name))
        default: return nil
        }
    }

    /// As `10.244.2.8:8080`, `[fd00::1]:80`, `:8080` or an address alone; nil for ranges.
    private static func exact(_ text: String) -> Target? {
        if let address = IPAddress(text) { return .exact(address, port: nil) }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        if host.isEmpty { return .exact(nil, port: port) }
        return IPAddress(host).map { .exact($0, port: port) }
    }
}
