import JSON
import Synchronization

/// What a cluster's API server holds, by path, and how it answers.
struct StandInCluster: Sendable {
    /// Lists and objects by their path without query.
    var objects: [String: JSONValue] = [
        "/version": .object(["major": .string("1"), "minor": .string("32"), "gitVersion": .string("v1.32.4")])
    ]

    /// Paths that the user may not read: `(path, reason)`, the reason as the API server words it.
    var forbidden: [String: String] = [:]

    /// True if nothing may be read but the version.
    var isSealed = false

    /// True if the login has expired.
    var isLoggedOut = false

    /// True if it takes questions and never answers.
    var isSilent = false

    /// True if it refuses a service's address without naming the range, as Kubernetes 1.33 does.
    var namesNoRange = false

    /// The service range that a refusal names.
    var serviceRange = "10.96.0.0/12"

    /// Status, reason and words of what pages after the first get, in turn; empty: the pages.
    var laterPages: PageFailures?

    /// Objects in one answer, for lists.
    var pageSize = 500

    static let system = "/api/v1/namespaces/kube-system"

    // MARK: - Setting up

    mutating func add(_ path: String, _ object: JSONValue) { objects[path] = object }

    /// Adds an object to the list at `path`.
    mutating func append(_ path: String, _ object: JSONValue) {
        let items = objects[path]?["items"]?.elements ?? []
        objects[path] = .object([("kind", .string("List")), ("items", .array(items + [object]))])
    }

    /// Adds API groups with version v1.
    mutating func addGroups(_ names: String...) {
        let earlier = objects["/apis"]?["groups"]?.elements ?? []
        let groups = names.map { name in
            JSONValue.object([
                "name": .string(name), "versions": .array([.object(["version": .string("v1")])]),
            ])
        }
        objects["/apis"] = .object([("kind", .string("APIGroupList")), ("groups", .array(earlier + groups))])
    }

    mutating func addConfigMap(_ name: String, _ data: [String: String]) {
        append(
            Self.system + "/configmaps",
            .object([
                "metadata": Self.metadata(name), "data": .object(data.mapValues { .string($0) }),
            ]))
    }

    mutating func addDaemonSet(
        _ name: String, namespace: String = "kube-system", variables: [String: String] = [:], desired: Int = 3
    ) {
        let rows = variables.sorted { $0.key < $1.key }.map { row in
            JSONValue.object(["name": .string(row.key), "value": .string(row.value)])
        }
        let container = JSONValue.object(["name": .string(name), "env": .array(rows)])
        append(
            "/apis/apps/v1/daemonsets",
            .object([
                "metadata": Self.metadata(name, namespace: namespace),
                "spec": .object(["template": .object(["spec": .object(["containers": .array([container])])])]),
                "status": .object(["desiredNumberScheduled": .integer(desired)]),
            ]))
    }

    mutating func addNode(
        _ name: String, _ addresses: [String], pods: [String] = [], annotations: [String: String] = [:],
        labels: [String: String] = [:], version: String = "v1.32.4", provider: String? = nil
    ) {
        var spec: [String: JSONValue] = [:]
        if !pods.isEmpty {
            spec["podCIDR"] = .string(pods[0])
            spec["podCIDRs"] = .array(pods.map { .string($0) })
        }
        if let provider { spec["providerID"] = .string(provider) }
        let rows = addresses.map { JSONValue.object(["type": .string("InternalIP"), "address": .string($0)]) }
        let host = JSONValue.object(["type": .string("Hostname"), "address": .string(name)])
        append(
            "/api/v1/nodes",
            .object([
                "metadata": Self.metadata(name, annotations: annotations, labels: labels), "spec": .object(spec),
                "status": .object([
                    "addresses": .array(rows + [host]), "nodeInfo": .object(["kubeletVersion": .string(version)]),
                ]),
            ]))
    }

    /// Adds a static pod of the control plane.
    mutating func addControlPlane(_ component: String, _ arguments: [String]) {
        let container = JSONValue.object([
            "name": .string(component), "command": .array(([component] + arguments).map { .string($0) }),
        ])
        append(
            Self.system + "/pods",
            .object([
                "metadata": .object([
                    "name": .string(component + "-master1"), "labels": .object(["component": .string(component)]),
                ]),
                "spec": .object(["containers": .array([container])]),
            ]))
    }

    mutating func addDNS(_ addresses: [String], pods: [String] = []) {
        let ports: [JSONValue] = ["UDP", "TCP"].map { name in
            .object(["name": .string("dns"), "port": .integer(53), "protocol": .string(name)])
        }
        append(
            Self.system + "/services",
            .object([
                "metadata": Self.metadata("kube-dns"),
                "spec": .object([
                    "clusterIP": .string(addresses[0]), "clusterIPs": .array(addresses.map { .string($0) }),
                    "ports": .array(ports),
                ]),
            ]))
        let endpoints = pods.map { JSONValue.object(["addresses": .array([.string($0)])]) }
        append(
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
            .object(["endpoints": .array(endpoints), "ports": .array(ports)]))
    }

