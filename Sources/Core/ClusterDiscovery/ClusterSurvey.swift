package import JSON

/// Questions one cluster's API server step by step: the next questions depend on the answers.
///
/// ```
/// next() -> topics -> (kubectl) -> take(answer, for: topic) -> next() ... until next() is empty
/// ```
/// It does no I/O itself; `findings` evaluates the answers.
package struct ClusterSurvey: Sendable {
    /// The cluster's context in the kubeconfig.
    package let context: String

    /// Parses the YAML inside of ConfigMaps, every scalar as a string; nil if it is not YAML.
    let readYAML: @Sendable (String) -> JSONValue?

    /// The outcome of each question.
    var answers: [SurveyTopic: Answer] = [:]

    /// The only questions to ask; nil: all that make sense.
    private let only: [SurveyTopic]?

    /// Whether the range of services may be found out by a dry run, for which most users lack permission.
    private let triesServices: Bool

    /// The version of each list (`metadata.resourceVersion`), from which a watch continues it.
    var versions: [SurveyTopic: String] = [:]

    /// Lists with further pages, and where these begin (`metadata.continue`).
    private var continuations: [SurveyTopic: String] = [:]

    /// The number of pages that were read of each list.
    private var pages: [SurveyTopic: Int] = [:]

    /// How often each list was read from the start again, after it broke off.
    private var restarts: [SurveyTopic: Int] = [:]

    /// Lists of which only a part was read, and why.
    private(set) var partial: [SurveyTopic: KubectlFailure] = [:]

    /// Why no further question makes sense; nil as long as one does.
    package private(set) var failure: KubectlFailure?

    /// The outcome of a question.
    enum Answer: Hashable, Sendable {
        /// The answer as JSON.
        case document(JSONValue)
        /// Why there is none.
        case failure(KubectlFailure)
    }

    /// What the nodes say of the distribution while findings are made; nil otherwise.
    var distribution: Distribution?

    /// The most items that are read of one list: 20,000 nodes, or ten blocks of 2,000 each.
    static let mostItems = 20_000
    /// The items of a page: a small one takes less memory, and more requests.
    private let pageSize: Int

    /// How often a list that breaks off is read from the start again.
    private static let mostRestarts = 2

    /// - Parameters:
    ///   - readYAML: Parses the YAML inside of ConfigMaps.
    ///   - only: The only questions to ask; nil: all that make sense.
    ///   - triesServices: Whether a dry run may find out the range of services.
    ///   - pageSize: The items of a page.
    package init(
        context: String, readYAML: @escaping @Sendable (String) -> JSONValue?, only: [SurveyTopic]? = nil,
        triesServices: Bool = true, pageSize: Int = 500
    ) {
        self.context = context
        self.readYAML = readYAML
        self.only = only
        self.triesServices = triesServices
        self.pageSize = pageSize
    }

    /// The questions to ask now; empty once everything is known that can be.
    package func next() -> [SurveyTopic] {
        if failure != nil { return [] }
        if let only { return only.filter { answers[$0] == nil || continuations[$0] != nil } }
        if answers[.version] == nil { return [.version] }
        // Ends: there are finitely many topics, each asked once, and no list has more than its pages
        // and restarts.
        return wanted.filter { answers[$0] == nil || continuations[$0] != nil }
    }

    /// The path and query of the request for `topic`.
    package func path(of topic: SurveyTopic) -> String {
        let path = topic.path.replacing("limit=500", with: "limit=\(pageSize)")
        guard let token = continuations[topic] else { return path }
        return path + "&continue=" + percentEncoded(token)
    }

    /// Takes the output of kubectl.
    package mutating func take(_ octets: [UInt8], for topic: SurveyTopic) {
        do throws(JSONError) {
            let document = try JSONReader.read(octets).withoutBallast
            if let version = document["metadata"]?["resourceVersion"]?.string, continuations[topic] == nil {
                versions[topic] = version
            }
            guard case .document(let earlier)? = answers[topic], continuations[topic] != nil else {
                answers[topic] = .document(document)
                noteContinuation(of: topic, in: document)
                return
            }
            answers[topic] = .document(.object(["items": .array(earlier.items + document.items)]))
            noteContinuation(of: topic, in: document)
        } catch {
            continuations[topic] = nil
            take(.other("the answer is not JSON: \(error)"), for: topic)
        }
    }

    /// Takes the reason for a missing answer.
    ///
    /// A list that breaks off half-way (its token has expired, HTTP 410, or the connection was cut) is read
    /// from the start again; if it breaks off each time, what was read is kept and marked as partial.
    package mutating func take(_ failure: KubectlFailure, for topic: SurveyTopic) {
        let isFirst = continuations.removeValue(forKey: topic) == nil
        if isFirst {
            answers[topic] = .failure(failure)
            if restarts[topic, default: 0] > 0 { partial[topic] = failure }
        } else if !failure.isFinal {
            if restarts[topic, default: 0] < Self.mostRestarts {
                restarts[topic, default: 0] += 1
                answers[topic] = nil
                pages[topic] = nil
            } else {
                partial[topic] = failure
            }
        }
        if failure.isFinal {
            self.failure = failure
        } else if topic == .version {
            switch failure {
            case .forbidden, .notFound: break  // others may be permitted
            default: self.failure = failure
            }
        }
    }

    /// Notes the token of a list's next page, if there is one.
    private mutating func noteContinuation(of topic: SurveyTopic, in document: JSONValue) {
        pages[topic, default: 0] += 1
        let token = topic == .endpointSlices ? "" : document["metadata"]?["continue"]?.string ?? ""
        guard !token.isEmpty else {
            continuations[topic] = nil
            return
        }
        guard pages[topic, default: 0] < Self.mostItems / pageSize else {
            continuations[topic] = nil
            partial[topic] = .other("the list has more than \(Self.mostItems) items")
            return
        }
        continuations[topic] = token
    }

    // MARK: - What was answered

    /// True if the list was read to its end.
    func isWhole(_ topic: SurveyTopic) -> Bool { document(topic) != nil && partial[topic] == nil }

    /// Failures that may be over when asked again, and lists that were read in part; not what the user may
    /// not read or the server does not have.
    var doubts: [KubectlFailure] {
        let failures = answers.keys.filter { $0.purpose != nil }.compactMap(failure)
        return partial.values + failures.filter { $0.mayPass }
    }

    /// The server's answer to `topic`; nil if there is none, or it was not asked.
    func document(_ topic: SurveyTopic) -> JSONValue? {
        guard case .document(let value)? = answers[topic] else { return nil }
        return value
    }

    /// The items of a list; empty if there is none.
    func items(_ topic: SurveyTopic) -> [JSONValue] { document(topic)?.items ?? [] }

    /// Why the question has no answer; nil if it has one.
    func failure(_ topic: SurveyTopic) -> KubectlFailure? {
        guard case .failure(let failure)? = answers[topic] else { return nil }
        return failure
    }

    /// True if the server refused `topic` to the user of the kubeconfig.
    func isForbidden(_ topic: SurveyTopic) -> Bool {
        guard case .forbidden? = failure(topic) else { return false }
        return true
    }

    // MARK: - What to ask

    /// Every question that makes sense with what is known so far.
    private var wanted: [SurveyTopic] {
        var topics: [SurveyTopic] = [
            .groups, .nodes, .controlPlane, .configMaps, .daemonSets, .dnsServices,
        ]
        if hasGroup("operator.openshift.io"), document(.groups) != nil {
            topics += [.openShiftDNS, .openShiftNetwork]
        }
        guard topics.allSatisfy({ answers[$0] != nil && continuations[$0] == nil }) else { return topics }
        if isForbidden(.configMaps) { topics += Self.systemConfigMaps }
        if isForbidden(.daemonSets) { topics.append(.systemDaemonSets) }
        if hasFlannel, configMap(named: "kube-flannel-cfg") == nil { topics.append(Self.flannelConfigMap) }
        if let service = dnsService?["metadata"]?["name"]?.string {
            topics.append(.dnsEndpoints(service: service))
        }
        topics += serviceCIDRTopics + calicoTopics
        if hasGroup("cilium.io") {
            topics.append(.ciliumNodes)
            if configMap(named: "cilium-config")?["ipam"]?.string == "multi-pool" {
                topics.append(.ciliumPools)
            }
        }
        guard topics.allSatisfy({ answers[$0] != nil && continuations[$0] == nil }) else { return topics }
        if servicePrefixes == nil, triesServices {
            topics.append(.serviceRange(isIPv6: false))
            if hasIPv6 { topics.append(.serviceRange(isIPv6: true)) }
        }
        return topics
    }

    /// The ConfigMaps of kube-system, asked one by one if listing them is not permitted.
    static let systemConfigMaps: [SurveyTopic] = [
        "kubeadm-config", "kube-proxy", "kubelet-config", "coredns", "cilium-config", "calico-config",
    ].map { .configMap(namespace: "kube-system", name: $0) }

    /// The ConfigMap with flannel's network.
    static let flannelConfigMap = SurveyTopic.configMap(namespace: "kube-flannel", name: "kube-flannel-cfg")

    /// The newest version first, the older one if that is missing.
    private var serviceCIDRTopics: [SurveyTopic] {
        let newest = SurveyTopic.serviceCIDRs(version: "v1")
        guard failure(newest) == .notFound, versions(of: "networking.k8s.io").contains("v1beta1") else {
            return [newest]
        }
        return [newest, .serviceCIDRs(version: "v1beta1")]
    }

    /// Calico's resources are in one of two groups, by its datastore's version.
    var calicoGroup: String? {
        if hasGroup("crd.projectcalico.org") { return "crd.projectcalico.org/v1" }
        return hasGroup("projectcalico.org") ? "projectcalico.org/v3" : nil
    }

    /// The questions about Calico's resources.
    private var calicoTopics: [SurveyTopic] {
        calicoGroup.map { [.calicoPools(group: $0), .calicoBlocks(group: $0), .calicoFelix(group: $0)] } ?? []
    }

    /// True if the server has the API group, and if its groups are unknown.
    private func hasGroup(_ name: String) -> Bool {
        guard let groups = document(.groups)?["groups"]?.elements else { return true }
        return groups.contains { $0["name"]?.string == name }
    }

    /// Such as `v1`; empty if the group or the list of groups is missing.
    private func versions(of name: String) -> [String] {
        let groups = document(.groups)?["groups"]?.elements ?? []
        let group = groups.first { $0["name"]?.string == name }
        return (group?["versions"]?.elements ?? []).compactMap { $0["version"]?.string }
    }
}

extension JSONValue {
    /// The elements of a Kubernetes list; empty if this is none.
    var items: [JSONValue] { self["items"]?.elements ?? [] }

    /// The name of a Kubernetes object; empty if it has none.
    var name: String { self["metadata"]?["name"]?.string ?? "" }

    /// The value of an annotation; nil if it has none.
    func annotation(_ key: String) -> String? { self["metadata"]?["annotations"]?[key]?.string }
}
