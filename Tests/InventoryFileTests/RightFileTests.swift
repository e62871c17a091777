import DomainNames
import Foundation
import IPAddressing
import Inventory
import InventoryFile
import Testing

/// Files that are right, and the inventory that each gives.
@Suite("Right files") struct RightFileTests {
    private func read(_ text: String) -> (inventory: Inventory?, problems: [Diagnostic]) {
        InventoryFile.read(Array(text.utf8), name: "test.yaml")
    }

    private func prefix(_ text: String) throws -> IPPrefix { try IPPrefix(parsing: text) }

    private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text, defaultPort: 53)) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("every key of a whole file lands in the model")
    func wholeFile() throws {
        let (inventory, problems) = read(wholeFileText)
        #expect(
            problems.map(\.description) == [
                "test.yaml:18:12: warning: clusters.prod.pods[0]: found 172.17.32.0/19, which overlaps 172.17.0.0/16,"
                    + " Docker's default bridge: a relay or laptop that runs Docker cannot reach it; set \"bip\" in its"
                    + " daemon.json",
                "test.yaml:19:16: warning: clusters.prod.services[0]: found 172.17.16.0/20, which overlaps"
                    + " 172.17.0.0/16, Docker's default bridge: a relay or laptop that runs Docker cannot reach it; set"
                    + " \"bip\" in its daemon.json",
                "test.yaml:34:83: warning: paths[1].vxlan.network: found 179.17.1.0/24, which is public space: its real"
                    + " owner becomes unreachable; expected private addresses (RFC 1918, RFC 6598)",
            ])
        let read = try #require(inventory)
        #expect(read.dns == (try expectedDNS()))
        #expect(read.clusters == (try expectedClusters()))
        #expect(
            read.sites == [
                Site(
                    key: "office", networks: [try prefix("172.16.0.0/18")],
                    routers: [try address("172.16.0.1")])
            ])
        #expect(read.paths == (try expectedPaths()))
    }

    private func expectedDNS() throws -> DNSSettings {
        var dns = DNSSettings(
            listen: [try endpoint("0.0.0.0:53"), try endpoint("[::]:53")],
            clients: [try prefix("172.16.0.0/18"), try prefix("10.0.0.0/8")],
            bareDomain: ["prod", "staging"],
            views: [View(name: "view1", clients: [try prefix("10.0.32.0/21")], bareDomain: ["old"])],
            upstream: [try endpoint("172.16.1.1"), try endpoint("172.16.1.2")], workers: 2,
            cache: CacheSettings(
                size: 67_108_864, maximumTTL: .seconds(30), negativeTTL: .seconds(5), stale: .seconds(3600)))
        dns.reverseUpstream = [try prefix("172.16.0.0/18")]
        return dns
    }

    private func expectedClusters() throws -> [Cluster] {
        let prod = Cluster(
            key: "prod", domain: .clusterLocal,
            names: [
                try DomainName(parsing: "prod.cluster.local"),
                try DomainName(parsing: "prod.k8s.example.com"),
            ],
            dns: [try endpoint("172.17.16.10")], pods: [try prefix("172.17.32.0/19")],
            services: [try prefix("172.17.16.0/20")], cni: .calicoIPIP,
            nodes: [
                Node(
                    name: "master1", addresses: [try address("172.17.14.11")],
                    pods: [try prefix("172.17.33.0/24")])
            ])
        func mesh(_ number: Int) throws -> Cluster {
            Cluster(
                key: "c\(number)", names: [], pods: [try prefix("10.23\(number).0.0/16")],
                nodes: [
                    Node(
                        name: "n\(number)", addresses: [try address("192.168.0.\(number)")],
                        pods: [try prefix("10.23\(number).1.0/24")])
                ])
        }
        return [
            prod,
            Cluster(
                key: "staging", names: [try DomainName(parsing: "staging.cluster.local")],
                dns: [try endpoint("172.18.16.10")],
                cache: ClusterCacheSettings(maximumTTL: .seconds(5), stale: .zero), onlyKubernetesNames: false),
            Cluster(
                key: "old", names: [try DomainName(parsing: "old.cluster.local")],
                dns: [try endpoint("10.0.0.10:1053")]),
            try mesh(1), try mesh(2), try mesh(3),
        ]
    }

    @Test("private zones and further labels")
    func privateZones() throws {
        let text = """
            dns: { extra-labels: [gw] }
            clusters:
              prod: { dns: [10.96.0.10], also: [Corp.internal, lab.example] }
            """
        let (inventory, problems) = read(text)
        #expect(problems.map(\.description) == [])
        let read = try #require(inventory)
        #expect(read.dns.extraLabels == ["gw"])
        #expect(read.clusters.first?.also.map(\.description) == ["Corp.internal", "lab.example"])
    }

    @Test("cluster sets")
    func clusterSets() throws {
        let text = """
            clusters:
              prod: { dns: [10.96.0.10] }
              staging: { dns: [10.97.0.10] }
            clustersets:
              main: { members: [prod, { cluster: staging, id: east.example }], prefer: [staging] }
              lab: { zone: lab.example, members: [prod] }
            """
        let (inventory, problems) = read(text)
        #expect(problems.map(\.description) == [])
        let read = try #require(inventory)
        let main = try #require(read.clusterSets.first)
        #expect(main.orderedMembers.map(\.cluster) == ["staging", "prod"])
        #expect(main.orderedMembers.map { $0.id?.description } == ["east.example", nil])
        #expect(read.suffixes(of: main).map(\.description) == ["main.clusterset.local", "clusterset.local"])
        #expect(read.suffixes(of: read.clusterSets[1]).map(\.description) == ["lab.lab.example", "lab.example"])
    }

    @Test("merged suffixes")
    func merges() throws {
        let text = """
            clusters:
              prod: { dns: [10.96.0.10], pods: [10.244.0.0/16] }
              staging: { dns: [10.97.0.10], pods: [10.245.0.0/16] }
            merge:
              all.cluster.local: { clusters: [prod, staging] }
              every.example.: { clusters: [staging, prod], mode: union, partial: true }
            """
        let (inventory, problems) = read(text)
        #expect(problems.map(\.description) == [])
        let merges = try #require(inventory).merges
        #expect(merges.map(\.key) == ["all.cluster.local", "every.example."])
        #expect(merges.map(\.mode) == [.first, .union] && merges.map(\.isPartial) == [false, true])
        #expect(merges.map(\.clusters) == [["prod", "staging"], ["staging", "prod"]])
    }

    @Test("clusters that share all addresses are accepted once each has a map")
    func maps() throws {
        let text = """
            dns: { views: [{ clients: [10.0.0.0/24], inside: [prod] }] }
            clusters:
              prod:
                dns: [10.96.0.10]
                pods: [10.244.0.0/16, "fd00:10:244::/56"]
                map: { 10.244.0.0/16: 10.200.0.0/16, "fd00:10:244::/56": "fd6e:1::/56" }
                nodes: { n1: { address: 192.168.10.11 } }
              staging:
                dns: [10.96.0.11]
                pods: [10.244.0.0/16]
                map: { 10.244.0.0/16: 10.201.0.0/16 }
                nodes: { n1: { address: 192.168.10.11 } }
              names: { dns: [10.96.0.12], pods: [10.244.0.0/16] }
            sites:
              office: { networks: [172.16.0.0/18], map: { 172.16.0.0/18: 10.250.0.0/18 }, hosts: { relay: { address: 172.16.0.2 } } }
            paths:
              - from: office
                to: prod
                via: relay
                relays: [{ host: office/relay, uplink: upx, gateway: [192.168.10.11, "fd00::1"] }]
                source: map
                map: false
              - { from: office, to: staging, via: relay, relays: [{ host: office/relay, uplink: upy }] }
            """
        let (inventory, problems) = read(text)
        #expect(problems.filter { $0.severity == .error }.map(\.description) == [])
        let read = try #require(inventory)
        let prod = try #require(read.cluster("prod"))
        #expect(prod.addressMap.pairs.map(\.outer.description) == ["10.200.0.0/16", "fd6e:1::/56"])
        #expect(read.site("office")?.addressMap.outer(of: try address("172.16.0.9")) == IPAddress("10.250.0.9"))
        #expect(read.dns.views.map(\.inside) == [["prod"]])
        let relay = Relay(host: "office/relay", uplink: "upx", gateways: [try address("192.168.10.11"), try address("fd00::1")])
        #expect(read.paths.first?.carrier == .relay(RelaySettings(relays: [relay], source: .map)))
        #expect(read.paths.map(\.isMapped) == [false, true])
        #expect(
            read.paths.map { $0.visiblePrefixes(of: prod).map(\.description) } == [
                ["10.244.0.0/16", "fd00:10:244::/56"], ["10.200.0.0/16", "fd6e:1::/56"],
            ])
    }

    @Test("relays may have a priority and a weight, and the path says how one takes over")
    func failover() throws {
        let text = """
            clusters:
              prod: { dns: [10.96.0.10], pods: [10.1.0.0/16], services: [10.96.0.0/16], hosts: { r1: { address: 10.9.0.1 }, r2: { address: 10.9.0.2 } } }
              prod2: { dns: [10.97.0.10], pods: [10.2.0.0/16] }
            sites: { office: { networks: [172.16.0.0/18] } }
            paths:
              - from: office
                to: prod
                via: relay
                relays: [{ host: r1, priority: 200 }, { host: r2, weight: 3 }]
                failover: agent
                prefer: first
                targets: [pods]
              - { from: office, to: prod, via: relay, relays: [r1, r2], targets: [services], failover: bgp, bgp: { as: 64512 } }
              - { from: prod, to: prod2, via: relay, relays: [r1], failover: vrrp, vrrp: { id: 7, address: 10.9.0.9 } }
            """
        let (inventory, problems) = read(text)
        #expect(problems.filter { $0.severity == .error }.map(\.description) == [])
        guard case .relay(let relay)? = inventory?.paths.first?.carrier else {
            Issue.record("no relays")
            return
        }
        #expect(relay.relays.map(\.priority) == [200, 100] && relay.relays.map(\.weight) == [1, 3])
        #expect(relay.failover == .agent && relay.preference == .first)
        let others = inventory?.paths.dropFirst().compactMap { path -> RelaySettings? in
            if case .relay(let settings) = path.carrier { settings } else { nil }
        }
        #expect(others?.map(\.failover) == [.bgp, .vrrp])
        #expect(others?.first?.bgp.relayAS == 64_512 && others?.first?.bgp.routerAS == 65_000)
        #expect(others?.last?.vrrp == VRRPSettings(id: 7, address: try address("10.9.0.9")))
    }

    @Test("a suffix may have cache settings of its own")
    func suffixSettings() throws {
        let text = """
            clusters:
              prod:
                dns: [10.0.0.1]
                names: [prod.cluster.local, { name: prod.example, cache: { max-ttl: 2s } }]
            """
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "x")
        #expect(problems.map(\.description) == [])
        let prod = try #require(inventory?.clusters.first)
        #expect(prod.names.map(\.description) == ["prod.cluster.local", "prod.example"])
        let own = ClusterCacheSettings(maximumTTL: .seconds(2))
        #expect(prod.suffixCache == [try DomainName(parsing: "prod.example"): own])
    }

    private func expectedPaths() throws -> [Path] {
        [
            Path(
                ends: .oneWay(from: "office", to: "prod"),
                carrier: .relay(RelaySettings(relays: ["master1"], source: .snat(.masquerade)))),
            Path(
                ends: .mutual(["c1", "c2", "c3"]),
                carrier: .vxlan(VXLANSettings(id: 10001, port: 4899, network: try prefix("179.17.1.0/24")))),
        ]
    }

    @Test("what is left out has its documented default")
    func defaults() throws {
        let (inventory, problems) = read("clusters: { prod: { dns: [10.96.0.10] } }")
        #expect(problems.isEmpty)
        let read = try #require(inventory)
        #expect(read.dns.listen.map(\.description) == ["0.0.0.0:53", "[::]:53"])
        #expect(
            read.dns.clients.map(\.description) == [
                "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",
                "fc00::/7",
                "fe80::/10",
            ])
        #expect(read.dns.bareDomain.isEmpty && read.dns.views.isEmpty && read.dns.upstream.isEmpty)
        #expect(read.dns.workers == nil && read.dns.maximumUDPSize == 1232)
        #expect(read.dns.cache.size == 64 << 20 && read.dns.cache.stale == .seconds(3600))
        #expect(read.clusters.map(\.domain.description) == ["cluster.local"])
        #expect(read.clusters.first?.names.map(\.description) == ["prod.cluster.local"])
        #expect(read.clusters.first?.kubeProxy == KubeProxySettings())
        #expect(read.clusters.first?.cache == ClusterCacheSettings())
        #expect(read.clusters.first?.onlyKubernetesNames == true)
        #expect(read.sites.isEmpty && read.paths.isEmpty)
    }

    @Test(
        "quotes change nothing, and no word turns into something else",
        arguments: [
            (
                #"{ dns: { workers: "2", cache: { stale: '0s' } } }"#,
                "quoted numbers and times are read by the schema"
            ),
            (
                "{ clusters: { no: { dns: [10.0.0.1] }, null: { dns: [10.0.0.2] } } }",
                "words of YAML 1.1 are names"
            ),
            ("{ sites: { 007: { networks: [10.0.0.0/8] } } }", "digits are a name where a name is due"),
            ("\u{FEFF}{ dns: { workers: 2 } }", "a byte order mark is skipped"),
            ("{ dns: { upstream: [\"127.0.0.1:5301\"] } }", "a loopback server on another port is fine"),
            ("{ dns: { listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"] } }", "port 0 twice gives two ports"),
            ("{}", "everything has a default"),
        ])
    func accepted(text: String, reason: String) {
        let (inventory, problems) = read(text)
        #expect(inventory != nil, "\(reason): \(problems)")
        #expect(problems.isEmpty, "\(reason)")
    }

    @Test("the sample configuration that is installed is accepted without a word")
    func sample() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try Data(contentsOf: root.appending(path: "config/namebridge.yaml"))
        let (inventory, problems) = InventoryFile.read(Array(text), name: "namebridge.yaml")
        #expect(problems.map(\.description) == [])
        #expect(inventory != nil)
    }
}

