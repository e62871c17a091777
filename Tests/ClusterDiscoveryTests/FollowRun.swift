import ClusterDiscovery
import IPAddressing
import Inventory
import InventoryFile
import JSON
import Testing
import Time

/// Plays a cluster that changes, and time, against `FollowedCluster`: kubectl is a function here.
struct FollowRun {
    var cluster: StandInCluster
    var followed: FollowedCluster
    /// What every question gets instead of an answer; nil: the cluster answers.
    var failure: KubectlFailure?
    /// What questions about these paths get.
    var failures: [String: KubectlFailure] = [:]
    /// The paths that may not be read.
    var forbids: (String) -> Bool = { _ in false }
    /// The open watches.
    var watches: [SurveyTopic: WatchName] = [:]
    /// The paths of all watches so far.
    var watched: [String] = []
    /// The paths of all questions so far.
    var asked: [String] = []
    /// The facts that were to be written, with the second of each.
    var written: [(second: Double, facts: ClusterFacts)] = []
    var now = MonotonicTime(nanoseconds: 0)
    /// What the wall clock read at the start.
    var start = 1_800_000_000

    init(_ cluster: StandInCluster, facts: ClusterFacts? = nil, endpoints: Bool = false) {
        self.cluster = cluster
        followed = FollowedCluster(
            key: "prod", settings: FollowSettings(context: "prod", endpoints: endpoints), facts: facts,
            at: FollowTime(monotonic: now, wall: start),
            readYAML: { YAMLValues.read($0) })
    }

    var time: FollowTime { FollowTime(monotonic: now, wall: start + Int(now.milliseconds / 1000)) }
    var last: ClusterFacts? { written.last?.facts }
    var nodes: [String] { (last?.nodes?.value ?? []).map(\.node.name) }

    /// Does everything that is due, at this moment.
    mutating func settle() throws {
        for _ in 0..<200 {
            let tasks = followed.due(at: time)
            for task in tasks {
                switch task {
                case .ask(let topic, let path):
                    asked.append(path)
                    followed.take(try answer(path), for: topic, at: time)
                case .watch(let topic, let number, let path):
                    watched.append(path)
                    if let failure { followed.endWatch(WatchName(topic: topic, number: number), failure, at: time) }
                    watches[topic] = failure == nil ? WatchName(topic: topic, number: number) : nil
                case .stop(let watch): watches = watches.filter { $0.value != watch }
                }
            }
            if let facts = followed.facts(at: time) {
                written.append((Double(now.milliseconds) / 1000, facts))
            }
            if tasks.isEmpty { return }
        }
        Issue.record("there is always something to do at once")
    }

    /// Lets time pass, with everything that becomes due.
    mutating func pass(seconds: Double) throws {
        let end = now.advanced(milliseconds: Int(seconds * 1000))
        try settle()
        for _ in 0..<10_000 {
            let next = followed.nextTime
            guard next <= end else { break }
            now = max(now.advanced(milliseconds: 1), next)
            try settle()
        }
        now = max(now, end)
        try settle()
    }

    private func answer(_ path: String) throws -> Result<[UInt8], KubectlFailure> {
        let plain = String(path.prefix { $0 != "?" })
        if let failure = failures[plain] ?? failure { return .failure(failure) }
        if forbids(plain) { return .failure(.forbidden(reason: "it is so")) }
        let request = StandInServer.Request(method: "GET", target: path, body: "")
        let response = try #require(cluster.answer(request))
        switch response.status {
        case 200: return .success(Array(response.body.utf8))
        case 403: return .failure(.forbidden(reason: "it is so"))
        case 404: return .failure(.notFound)
        case 410: return .failure(.expired)
        default: return .failure(.other(response.body))
        }
    }

    // MARK: - Events

    mutating func send(_ type: String, _ object: JSONValue, to topic: SurveyTopic = .nodes) throws {
        let watch = try #require(watches[topic], "\(topic.path) is not watched")
        let line = JSONValue.object(["type": .string(type), "object": object]).description
        followed.takeEvent(Array(line.utf8), from: watch, at: time)
    }

    mutating func sendRaw(_ text: String, to topic: SurveyTopic = .nodes) throws {
        let watch = try #require(watches[topic])
        followed.takeEvent(Array(text.utf8), from: watch, at: time)
    }

    /// The server ends a watch, or kubectl fails.
    mutating func cut(_ topic: SurveyTopic = .nodes, _ failure: KubectlFailure? = nil) throws {
        let watch = try #require(watches[topic])
        watches[topic] = nil
        followed.endWatch(watch, failure, at: time)
    }

    static func node(_ name: String, _ address: String, pods: String? = nil, version: Int = 1) -> JSONValue {
        .object([
            "metadata": .object(["name": .string(name), "resourceVersion": .string("\(version)")]),
            "spec": pods.map { .object(["podCIDR": .string($0)]) } ?? .object([:] as [String: JSONValue]),
            "status": .object([
                "addresses": .array([
                    .object(["type": .string("InternalIP"), "address": .string(address)])
                ]),
                "conditions": .array([.object(["lastHeartbeatTime": .string("\(version)")])]),
            ]),
        ])
    }

    static func block(_ node: String, _ cidr: String) -> JSONValue {
        .object([
            "metadata": StandInCluster.metadata("\(node)-\(cidr)"),
            "spec": .object(["cidr": .string(cidr), "node": .string(node), "state": .string("confirmed")]),
        ])
    }

    /// A cluster of flannel with nodes `n1`, `n2` and so on.
    static func flannel(nodes: Int) -> StandInCluster {
        var cluster = Clusters.flannel(backend: "vxlan")
        cluster.objects["/api/v1/nodes"] = .object(["items": .array([])])
        for number in 1...nodes {
            cluster.append("/api/v1/nodes", node("n\(number)", "192.168.0.\(number)", pods: "10.244.\(number).0/24"))
        }
        return cluster
    }
}
