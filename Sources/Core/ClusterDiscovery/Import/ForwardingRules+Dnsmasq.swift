import DomainNames
import IPAddressing

extension ForwardingRules {
    /// Reads `server=/SUFFIX/.../ADDRESS#PORT@SOURCE`, `local=` and `rev-server=` lines (dnsmasq(8)).
    mutating func readDnsmasq(_ lines: [SourceLine]) {
        for line in lines {
            guard let equals = line.text.firstIndex(of: "=") else { continue }
            let key = line.text[..<equals].filter { !$0.isWhitespace }
            // A comment may follow a value, after a space.
            let value = line.text[line.text.index(after: equals)...].drop(while: \.isWhitespace)
                .prefix { !$0.isWhitespace }
            switch key {
            case "server", "local": readServer(value, line)
            case "rev-server": readReverseServer(value, line)
            default: continue
            }
        }
    }

    /// `server=` with suffixes; one without is for every name, and no rule.
    private mutating func readServer(_ value: Substring, _ line: SourceLine) {
        guard value.hasPrefix("/") else { return }
        let parts = value.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last else { return }
        // Without a server dnsmasq answers itself; "#" means its usual servers.
        if last.isEmpty || last == "#" { return }
        guard let server = Self.dnsmasqServer(last) else {
            return unusable.append("\(line.source): \(line.text): no address of a server")
        }
        for suffix in parts.dropLast() where !suffix.isEmpty && suffix != "#" {
            guard let name = importedName(suffix.hasPrefix("*.") ? suffix.dropFirst(2) : suffix) else {
                unusable.append("\(line.source): \(line.text): \(suffix) is no domain name")
                continue
            }
            add(ForwardingRule(suffix: name, servers: [server], sources: [line.source]))
        }
    }

    /// `rev-server=PREFIX,SERVER`.
    private mutating func readReverseServer(_ value: Substring, _ line: SourceLine) {
        let parts = value.split(separator: ",", maxSplits: 1)
        guard parts.count == 2, let prefix = try? IPPrefix(parsing: String(parts[0])),
            let server = Self.dnsmasqServer(parts[1]),
            let rule = ForwardingRule(prefix: prefix, servers: [server], source: line.source)
        else { return unusable.append("\(line.source): \(line.text): no prefix and address of a server") }
        add(rule)
    }

    /// `ADDRESS[#PORT][@SOURCE]`.
    private static func dnsmasqServer(_ text: Substring) -> Endpoint? {
        let bare = text.prefix { $0 != "@" }
        let parts = bare.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress($0.prefix { $0 != "%" }) }) else { return nil }
        guard parts.count == 2 else { return Endpoint(address: address, port: 53) }
        return UInt16(parts[1]).map { Endpoint(address: address, port: $0) }
    }
}
