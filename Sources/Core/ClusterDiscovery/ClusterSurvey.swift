package import JSON

/// Asks one cluster's API server, question after question: what comes next depends on what was answered.
///
/// ```
/// next() -> topics -> (kubectl) -> take(answer, for: topic) -> next() ... until next() is empty
/// ```
/// It does no I/O itself; `findings` reads what was answered.
package struct ClusterSurvey: Sendable {
    /// What the kubeconfig calls the cluster.
    package let context: String

    /// Reads the YAML that stands inside of ConfigMaps, every scalar as a string; nil if it is none.
    let readYAML: @Sendable (String) -> JSONValue?

    /// What came of each question.
    private(set) var answers: [SurveyTopic: Answer] = [:]

    /// Lists that go on, and where (`metadata.continue`).
    private var continuations: [SurveyTopic: String] = [:]

    /// How many pages of each list were taken.
    private var pages: [SurveyTopic: Int] = [:]

    /// How often each list was begun anew, after it broke off.
    private var restarts: [SurveyTopic: Int] = [:]

    /// Lists of which only a part was taken, and why.
    private(set) var partial: [SurveyTopic: KubectlFailure] = [:]

    /// Why nothing can be asked any more; nil while something can.
    package private(set) var failure: KubectlFailure?

    /// What came of a question.
    enum Answer: Hashable, Sendable {
        case document(JSONValue)
        case failure(KubectlFailure)
    }

    /// The pages of 500 items that are taken of one list at most: 20,000 nodes, or ten blocks of 2,000 each.
    private static let mostPages = 40

    /// A list that breaks off is begun anew so often.
    private static let mostRestarts = 2

    package init(context: String, readYAML: @escaping @Sendable (String) -> JSONValue?) {
        self.context = context
        self.readYAML = readYAML
    }

    /// What to ask now; nothing once all is known that can be.
    package func next() -> [SurveyTopic] {
        if failure != nil { return [] }
        if answers[.version] == nil { return [.version] }
        // Ends: there are finitely many topics, each asked once, and no list has more than its pages and
        // restarts.
        return wanted.filter { answers[$0] == nil || continuations[$0] != nil }
    }

    /// The path and query to ask for `topic` with.
    package func path(of topic: SurveyTopic) -> String {
        guard let token = continuations[topic] else { return topic.path }
        return topic.path + "&continue=" + percentEncoded(token)
    }

    /// Takes what kubectl has printed.
    package mutating func take(_ octets: [UInt8], for topic: SurveyTopic) {
        do throws(JSONError) {
            let document = try JSONReader.read(octets)
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

    /// Takes why there is no answer.
    ///
    /// A list that breaks off half-way (its token has expired, HTTP 410, or the connection was cut) is begun
    /// anew; a list that breaks off each time keeps what it has, and is known to be partial.
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

    private mutating func noteContinuation(of topic: SurveyTopic, in document: JSONValue) {
        pages[topic, default: 0] += 1
        let token = document["metadata"]?["continue"]?.string ?? ""
        guard !token.isEmpty else {
            continuations[topic] = nil
            return
        }
        guard pages[topic, default: 0] < Self.mostPages else {
            continuations[topic] = nil
            partial[topic] = .other("the list has more than \(Self.mostPages) pages")
            return
        }
        continuations[topic] = token
    }

    // MARK: - What was answered

    /// What the server answered to `topic`; nil if it did not, or was not asked.
    func document(_ topic: SurveyTopic) -> JSONValue? {
        guard case .document(let value)? = answers[topic] else { return nil }
        return value
    }

    /// The items of a list; empty if there is none.
    func items(_ topic: SurveyTopic) -> [JSONValue] { document(topic)?.items ?? [] }

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

    /// Every question that makes sense by what is known so far.
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
        if servicePrefixes == nil {
            topics.append(.serviceRange(isIPv6: false))
            if hasIPv6 { topics.append(.serviceRange(isIPv6: true)) }
        }
        return topics
    }

    static let systemConfigMaps: [SurveyTopic] = [
        "kubeadm-config", "kube-proxy", "kubelet-config", "coredns", "cilium-config", "calico-config",
    ].map { .configMap(namespace: "kube-system", name: $0) }

    static let flannelConfigMap = SurveyTopic.configMap(namespace: "kube-flannel", name: "kube-flannel-cfg")

    /// The newest version first, the older one where that is not there.
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

    private var calicoTopics: [SurveyTopic] {
        calicoGroup.map { [.calicoPools(group: $0), .calicoBlocks(group: $0)] } ?? []
    }

    /// True if the server has the API group, and where it did not say which it has.
    private func hasGroup(_ name: String) -> Bool {
        guard let groups = document(.groups)?["groups"]?.elements else { return true }
        return groups.contains { $0["name"]?.string == name }
    }

    /// Such as `v1`; empty if the group or the list of groups is not there.
    private func versions(of name: String) -> [String] {
        let groups = document(.groups)?["groups"]?.elements ?? []
        let group = groups.first { $0["name"]?.string == name }
        return (group?["versions"]?.elements ?? []).compactMap { $0["version"]?.string }
    }
}

extension JSONValue {
    /// The elements of a Kubernetes list; empty if this is none.
    var items: [JSONValue] { self["items"]?.elements ?? [] }

    /// What a Kubernetes object is called; empty if it has no name.
    var name: String { self["metadata"]?["name"]?.string ?? "" }

    /// Its value of an annotation; nil if it has none.
    func annotation(_ key: String) -> String? { self["metadata"]?["annotations"]?[key]?.string }
}
