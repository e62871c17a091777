package import DomainNames
package import IPAddressing

/// What /etc/resolv.conf says, as glibc reads it (resolv.conf(5)).
package struct ResolverFile: Hashable, Sendable {
    /// In their order; glibc uses the first three.
    package var servers: [Endpoint] = []

    /// The last `search` or `domain` line.
    package var search: [String] = []

    /// The words after `options`.
    package var options: [String] = []

    /// - Parameter text: The file; unknown lines are skipped, as glibc does.
    package init(reading text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
            guard let key = words.first, words.count > 1 else { continue }
            switch key {
            case "nameserver":
                // A zone, as in fe80::1%eth0, is for the kernel.
                let address = words[1].split(separator: "%").first.flatMap { IPAddress($0) }
                if let address { servers.append(Endpoint(address: address, port: 53)) }
            case "search", "domain": search = Array(words.dropFirst())
            case "options": options += words.dropFirst()
            default: continue
            }
        }
    }

    /// The number of an option such as `ndots`; nil if it is not given.
    package func number(_ option: String) -> Int? {
        options.last { $0.hasPrefix(option + ":") }.flatMap { Int($0.dropFirst(option.count + 1)) }
    }

    /// Dots that a name needs to be asked as it is before the search list is tried; 0...15, default 1.
    package var dots: Int { min(number("ndots") ?? 1, 15) }

    /// Seconds that glibc waits for a server before it asks the next; 1...30, default 5.
    package var timeout: Int { min(max(number("timeout") ?? 5, 1), 30) }

    /// glibc's MAXNS.
    package static let usedServers = 3
}

/// The `hosts` line of /etc/nsswitch.conf (nsswitch.conf(5)).
package struct NameServiceSwitch: Hashable, Sendable {
    /// Services and actions in their order, such as `files`, `mdns4_minimal`, `[NOTFOUND=return]`, `dns`.
    package var words: [String] = []

    /// - Parameter text: The file.
    package init(reading text: String) {
        for line in text.split(separator: "\n") {
            let bare = line.prefix { $0 != "#" }
            guard bare.hasPrefix("hosts:") else { continue }
            words = bare.dropFirst(6).split { $0 == " " || $0 == "\t" }.map(String.init)
        }
    }

    /// The service that ends the search for `.local` names before DNS is asked; nil if none does.
    package var multicastBeforeDNS: String? {
        let dns = words.firstIndex { $0 == "dns" || $0 == "resolve" } ?? words.endIndex
        for (index, word) in words.enumerated() where word.hasPrefix("mdns") && index < dns {
            let next = index + 1 < words.count ? words[index + 1].uppercased() : ""
            if word.hasSuffix("_minimal") ? next.contains("NOTFOUND=RETURN") : true { return word }
        }
        return nil
    }

    /// The line with the multicast services after DNS and without what ended the search.
    package var mended: String {
        let multicast = words.filter { $0.hasPrefix("mdns") }
        let others = words.filter { !$0.hasPrefix("mdns") && !$0.uppercased().contains("NOTFOUND=RETURN") }
        return "hosts: " + (others + multicast).joined(separator: " ")
    }
}

/// Which servers systemd-resolved asks for which suffixes, as `resolvectl domain` and `resolvectl dns` tell
/// them for each scope: the whole host (`Global`) or a link (`Link 2 (eth0)`).
package struct ResolvedDomains: Hashable, Sendable {
    /// The suffixes of each scope, without `~`.
    package var domains: [String: [String]] = [:]

    /// The servers of each scope. A domain sends names to any of them, not to a certain one.
    package var servers: [String: [Endpoint]] = [:]

    /// - Parameters:
    ///   - domains: Lines such as `Global: ~cluster.local` and `Link 2 (eth0): lan ~corp.example`.
    ///   - servers: Lines such as `Global: 172.16.0.5` and `Link 2 (eth0): 172.16.0.1%2#dns.example`.
    package init(reading domains: String, servers: String = "") {
        for (scope, words) in Self.scopes(domains) {
            self.domains[scope] = words.map { String($0.drop { $0 == "~" }) }
        }
        for (scope, words) in Self.scopes(servers) {
            self.servers[scope] = words.compactMap { word in
                Endpoint(word.prefix { $0 != "%" && $0 != "#" }, defaultPort: 53)
            }
        }
    }

    /// The lines `SCOPE: WORDS` of resolvectl.
    private static func scopes(_ text: String) -> [(scope: String, words: [Substring])] {
        text.split(separator: "\n").compactMap { line in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), line[line.index(after: colon)...].split(separator: " "))
        }
    }

    /// The longest domain that `suffix` is in; nil if there is none.
    package func match(_ suffix: DomainName) -> String? {
        domains.values.joined().filter { text in
            guard let domain = try? DomainName(parsing: text.isEmpty ? "." : text) else { return false }
            return suffix.isAtOrBelow(domain)
        }.max { $0.utf8.count < $1.utf8.count }
    }

    /// Those that may be asked for `suffix` by its longest domain, in no order.
    package func servers(for suffix: DomainName) -> Set<Endpoint> {
        guard let match = match(suffix) else { return [] }
        let scopes = domains.filter { $0.value.contains(match) }.map(\.key)
        return Set(scopes.flatMap { servers[$0] ?? [] })
    }
}
