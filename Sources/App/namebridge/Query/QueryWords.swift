import IPAddressing
import Inventory
import LDNSBridge

/// The words of `namebridge query`, in any order, as users of dig write them: `@SERVER`, `+short`, a name and
/// a type.
struct QueryWords: Equatable {
    /// The name, or the address of `-x`.
    private(set) var name = ""
    /// The type; nil: the default.
    private(set) var type: String?
    /// The server to ask; nil: those of the configuration.
    private(set) var server: String?
    /// The words that begin with `+`.
    private(set) var switches: Set<Switch> = []

    /// A word that begins with `+`.
    enum Switch: String, CaseIterable {
        /// The data of the answer only.
        case short
        /// The way that the question took.
        case trace
        /// As a client over TCP; `vc` is dig's other word for it.
        case tcp, vc
    }

    /// Why words make no question.
    enum Fault: Error, Equatable {
        /// There is no name.
        case noName
        /// Neither a name, since there is one, nor a type; with the nearest one.
        case surplus(String, nearest: String?)
        /// A type beside another one.
        case secondType(String)
        /// A word that begins with `+` and is not known; with the nearest one.
        case unknownSwitch(String, nearest: String?)
    }

    /// Sorts the words out.
    init(_ words: [String]) throws(Fault) {
        var names: [String] = []
        for word in words {
            if word.hasPrefix("@"), word.count > 1 {
                server = String(word.dropFirst())
            } else if word.hasPrefix("+") {
                try take(switch: String(word.dropFirst()))
            } else {
                names.append(word)
            }
        }
        // A class is what every question has.
        if names.count > 1, let place = names.firstIndex(where: { $0.uppercased() == "IN" }) {
            names.remove(at: place)
        }
        guard !names.isEmpty else { throw .noName }
        // Of two words that are both types, such as "ns a", the first is the name.
        if names.count > 1 {
            let place = names.indices.reversed().first { Mnemonics.type(named: names[$0]) != nil }
            if let place { type = names.remove(at: place) }
        }
        name = names.removeFirst()
        if let word = names.first {
            if Mnemonics.type(named: word) != nil { throw .secondType(word) }
            throw .surplus(word, nearest: nearestSpelling(of: word.uppercased(), among: Self.types))
        }
    }

    /// Words of dig, with or without `no` before them, that choose parts of its output: here the answer comes
    /// first in any case.
    private static let formWords: Set = [
        "all", "answer", "authority", "additional", "question", "comments", "cmd", "stats", "multiline",
        "multi", "rrcomments", "class", "ttlid", "ttlunits", "split", "crypto", "identify", "idnin", "idnout",
    ]

    /// Takes a word without its `+`.
    private mutating func take(switch word: String) throws(Fault) {
        let plain = word.lowercased()
        if Self.formWords.contains(plain.hasPrefix("no") ? String(plain.dropFirst(2)) : plain) { return }
        guard let known = Switch(rawValue: word.lowercased()) else {
            let all = Switch.allCases.map { "+" + $0.rawValue }
            throw .unknownSwitch("+" + word, nearest: nearestSpelling(of: "+" + word, among: all))
        }
        switches.insert(known)
    }

    /// Types that people ask for.
    private static let types = [
        "A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "ANY", "CAA", "DS", "HTTPS", "NAPTR",
        "SVCB",
    ]
}

extension QueryWords.Fault: CustomStringConvertible {
    var description: String {
        switch self {
        case .noName: "There is no name to ask for."
        case .surplus(let word, let nearest):
            "\(quoted(word)) is not a record type; write it like AAAA or TYPE65."
                + (nearest.map { " Did you mean \($0)?" } ?? "")
        case .secondType(let word):
            "One type at a time: \(quoted(word)) stands beside another one."
        case .unknownSwitch(let word, let nearest):
            "\(quoted(word)) is not known"
                + (nearest.map { "; did you mean \($0)?" } ?? "; known are +short, +trace and +tcp.")
        }
    }
}