    static func metadata(
        _ name: String, namespace: String = "kube-system", annotations: [String: String] = [:],
        labels: [String: String] = [:]
    ) -> JSONValue {
        .object([
            "name": .string(name), "namespace": .string(namespace),
            "annotations": .object(annotations.mapValues { .string($0) }),
            "labels": .object(labels.mapValues { .string($0) }),
        ])
    }

    // MARK: - Answering

    func answer(_ request: StandInServer.Request) -> StandInServer.Response? {
        if isSilent { return nil }
        if isLoggedOut { return Self.failure(401, "Unauthorized", "Unauthorized") }
        let path = String(request.target.prefix { $0 != "?" })
        if isSealed, path != "/version" {
            let verb = request.method == "GET" ? "get" : "create"
            return Self.failure(403, "Forbidden", "it is forbidden: User \"jane\" cannot \(verb) \(path)")
        }
        if request.method == "POST" { return create(path, request) }
        guard request.method == "GET" else { return Self.failure(405, "MethodNotAllowed", "nothing is written") }
        if let reason = forbidden[path] { return Self.failure(403, "Forbidden", reason) }
        if request.target.contains("continue="), let failure = laterPages?.next() { return failure }
        if let object = objects[path] {
            return StandInServer.Response(status: 200, body: page(of: object, request.target).description)
        }
        // An object of a list has a path of its own.
        if let slash = path.lastIndex(of: "/"), let list = objects[String(path[..<slash])]?["items"]?.elements {
            let name = String(path[path.index(after: slash)...])
            if let object = list.first(where: { $0["metadata"]?["name"]?.string == name }) {
                return StandInServer.Response(status: 200, body: object.description)
            }
        }
        return Self.failure(404, "NotFound", "the server could not find the requested resource")
    }

    /// As the API server of Kubernetes 1.32 refuses a service's address; nothing is ever made.
    private func create(_ path: String, _ request: StandInServer.Request) -> StandInServer.Response {
        guard path == "/api/v1/namespaces/default/services", request.target.contains("?dryRun=All") else {
            return Self.failure(405, "MethodNotAllowed", "nothing is written")
        }
        if let reason = forbidden[path] { return Self.failure(403, "Forbidden", reason) }
        let address = request.body.contains("2001:db8::1") ? "2001:db8::1" : "192.0.2.1"
        if namesNoRange {
            let words = "failed to allocate IP \(address): the provided network does not match the current range"
            return Self.failure(
                422, "Invalid", "Service \"namebridge-discover\" is invalid: spec.clusterIPs: Invalid value: \(words)")
        }
        let words =
            "Invalid value: []string{\"\(address)\"}: failed to allocate IP \(address): the provided IP (\(address)) is not"
            + " in the valid range. The range of valid IPs is \(serviceRange)"
        // kubectl tells the causes; versions of old nothing else.
        let cause: [String: JSONValue] = [
            "reason": .string("FieldValueInvalid"), "field": .string("spec.clusterIPs"), "message": .string(words),
        ]
        let details: [String: JSONValue] = [
            "name": .string("namebridge-discover"), "kind": .string("Service"), "causes": .array([.object(cause)]),
        ]
        let service = "Service \"namebridge-discover\" is invalid: spec.clusterIPs: "
        return Self.failure(422, "Invalid", service + words, details: details)
    }

    private func page(of object: JSONValue, _ target: String) -> JSONValue {
        guard let items = object["items"]?.elements, items.count > pageSize else { return object }
        let start = target.split(separator: "continue=").dropFirst().first.flatMap { Int($0.prefix(while: \.isNumber)) } ?? 0
        let end = min(start + pageSize, items.count)
        let token = end < items.count ? String(end) : ""
        return .object([
            "items": .array(Array(items[start..<end])), "metadata": .object(["continue": .string(token)]),
        ])
    }

    static func failure(
        _ status: Int, _ reason: String, _ message: String, details: [String: JSONValue] = [:]
    ) -> StandInServer.Response {
        let body = JSONValue.object([
            "kind": .string("Status"), "apiVersion": .string("v1"), "status": .string("Failure"),
            "message": .string(message), "reason": .string(reason), "code": .integer(status), "details": .object(details),
        ])
        return StandInServer.Response(status: status, body: body.description)
    }
}

/// What later pages of a list get instead of their objects, so many times.
final class PageFailures: Sendable {
    private let left: Mutex<Int>
    private let response: StandInServer.Response

    init(_ count: Int, _ response: StandInServer.Response) {
        left = Mutex(count)
        self.response = response
    }

    /// HTTP 410, as when the token's state is compacted away.
    static func expired(_ count: Int) -> PageFailures {
        let words = "The provided continue parameter is too old to display a consistent list result."
        return PageFailures(count, StandInCluster.failure(410, "Expired", words))
    }

    /// Nil once all have been given.
    func next() -> StandInServer.Response? {
        left.withLock { left in
            guard left > 0 else { return nil }
            left -= 1
            return response
        }
    }
}
