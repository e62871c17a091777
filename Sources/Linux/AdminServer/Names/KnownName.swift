package import DomainNames
package import IPAddressing
package import JSON

/// A name that a cluster is known to have.
package struct KnownName: Hashable, Sendable {
    /// As clients ask for it.
    package let name: DomainName
    /// The cluster's key.
    package let cluster: String
    /// The address that it was found by, as clients use it; nil for a name from the cache.
    package let address: IPAddress?
    /// How it became known.
    package let source: Source
    /// When it was last seen, in seconds ago.
    package let ageSeconds: Int

    /// How a name became known.
    package enum Source: String, Sendable {
        /// A follower has seen endpoints of the service.
        case facts
        /// An address of the cluster has it: a walk of the service ranges.
        case walk
        /// A client has asked for it.
        case cache
    }

    /// Creates a known name.
    package init(
        name: DomainName, cluster: String, address: IPAddress? = nil, source: Source, ageSeconds: Int
    ) {
        self.name = name
        self.cluster = cluster
        self.address = address
        self.source = source
        self.ageSeconds = ageSeconds
    }

    /// The name as JSON.
    package var json: JSONValue {
        .object([
            ("name", .string("\(name)")), ("cluster", .string(cluster)),
            ("address", address.map { .string("\($0)") } ?? .null), ("source", .string(source.rawValue)),
            ("age-seconds", .integer(ageSeconds)),
        ])
    }

    /// Parses what `json` wrote; nil if it is something else.
    package init?(json: JSONValue) {
        guard let text = json["name"]?.string, let name = try? DomainName(parsing: text),
            let source = json["source"]?.string.flatMap(Source.init)
        else { return nil }
        self.init(
            name: name, cluster: json["cluster"]?.string ?? "",
            address: json["address"]?.string.flatMap { IPAddress($0) }, source: source,
            ageSeconds: json["age-seconds"]?.count ?? 0)
    }
}

/// Which names are listed.
package struct NameScope: Hashable, Sendable {
    /// The cluster's key; nil: all clusters.
    package var cluster: String?
    /// Nil: all namespaces.
    package var namespace: String?

    /// Creates a name scope.
    package init(cluster: String? = nil, namespace: String? = nil) {
        self.cluster = cluster
        self.namespace = namespace
    }

    /// Reads `CLUSTER`, `CLUSTER/NAMESPACE` or `*/NAMESPACE`; nil if a part is not one.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let isRight = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 63 && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        guard parts.count <= 2, isRight else { return nil }
        cluster = parts[0] == "*" ? nil : parts[0]
        namespace = parts.count > 1 ? parts[1] : nil
    }

    /// The scope as the command line has it.
    package var text: String { (cluster ?? "*") + (namespace.map { "/" + $0 } ?? "") }

    /// True if the name is in it: its namespace is the label before `svc` or `pod`.
    func contains(_ name: DomainName, of cluster: String) -> Bool {
        guard self.cluster == nil || self.cluster == cluster else { return false }
        guard let namespace else { return true }
        let labels = name.labels.map { String(decoding: $0.map(foldedOctet), as: UTF8.self) }
        guard let top = labels.firstIndex(where: { $0 == "svc" || $0 == "pod" }), top > 0 else {
            return false
        }
        return labels[top - 1] == namespace.lowercased()
    }
}
