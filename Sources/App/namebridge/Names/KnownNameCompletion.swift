import AdminServer
import ArgumentParser

/// Completes words of the command line with what the running server knows and shows to this host.
enum KnownNameCompletion {
    /// The most suggestions.
    private static let mostSuggestions = 200

    /// Names such as `web.shop` that begin with `prefix`, each once.
    static func services(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        let services = known.compactMap { known -> String? in
            let text = "\(known.name)"
            guard let end = text.firstRange(of: ".svc.")?.lowerBound else { return nil }
            return String(text[..<end])
        }
        return suggestions(services, prefix)
    }

    /// Whole names that begin with `prefix`, each once.
    static func names(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        suggestions(known.map { "\($0.name)" }, prefix)
    }

    /// Scopes such as `prod` and `prod/shop` that begin with `prefix`, each once.
    static func scopes(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        suggestions(Array(KnownNames.scopes(of: known)), prefix)
    }

    /// The first page of the names that are known; empty without a server.
    private static var known: [KnownName] {
        guard let options = try? ControlOptions.parse([]) else { return [] }
        return KnownNames.read(at: options.clientPaths(), most: 1)
    }

    /// Those that begin with `prefix`, each once and in order, without those that have other octets than
    /// letters, digits and `.`, `_`, `/`, `-`.
    ///
    /// Clusters and clients choose names, and bash expands what it is given: a name with "$()" or backticks
    /// would be a command.
    static func suggestions(_ texts: [String], _ prefix: String) -> [String] {
        let plain = texts.filter { $0.hasPrefix(prefix) && $0.utf8.allSatisfy(isPlain) }
        return Array(Set(plain).sorted().prefix(mostSuggestions))
    }

    /// True for octets that no shell treats specially inside of a word.
    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "/"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
