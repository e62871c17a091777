import JSON

/// One line of a watch: what has happened to an object of the list (`WatchEvent` of Kubernetes).
enum WatchEvent: Hashable, Sendable {
    /// The object is new, or has changed: ADDED and MODIFIED.
    case changed(JSONValue)
    /// The object is gone: DELETED, with its last state.
    case deleted(JSONValue)
    /// Nothing before `version` will come any more: BOOKMARK.
    case bookmark(version: String)
    /// The version to continue from is too old (HTTP 410): the list must be read again.
    case gone
    /// The server ends the watch: ERROR with another status.
    case failed(KubectlFailure)

    /// Reads a line; nil if it is no event, as when it was cut.
    init?(line: [UInt8]) {
        guard let whole = try? JSONReader.read(line), let type = whole["type"]?.string,
            let object = whole["object"]
        else { return nil }
        switch type {
        case "ADDED", "MODIFIED":
            guard !object.name.isEmpty else { return nil }
            self = .changed(object.withoutBallast)
        case "DELETED":
            guard !object.name.isEmpty else { return nil }
            self = .deleted(object.withoutBallast)
        case "BOOKMARK":
            guard let version = object["metadata"]?["resourceVersion"]?.string else { return nil }
            self = .bookmark(version: version)
        case "ERROR": self = Self.error(object)
        default: return nil
        }
    }

    /// The object that was changed or deleted; nil for other events.
    var object: JSONValue? {
        switch self {
        case .changed(let object), .deleted(let object): object
        case .bookmark, .gone, .failed: nil
        }
    }

    /// True if an object was deleted.
    var isDeletion: Bool {
        if case .deleted = self { true } else { false }
    }

    /// `SERVICE.NAMESPACE` of the service whose endpoints have changed; nil if the object is no slice of one.
    var service: String? {
        guard let metadata = object?["metadata"], let namespace = metadata["namespace"]?.string,
            let name = metadata["labels"]?["kubernetes.io/service-name"]?.string,
            isNodeName(name), isNodeName(namespace)
        else { return nil }
        return "\(name).\(namespace)"
    }

    /// What a `Status` means.
    private static func error(_ status: JSONValue) -> WatchEvent {
        let words = plainText(status["message"]?.string ?? "the API server gives no reason")
        switch status["code"]?.integer {
        case 410: return .gone
        case 401: return .failed(.unauthorized)
        case 403: return .failed(.forbidden(reason: words))
        case 429: return .failed(.throttled)
        default: return .failed(.other("the API server ends the watch: \(words)"))
        }
    }
}

extension ClusterSurvey {
    /// Takes the version of an event of a list whose objects are not kept.
    mutating func noteVersion(of event: WatchEvent, of topic: SurveyTopic) {
        guard let version = event.object?["metadata"]?["resourceVersion"]?.string else { return }
        versions[topic] = version
    }

    /// Applies an event to the list of `topic`.
    ///
    /// - Returns: Whether a finding may differ now; most events of nodes are heartbeats.
    mutating func apply(_ event: WatchEvent, to topic: SurveyTopic) -> Change {
        guard let document = document(topic) else { return .none }
        var items = document.items
        let object: JSONValue
        switch event {
        case .changed(let changed): object = changed
        case .deleted(let deleted): object = deleted
        case .bookmark(let version):
            versions[topic] = version
            return .none
        case .gone, .failed: return .none
        }
        if let version = object["metadata"]?["resourceVersion"]?.string { versions[topic] = version }
        let index = items.firstIndex { $0.name == object.name && $0.namespace == object.namespace }
        switch (event, index) {
        case (.deleted, let index?): items.remove(at: index)
        case (.deleted, nil): return .none
        case (_, let index?):
            if items[index].withoutVersion == object.withoutVersion { return .none }
            items[index] = object
        case (_, nil):
            guard items.count < Self.mostItems else { return .tooMany }
            items.append(object)
        }
        answers[topic] = .document(.object([(key: "items", value: .array(items))]))
        return .changed
    }

    /// What an event has done to a list.
    enum Change {
        /// Nothing that findings depend on.
        case none
        /// An object has changed, come or gone.
        case changed
        /// Nothing: the list has no room for another object.
        case tooMany
    }
}

extension SurveyTopic {
    /// True for a list that a follower watches; the others are asked again from time to time.
    package var isWatched: Bool {
        switch self {
        case .nodes, .calicoBlocks, .calicoPools, .ciliumNodes, .serviceCIDRs, .dnsServices, .endpointSlices:
            true
        default: false
        }
    }

    /// The path and query of a watch.
    ///
    /// - Parameter version: What it continues from; nil: every object comes as new first.
    package func watchPath(from version: String?) -> String {
        let path = self.path.split(separator: "?", maxSplits: 1)
        let query = (path.count > 1 ? path[1].split(separator: "&") : []).filter { !$0.hasPrefix("limit=") }
        var words = query.map(String.init)
        words += ["watch=true", "allowWatchBookmarks=true", "timeoutSeconds=\(Self.watchSeconds)"]
        if let version { words.append("resourceVersion=\(percentEncoded(version))") }
        return "\(path.first ?? "")?\(words.joined(separator: "&"))"
    }

    /// How long a watch lasts before it is continued by the next one: in between servers may be balanced
    /// anew.
    private static var watchSeconds: Int { 1800 }
}

extension JSONValue {
    /// The namespace of a Kubernetes object; empty if it has none.
    fileprivate var namespace: String { self["metadata"]?["namespace"]?.string ?? "" }

    /// The object without the version that each write of it changes.
    fileprivate var withoutVersion: JSONValue {
        replacing("metadata") { $0.removing(["resourceVersion", "generation"]) }
    }

    /// The object or list without what no finding depends on: most octets of a node are such.
    var withoutBallast: JSONValue {
        if let items = self["items"]?.elements {
            return replacing("items") { _ in .array(items.map(\.withoutBallast)) }
        }
        guard let metadata = self["metadata"], metadata.members != nil else { return self }
        return replacing("metadata") { metadata in
            metadata.removing(["managedFields", "ownerReferences", "creationTimestamp", "uid", "selfLink"])
                .replacing("annotations") {
                    $0.removing(["kubectl.kubernetes.io/last-applied-configuration"])
                }
        }.replacing("status") { status in
            status.removing([
                "images", "conditions", "volumesInUse", "volumesAttached", "capacity", "allocatable",
                "containerStatuses", "initContainerStatuses",
            ])
        }
    }

    /// An object without the members `keys`; another value as it is.
    private func removing(_ keys: Set<String>) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { !keys.contains($0.key) })
    }

    /// An object with another value for `key`, if it has that.
    private func replacing(_ key: String, _ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.map { $0.key == key ? ($0.key, change($0.value)) : $0 })
    }
}
