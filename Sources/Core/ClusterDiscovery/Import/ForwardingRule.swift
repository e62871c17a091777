package import DomainNames
package import IPAddressing

/// A rule in the configuration of another resolver: certain servers are asked for the names below a suffix.
package struct ForwardingRule: Hashable, Sendable {
    /// The suffix.
    package var suffix: DomainName
    /// The servers, in their order; never empty.
    package var servers: [Endpoint]
    /// The zone that the servers know the names below, where the rule rewrites names; nil: the suffix itself.
    package var zone: DomainName?
    /// The places of the rule, such as `/etc/dnsmasq.conf:12`.
    package var sources: [String]
    /// The prefix whose reverse names the rule is for; nil for other suffixes.
    package private(set) var reversePrefix: IPPrefix?

    package init(suffix: DomainName, servers: [Endpoint], zone: DomainName? = nil, sources: [String]) {
        self.suffix = suffix
        self.servers = servers
        self.zone = zone
        self.sources = sources
        reversePrefix = IPPrefix(reverseZone: suffix.folded.description)
    }

    /// The rule for the reverse names of `prefix`; nil if they have no zone.
    init?(prefix: IPPrefix, servers: [Endpoint], source: String) {
        guard let zone = importedName(prefix.reverseZone) else { return nil }
        self.init(suffix: zone, servers: servers, sources: [source])
        reversePrefix = prefix
    }
}

/// The forwarding rules of a text.
package struct ForwardingRules: Hashable, Sendable {
    /// The rules, in the order of the text; those for one suffix are one rule.
    package private(set) var rules: [ForwardingRule] = []

    /// Lines that are rules and cannot be used, with the reason.
    package var unusable: [String] = []

    package init() {}

    /// Reads the configuration of dnsmasq, CoreDNS (a Corefile) or systemd-resolved (`resolved.conf`, or a
    /// `.network` file); which of them it is follows from the text.
    ///
    /// - Parameter name: The file's name, for `ForwardingRule.sources`.
    package init(reading text: String, name: String) {
        let lines = SourceLine.all(of: text, name: name)
        if lines.contains(where: { $0.text == "[Resolve]" || $0.text == "[Network]" }) {
            readResolved(lines)
        } else if lines.contains(where: { $0.text.hasSuffix("{") }) {
            readCorefile(text, name: name)
        } else {
            readDnsmasq(lines)
        }
    }

    /// The rules of all texts; what several of them say of one suffix is one rule.
    package init(_ all: [ForwardingRules]) {
        for other in all {
            for rule in other.rules { add(rule) }
            unusable += other.unusable
        }
    }

    /// Adds a rule, or its servers to the rule of the same suffix. A suffix whose servers differ from one
    /// text to the other stays two rules: two clusters may call themselves `cluster.local`.
    package mutating func add(_ rule: ForwardingRule) {
        guard !rule.servers.isEmpty, rule.suffix != .root else { return }
        let file = rule.file
        let index = rules.firstIndex {
            $0.suffix == rule.suffix && $0.zone == rule.zone && $0.reversePrefix == rule.reversePrefix
                && ($0.file == file || Set($0.servers) == Set(rule.servers))
        }
        guard let index else { return rules.append(rule) }
        rules[index].servers += rule.servers.filter { !rules[index].servers.contains($0) }
        rules[index].sources += rule.sources.filter { !rules[index].sources.contains($0) }
    }
}

extension ForwardingRule {
    /// The text that its first source is in.
    fileprivate var file: Substring? { sources.first?.split(separator: ":").first }
}

/// A line of a configuration file without its comment.
struct SourceLine {
    /// Never empty, without spaces at its ends.
    let text: Substring
    /// `FILE:LINE`.
    let source: String

    /// The lines of `text` that are more than a comment.
    static func all(of text: String, name: String) -> [SourceLine] {
        // "\r\n" is one character: files from Windows have it.
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().compactMap {
            index, line in
            let bare = line.drop(while: \.isWhitespace)
            guard let first = bare.first, first != "#", first != ";" else { return nil }
            var end = bare
            while end.last?.isWhitespace == true { end.removeLast() }
            return SourceLine(text: end, source: "\(name):\(index + 1)")
        }
    }
}

/// The name in `text` as the configuration file accepts it; nil if it does not.
func importedName(_ text: some StringProtocol) -> DomainName? {
    domainName(String(text.hasPrefix(".") ? text.dropFirst() : text[...]))
}
