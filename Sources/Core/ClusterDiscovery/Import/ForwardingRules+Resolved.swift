package import IPAddressing

extension ForwardingRules {
    /// Reads `DNS=` and `Domains=` of resolved.conf(5) or systemd.network(5): the file's domains are asked of
    /// the file's servers.
    mutating func readResolved(_ lines: [SourceLine]) {
        var servers: [Endpoint] = []
        var domains: [(text: Substring, source: String)] = []
        for line in lines {
            guard let equals = line.text.firstIndex(of: "=") else { continue }
            let words = line.text[line.text.index(after: equals)...].split(whereSeparator: \.isWhitespace)
            switch line.text[..<equals].filter({ !$0.isWhitespace }) {
            // An empty value takes back what stands above it.
            case "DNS": servers = words.isEmpty ? [] : servers + words.compactMap(Self.resolvedServer)
            case "Domains": domains = words.isEmpty ? [] : domains + words.map { ($0, line.source) }
            default: continue
            }
        }
        addResolved(domains, servers)
    }

    /// Adds domains such as `~cluster.local`, all of which are asked of the same servers.
    private mutating func addResolved(
        _ domains: [(text: Substring, source: String)], _ servers: [Endpoint]
    ) {
        for (text, source) in domains {
            let bare = text.drop { $0 == "~" }
            if bare.isEmpty || bare == "." { continue }
            guard let name = importedName(bare) else {
                unusable.append("\(source): \(text) is no domain name")
                continue
            }
            add(ForwardingRule(suffix: name, servers: servers, sources: [source]))
        }
    }

    /// The domains and servers of one scope of a running systemd-resolved.
    package mutating func addScope(_ name: String, domains: [String], servers: [Endpoint]) {
        addResolved(domains.map { ($0[...], "systemd-resolved, \(name)") }, servers)
    }

    /// `ADDRESS[:PORT][%INTERFACE][#NAME]`.
    private static func resolvedServer(_ text: Substring) -> Endpoint? {
        Endpoint(text.prefix { $0 != "%" && $0 != "#" }, defaultPort: 53)
    }
}
