import AdminServer
import ArgumentParser
import JSON

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
        let scopes = known.flatMap { known -> [String] in
            let labels = "\(known.name)".split(separator: ".")
            guard let top = labels.firstIndex(of: "svc"), top > 0 else { return [known.cluster] }
            return [known.cluster, "\(known.cluster)/\(labels[top - 1])"]
        }
        return suggestions(scopes, prefix)
    }

    /// The first page of the names that are known; empty without a server.
    private static var known: [KnownName] {
        guard let options = try? ControlOptions.parse([]) else { return [] }
        do throws(ControlError) {
            let request = ControlRequest.names(NameScope(), from: 0)
            let answer = try ControlClient.ask(request, at: options.clientPaths()).answer
            return (answer["names"]?.elements ?? []).compactMap(KnownName.init(json:))
        } catch {
            return []
        }
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
