import DomainNames
import IPAddressing

extension ForwardingRules {
    /// Reads the stub domains of a Corefile: blocks of a zone with `forward` (or the older `proxy`) to
    /// addresses, and `forward ZONE ADDRESS` inside of any block.
    mutating func readCorefile(_ text: String, name: String) {
        for block in CorefileBlock.all(of: text) {
            let zones = block.zones.compactMap(Self.zone)
            let inner = block.plugins.compactMap { Self.rewrittenTo($0.words) }.first
            for plugin in block.plugins where ["forward", "proxy"].contains(plugin.words[0]) {
                let words = plugin.words.dropFirst()
                guard let from = words.first else { continue }
                let suffixes = from == "." ? zones : [Self.zone(from)].compactMap(\.self)
                let source = "\(name):\(plugin.line)"
                let servers = words.dropFirst().compactMap { Self.server($0) }
                if servers.isEmpty {
                    unusable += suffixes.filter { $0 != .root }.map {
                        "\(source): \($0) is forwarded to no address: \(words.joined(separator: " "))"
                    }
                }
                for suffix in suffixes {
                    add(ForwardingRule(suffix: suffix, servers: servers, zone: inner, sources: [source]))
                }
            }
        }
    }

    /// The zone of a word such as `cluster.local:53`, `dns://.:53` or `10.96.0.0/16`, which means its reverse
    /// zone.
    private static func zone(_ word: String) -> DomainName? {
        var text = Substring(word)
        if text.hasSuffix("{") { text = text.dropLast() }
        if text.hasSuffix(",") { text = text.dropLast() }
        if text.hasPrefix("dns://") { text = text.dropFirst(6) }
        if let prefix = try? IPPrefix(parsing: String(text)), text.contains("/") {
            return importedName(prefix.reverseZone)
        }
        return importedName(text.prefix { $0 != ":" })
    }

    /// The zone that a block's `rewrite [stop|continue] name suffix FROM TO` gives to questions; nil for
    /// other lines.
    private static func rewrittenTo(_ words: [String]) -> DomainName? {
        guard words.first == "rewrite", let kind = words.firstIndex(of: "suffix"),
            words[..<kind].contains("name"), words.indices.contains(kind + 2)
        else { return nil }
        return importedName(words[kind + 2])
    }

    /// A server of `forward`; nil for files and for transports besides UDP and TCP.
    private static func server(_ word: String) -> Endpoint? {
        Endpoint(word.hasPrefix("dns://") ? word.dropFirst(6) : word[...], defaultPort: 53)
    }
}
