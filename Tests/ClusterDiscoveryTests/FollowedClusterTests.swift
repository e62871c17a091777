import IPAddressing
import Inventory
import JSON
import Testing
import Time

@testable import ClusterDiscovery

/// Facts of a cluster that changes.
@Suite struct FollowedClusterTests {
    @Test func `everything is asked, then the lists are watched`() throws {
        var run = FollowRun(Clusters.calico(ipip: "Always"))
        #expect(run.followed.state == .starting)
        try run.settle()
        #expect(run.followed.state == .following)
        let facts = try #require(run.last)
        #expect(run.written.count == 1)
        #expect(facts.dns?.value.map(\.description) == ["172.17.16.10:53"])
        #expect(facts.pods?.value.map(\.description) == ["172.17.32.0/19"])
        #expect(facts.services?.value.map(\.description) == ["172.17.16.0/20"])
        #expect(facts.cni?.value == .calicoIPIP)
        #expect(facts.nodes?.value.map(\.node.pods.description) == ["[172.17.33.0/26]", "[172.17.40.64/26, 172.17.54.192/26]"])
        #expect(facts.nodes?.since == run.start)
        #expect(
            Set(run.watches.keys) == [
                .nodes, .dnsServices, .calicoPools(group: "crd.projectcalico.org/v1"),
                .calicoBlocks(group: "crd.projectcalico.org/v1"),
            ])
        #expect(run.asked.allSatisfy { !$0.contains("dryRun") })
        #expect(run.watched.contains("/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds=1800"))
    }

    @Test func `a new node and a new block are in the facts, with their age`() throws {
        var run = FollowRun(Clusters.calico(ipip: "Always"))
        try run.settle()
        try run.pass(seconds: 100)
        try run.send("ADDED", FollowRun.node("node04", "172.17.14.14"))
        try run.pass(seconds: 0.1)
        #expect(run.nodes == ["master1", "node03", "node04"])
        let group = SurveyTopic.calicoBlocks(group: "crd.projectcalico.org/v1")
        try run.send("ADDED", FollowRun.block("node04", "172.17.60.0/26"), to: group)
        try run.pass(seconds: 1)
        let found = try #require(run.last?.nodes?.value)
        #expect(found.map(\.since) == [run.start, run.start, run.start + 100])
        #expect(found[2].node.pods.map(\.description) == ["172.17.60.0/26"])
        #expect(run.last?.dns?.since == run.start)
    }

    @Test func `nodes of Cilium, service ranges and the DNS service are followed as well`() throws {
        var run = FollowRun(Clusters.cilium(mode: "tunnel"))
        try run.settle()
        func object(_ name: String, _ spec: [String: JSONValue]) -> JSONValue {
            .object(["metadata": StandInCluster.metadata(name), "spec": .object(spec)])
        }
        let pods = JSONValue.object(["podCIDRs": .array([.string("10.0.7.0/24")])])
        try run.send("MODIFIED", object("node2", ["ipam": pods]), to: .ciliumNodes)
        try run.send("ADDED", object("more", ["cidrs": .array([.string("172.21.0.0/16")])]), to: .serviceCIDRs(version: "v1"))
        try run.send(
            "MODIFIED",
            .object([
                "metadata": StandInCluster.metadata(
                    "kube-dns", namespace: "kube-system", labels: ["k8s-app": "kube-dns"]),
                "spec": .object([
                    "clusterIP": .string("172.20.0.53"), "clusterIPs": .array([.string("172.20.0.53")]),
                    "ports": .array([.object(["port": .integer(53), "protocol": .string("UDP")])]),
                ]),
            ]), to: .dnsServices)
        try run.pass(seconds: 1)
        let facts = try #require(run.last)
        #expect(facts.nodes?.value.last?.node.pods.map(\.description) == ["10.0.7.0/24"])
        #expect(facts.services?.value.map(\.description).contains("172.21.0.0/16") == true)
        #expect(facts.dns?.value.map(\.address.description) == ["172.20.0.53"])
    }

    @Test func `a change is written at once, and what belongs to it with it`() throws {
        var run = FollowRun(Clusters.calico(ipip: "Always"))
        try run.pass(seconds: 5)
        let group = SurveyTopic.calicoBlocks(group: "crd.projectcalico.org/v1")
        try run.send("ADDED", FollowRun.block("master1", "172.17.60.0/26"), to: group)
        try run.pass(seconds: 0.02)
        try run.send("DELETED", FollowRun.block("master1", "172.17.33.0/26"), to: group)
        try run.pass(seconds: 5)
        #expect(run.written.map(\.second) == [0, 5.05])
    }

    @Test func `a heartbeat is no change, and many changes are written a few times a second`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        try run.pass(seconds: 5)
        try run.send("MODIFIED", FollowRun.node("n1", "192.168.0.1", pods: "10.244.1.0/24", version: 70))
        try run.pass(seconds: 5)
        #expect(run.written.count == 1)
        for number in 10..<30 {
            try run.send("ADDED", FollowRun.node("n\(number)", "192.168.0.\(number)", pods: "10.244.\(number).0/24"))
            try run.pass(seconds: 0.1)
        }
        try run.pass(seconds: 5)
        #expect(run.nodes.count == 24)
        let times = run.written.map(\.second)
        #expect(times.count <= 10)
        for (earlier, later) in zip(times, times.dropFirst()) { #expect(later - earlier >= 0.249) }
    }

    @Test func `a node that goes leaves the facts`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        try run.pass(seconds: 2)
        try run.send("DELETED", FollowRun.node("n2", "192.168.0.2"))
        try run.pass(seconds: 0.1)
        #expect(run.nodes == ["n1", "n3", "n4"])
    }

    @Test func `a watched list has no more items than one that is read`() throws {
        var survey = ClusterSurvey(context: "prod") { _ in nil }
        let items = (0..<20_000).map { #"{"metadata":{"name":"n\#($0)"}}"# }.joined(separator: ",")
        survey.take(Array(#"{"items":[\#(items)]}"#.utf8), for: .nodes)
        #expect(survey.apply(.changed(FollowRun.node("more", "192.168.0.1")), to: .nodes) == .tooMany)
        #expect(survey.items(.nodes).count == 20_000)
        #expect(survey.apply(.changed(FollowRun.node("n7", "192.168.0.1")), to: .nodes) == .changed)
        #expect(survey.apply(.deleted(FollowRun.node("n9", "192.168.0.1")), to: .nodes) == .changed)
        #expect(survey.apply(.changed(FollowRun.node("more", "192.168.0.1")), to: .nodes) == .changed)
    }

    // MARK: - Failures

    @Test func `a follower sleeps while nothing may be asked`() throws {
        var run = FollowRun(Clusters.calico(ipip: "Always"))
        try run.settle()
        try run.pass(seconds: 5)
        try run.cut(.nodes, .expired)
        let tasks = run.followed.due(at: run.time)
        guard case .ask(.nodes, let path)? = tasks.first else {
            Issue.record("\(tasks)")
            return
        }
        // While the list is read, a login fails; the list arrives, and another watch has expired.
        try run.cut(.dnsServices, .unauthorized)
        let request = StandInServer.Request(method: "GET", target: path, body: "")
        let body = try #require(run.cluster.answer(request)).body
        run.followed.take(.success(Array(body.utf8)), for: .nodes, at: run.time)
        try run.cut(.calicoPools(group: "crd.projectcalico.org/v1"), .expired)
        for _ in 0..<3 {
            _ = run.followed.due(at: run.time)
            _ = run.followed.facts(at: run.time)
        }
        #expect(run.followed.nextTime > run.time.monotonic)
    }

    @Test(arguments: [
        KubectlFailure.unreachable("connection refused"), .timeout, .unauthorized, .login("it failed"), .throttled,
        .certificate("x509"), .other("503"), .forbidden(reason: "no more"),
    ])
    func `nothing is removed while the cluster can't be asked`(_ failure: KubectlFailure) throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        run.failure = failure
        for topic in run.watches.keys { try run.cut(topic, failure) }
        try run.pass(seconds: 3600)
        #expect(run.written.count == 1)
        guard case .failing = run.followed.state else {
            Issue.record("\(run.followed.state)")
            return
        }
        #expect(run.followed.answered == run.start)
        // It comes back, with a node more.
        run.failure = nil
        run.cluster.append("/api/v1/nodes", FollowRun.node("n5", "192.168.0.5", pods: "10.244.5.0/24"))
        try run.pass(seconds: 301)
        #expect(run.nodes == ["n1", "n2", "n3", "n4", "n5"])
        #expect(run.followed.state == .following)
        #expect(run.watches.count == 2)
    }

    @Test func `a login is not tried again and again`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 2))
        run.failure = .unauthorized
        try run.pass(seconds: 3600)
        #expect((10...20).contains(run.asked.count), "\(run.asked.count)")
    }

    @Test func `a failure long after another one is the first of its row`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        for _ in 0..<6 {
            try run.cut(.nodes, .throttled)
            try run.pass(seconds: 11)
            #expect(run.watches[.nodes] != nil)
            try run.pass(seconds: 40)
        }
    }

    @Test func `a version that is too old leads to a new list`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        try run.pass(seconds: 60)
        run.cluster.append("/api/v1/nodes", FollowRun.node("n5", "192.168.0.5"))
        try run.sendRaw(
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}"#)
        try run.settle()
        #expect(run.nodes.count == 5)
        #expect(run.followed.state == .following)
        #expect(run.asked.count { $0.hasPrefix("/api/v1/nodes") } == 2)
        #expect(run.watches[.nodes] != nil)
    }

    @Test(arguments: ["{\"type\":\"ADDED\",\"obj", "Internal error", "[]", "{\"type\":\"NEW\",\"object\":{}}"])
    func `what is no event leads to a new list`(line: String) throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        try run.pass(seconds: 10)
        run.cluster.append("/api/v1/nodes", FollowRun.node("n5", "192.168.0.5"))
        try run.sendRaw(line)
        try run.pass(seconds: 3)
        #expect(run.nodes.count == 5)
    }

    @Test func `a watch that the server ends goes on from the last version`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        try run.pass(seconds: 100)
        try run.sendRaw(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"4711"}}}"#)
        try run.cut()
        try run.settle()
        let last = try #require(run.watched.last)
        #expect(last.hasSuffix("resourceVersion=4711"))
        #expect(run.asked.count { $0.hasPrefix("/api/v1/nodes") } == 1)
    }

    @Test func `a watch that ends at once is not begun again and again`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 4))
        try run.settle()
        for _ in 0..<1000 where run.now.milliseconds < 600_000 {
            if run.watches[.nodes] != nil { try run.cut() }
            try run.pass(seconds: 1)
        }
        #expect(run.watched.count { $0.hasPrefix("/api/v1/nodes") } < 20)
        #expect(run.written.count == 1)
    }

    // MARK: - Names

    private static func slice(_ service: String, _ namespace: String) -> JSONValue {
        .object([
            "metadata": StandInCluster.metadata(
                "\(service)-x", namespace: namespace, labels: ["kubernetes.io/service-name": service])
        ])
    }

    @Test func `services whose endpoints change are told, and all after missed events`() throws {
        let path = "/apis/discovery.k8s.io/v1/endpointslices"
        var cluster = FollowRun.flannel(nodes: 2)
        for name in ["a", "b", "c"] { cluster.append(path, Self.slice(name, "shop")) }
        cluster.pageSize = 1
        var run = FollowRun(cluster, endpoints: true)
        try run.settle()
        #expect(run.asked.count { $0.hasPrefix(path + "?") } == 1)
        #expect(run.followed.takeChangedNames() == nil)
        try run.send("MODIFIED", Self.slice("a", "shop"), to: .endpointSlices)
        try run.send("DELETED", Self.slice("b", "shop"), to: .endpointSlices)
        try run.send("ADDED", FollowRun.node("no-slice", "192.0.2.1"), to: .endpointSlices)
        var expected = ChangedNames()
        expected.note("a.shop", isGone: false)
        expected.note("b.shop", isGone: true)
        #expect(run.followed.takeChangedNames() == expected)
        #expect(run.followed.takeChangedNames() == nil)
        try run.cut(.endpointSlices, .expired)
        try run.pass(seconds: 2)
        #expect(run.followed.takeChangedNames()?.areUnknown == true)
        #expect(run.watches[.endpointSlices] != nil)
    }

    // MARK: - Lists that can't be believed

    @Test func `a list that breaks off removes nothing`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 6))
        try run.settle()
        run.cluster.pageSize = 2
        run.cluster.laterPages = PageFailures(3, StandInCluster.failure(500, "InternalError", "etcd"))
        try run.cut(.nodes, .other("cut"))
        try run.pass(seconds: 2)
        #expect(run.written.count == 1)
        try run.pass(seconds: 120)
        #expect(run.followed.state == .following)
        #expect(run.written.count == 1)
    }

    @Test func `the first list of a later run that breaks off removes nothing`() throws {
        var first = FollowRun(FollowRun.flannel(nodes: 6))
        try first.settle()
        var run = FollowRun(FollowRun.flannel(nodes: 6), facts: first.last)
        run.cluster.pageSize = 2
        run.cluster.laterPages = PageFailures(3, StandInCluster.failure(500, "InternalError", "etcd"))
        try run.settle()
        #expect(run.written.isEmpty)
        try run.pass(seconds: 60)
        #expect(run.written.isEmpty)
        #expect(run.followed.state == .following)
    }

    @Test func `blocks that may not be read any more stay`() throws {
        var first = FollowRun(Clusters.calico(ipip: "Always"))
        try first.settle()
        var run = FollowRun(Clusters.calico(ipip: "Always"), facts: first.last)
        run.cluster.forbidden["/apis/crd.projectcalico.org/v1/blockaffinities"] = "no more"
        try run.pass(seconds: 600)
        #expect(run.last?.nodes?.value ?? first.last?.nodes?.value == first.last?.nodes?.value)
    }

    @Test func `more than half of the nodes go only after a second look`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 9))
        try run.settle()
        try run.pass(seconds: 5)
        for number in 1...6 { try run.send("DELETED", FollowRun.node("n\(number)", "192.168.0.\(number)")) }
        try run.pass(seconds: 8)
        #expect(run.nodes.count == 9)
        #expect(run.followed.state == .doubting)
        // The API server still lists them.
        try run.pass(seconds: 60)
        #expect(run.nodes.count == 9)
        #expect(run.written.count == 1)
        #expect(run.followed.state == .following)
        // And now they really go.
        for number in 1...6 { try run.send("DELETED", FollowRun.node("n\(number)", "192.168.0.\(number)")) }
        let rest = (7...9).map { FollowRun.node("n\($0)", "192.168.0.\($0)", pods: "10.244.\($0).0/24") }
        run.cluster.objects["/api/v1/nodes"] = .object(["items": .array(rest)])
        try run.pass(seconds: 20)
        #expect(run.nodes == ["n7", "n8", "n9"])
        #expect(run.followed.state == .following)
    }

    @Test func `many small removals within a minute are one large one`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 9))
        try run.settle()
        try run.pass(seconds: 65)
        for number in 1...6 {
            try run.send("DELETED", FollowRun.node("n\(number)", "192.168.0.\(number)"))
            try run.pass(seconds: 1.5)
        }
        #expect(run.nodes.count == 5)
        #expect(run.followed.state == .doubting)
    }

    @Test func `an empty list that was read is believed at the second look`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        try run.settle()
        run.cluster.objects["/api/v1/nodes"] = .object(["items": .array([])])
        try run.cut(.nodes, .expired)
        try run.pass(seconds: 5)
        #expect(run.nodes.count == 3)
        try run.pass(seconds: 30)
        #expect(run.last?.nodes?.value == [])
    }

    @Test func `the DNS service that is deleted and made again keeps its address meanwhile`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        try run.settle()
        let service = try #require(run.cluster.objects[StandInCluster.system + "/services"]?["items"]?.elements?.first)
        try run.send("DELETED", service, to: .dnsServices)
        try run.pass(seconds: 5)
        #expect(run.written.count == 1)
    }

    @Test func `facts that could not be written are given again`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        try run.settle()
        run.followed.noteUnwritten(retry: 5_000, at: run.time)
        try run.pass(seconds: 4)
        #expect(run.written.count == 1)
        try run.pass(seconds: 2)
        #expect(run.written.count == 2)
        #expect(run.written[0].facts == run.written[1].facts)
    }

    @Test(arguments: [-86_400, 86_400])
    func `a clock that jumps removes nothing, and ages nothing that stays`(jump: Int) throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        try run.settle()
        let before = try #require(run.last)
        run.start += jump
        try run.send("MODIFIED", FollowRun.node("n2", "192.168.0.22", pods: "10.244.2.0/24"))
        try run.pass(seconds: 400)
        #expect(run.nodes == ["n1", "n2", "n3"])
        #expect(run.last?.nodes?.value.first == before.nodes?.value.first)
        #expect(run.last?.nodes?.value[1].since == run.start)
        #expect(run.last?.dns == before.dns)
        #expect(run.followed.state == .following)
    }

    @Test func `an API server of Kubernetes 1.19 is followed without what it does not have`() throws {
        // Neither EndpointSlices of version 1 (1.21) nor ServiceCIDRs (1.31).
        var cluster = FollowRun.flannel(nodes: 2)
        cluster.objects["/version"] = .object(["gitVersion": .string("v1.19.16")])
        cluster.objects["/apis"] = .object(["groups": .array([])])
        cluster.objects["/apis/networking.k8s.io/v1/servicecidrs"] = nil
        var run = FollowRun(cluster, endpoints: true)
        for path in ["/apis/discovery.k8s.io/v1/endpointslices", "/apis/networking.k8s.io/v1/servicecidrs"] {
            run.failures[path] = .notFound
        }
        try run.pass(seconds: 60)
        try run.send("ADDED", FollowRun.node("n3", "192.168.0.3", pods: "10.244.3.0/24"))
        try run.pass(seconds: 1)
        #expect(run.nodes == ["n1", "n2", "n3"])
        #expect(run.last?.version == "v1.19.16")
        #expect(run.followed.state == .failing(.notFound), "endpoints can't be followed, and that is said")
    }

    @Test func `a kubelet's login is enough for nodes and their prefixes`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        let permitted = ["/version", "/apis", "/api/v1/nodes"]
        run.forbids = { path in !permitted.contains(path) }
        try run.pass(seconds: 400)
        #expect(run.nodes == ["n1", "n2", "n3"])
        #expect(run.last?.nodes?.value.map(\.node.pods.description) == ["[10.244.1.0/24]", "[10.244.2.0/24]", "[10.244.3.0/24]"])
        #expect(run.last?.dns == nil)
        try run.send("DELETED", FollowRun.node("n2", "192.168.0.2"))
        try run.send("MODIFIED", FollowRun.node("n3", "192.168.0.33", pods: "10.244.3.0/24"))
        try run.pass(seconds: 1)
        #expect(run.last?.nodes?.value.map { "\($0.node.addresses[0])" } == ["192.168.0.1", "192.168.0.33"])
        #expect(run.followed.state == .following)
    }

    @Test func `settings are asked for from time to time`() throws {
        var run = FollowRun(FollowRun.flannel(nodes: 3))
        try run.settle()
        run.cluster.append(
            "/apis/networking.k8s.io/v1/servicecidrs",
            .object([
                "metadata": StandInCluster.metadata("more"),
                "spec": .object(["cidrs": .array([.string("10.96.0.0/12"), .string("10.200.0.0/16")])]),
            ]))
        try run.pass(seconds: 310)
        #expect(run.last?.services?.value.map(\.description) == ["10.96.0.0/12", "10.200.0.0/16"])
        #expect(run.asked.count { $0.hasPrefix("/api/v1/nodes") } == 1)
        #expect(run.watches[.serviceCIDRs(version: "v1")] != nil)
    }
}