/// A file with every section, in the style of the manual page.
private let wholeFileText = """
    dns:
      listen: ["0.0.0.0:53", "[::]:53"]
      clients: [172.16.0.0/18, 10.0.0.0/8]     # who may ask; default: loopback, RFC 1918, ULA, link-local
      bare-domain: [prod, staging]              # who answers plain *.cluster.local, in this order
      views:                                    # split horizon: by the client's address
        - clients: [10.0.32.0/21]
          bare-domain: [old]
      upstream: [172.16.1.1, 172.16.1.2]        # every other name; left out: REFUSED
      reverse-upstream: [172.16.0.0/18]         # private reverse names that it knows
      workers: 2                                # default: one per core
      cache: { size: 64MiB, max-ttl: 30s, negative-ttl: 5s, stale: 1h }

    clusters:
      prod:
        domain: cluster.local                   # the zone its CoreDNS serves
        names: [prod.cluster.local, prod.k8s.example.com]   # what clients may call it
        dns: [172.17.16.10]                     # its CoreDNS: ClusterIP, NodePort or pod addresses
        pods: [172.17.32.0/19]
        services: [172.17.16.0/20]
        cni: calico-ipip                        # what is known of it decides the plan and its warnings
        nodes:
          master1: { address: 172.17.14.11, pods: [172.17.33.0/24] }
      staging: { dns: [172.18.16.10], cache: { max-ttl: 5s, stale: 0s }, only-kubernetes-names: false }
      old: { dns: ["10.0.0.10:1053"] }
      c1: { pods: [10.231.0.0/16], nodes: { n1: { address: 192.168.0.1, pods: [10.231.1.0/24] } } }
      c2: { pods: [10.232.0.0/16], nodes: { n2: { address: 192.168.0.2, pods: [10.232.1.0/24] } } }
      c3: { pods: [10.233.0.0/16], nodes: { n3: { address: 192.168.0.3, pods: [10.233.1.0/24] } } }

    sites:
      office: { networks: [172.16.0.0/18], router: 172.16.0.1 }

    paths:
      - { from: office, to: prod, via: relay, relays: [master1], source: snat }
      - { between: [c1, c2, c3], via: vxlan, vxlan: { id: 10001, port: 4899, network: 179.17.1.0/24 } }
    """
