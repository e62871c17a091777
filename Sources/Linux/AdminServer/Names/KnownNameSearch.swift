import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import PathHealth

/// A search among the names that clusters are known to have.
struct KnownNameSearch: Hashable, Sendable {
    /// What was typed.
    let find: String
    /// The most names of an answer.
    let limit: Int
    /// The words, in lower case: all of them must fit a name.
    private let words: [String]

    /// The longest text, in octets.
    static let longestFind = 300
    /// The most names of an answer unless another number is wanted.
    private static let usualLimit = 50

    /// - Parameter limit: As it was typed; nil: not at all.
    /// - Returns: Nil if the text is too long, or the limit is not 1...100.
    init?(find: String, limit: String? = nil) {
        guard find.utf8.count <= Self.longestFind else { return nil }
        self.limit = limit.map { Int($0) ?? 0 } ?? Self.usualLimit
        guard (1...100).contains(self.limit) else { return nil }
        self.find = find
        words = find.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// True if each word is in the name, begins the cluster's key, or begins the address.
    func fits(_ known: KnownName) -> Bool {
        let name = "\(known.name)".lowercased()
        let (cluster, address) = (known.cluster.lowercased(), known.address.map { "\($0)" } ?? "")
        return words.allSatisfy { word in
            cluster.hasPrefix(word) || address.hasPrefix(word) || name.contains(word)
        }
    }
}

extension BrowseSettings {
    /// Why `client` may not list names; nil if it may.
    func objection(to client: IPAddress) -> String? {
        guard let clients else {
            return HostAddresses.isLocal(client)
                ? nil : "only this host may list names; browse.clients in the configuration lets others do so"
        }
        return clients.contains { $0.contains(client) } ? nil : "\(client) is not in browse.clients"
    }
}

extension ServerControl {
    /// The names that `search` finds for a client, as JSON: of those that the client may ask.
    func names(_ search: KnownNameSearch, for client: IPAddress) -> JSONValue {
        let reason =
            inventory.browse.objection(to: client)
            ?? (server.policy.view(of: client) == nil
                ? "\(client) may not ask: it is in no prefix of dns.clients" : nil)
        let found = reason == nil ? catalogue.names(for: client).filter(search.fits) : []
        let paths = reason == nil ? pathStates : [:]
        return .object([
            ("allowed", .boolean(reason == nil)), ("reason", .optional(reason)),
            ("find", .string(search.find)), ("total", .integer(found.count)),
            (
                "names",
                .array(
                    found.prefix(search.limit).map { name in
                        name.json.adding([("path", .optional(paths[name.cluster]))])
                    })
            ), ("walks", reason == nil ? catalogue.walksJSON(for: client) : .array([])),
        ])
    }

    /// The state of the paths to each cluster, as probes show it: if one of several carries, packets arrive.
    var pathStates: [String: String] {
        Dictionary(grouping: reports.pathVerdicts(), by: \.path.to).mapValues { verdicts in
            let states = verdicts.map(\.state.rawValue)
            return states.contains("up") ? "up" : states.first { $0 == "down" } ?? states.first ?? "unknown"
        }
    }
}

extension JSONValue {
    /// An object with further members.
    fileprivate func adding(_ more: [(key: String, value: JSONValue)]) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + more)
    }
}
