import IPAddressing
import Inventory
import InventoryFile
import Testing

/// Short ways to write what the file says often.
@Suite struct ConvenienceTests {
    private func read(_ text: String) throws -> Inventory {
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "f")
        #expect(problems.filter { $0.severity == .error }.map(\.description) == [])
        return try #require(inventory)
    }

    @Test func `a single value stands for a list of one`() throws {
        let short = try read(
            """
            dns: { listen: 127.0.0.1:5300, clients: 10.0.0.0/8, bare-domain: prod, upstream: 192.0.2.1 }
            clusters:
              prod:
                dns: 10.96.0.10
                names: prod.k8s.example.com
                also: corp.internal
                pods: 10.244.0.0/16
                services: 10.96.0.0/16
                hosts: { relay1: { address: 172.18.14.60 } }
            clustersets: { main: { members: prod, prefer: prod } }
            sites: { office: { networks: 172.16.0.0/18, router: 172.16.0.1 } }
            paths: { from: office, to: prod, via: relay, relays: relay1, targets: pods }
            """)
        let long = try read(
            """
            dns: { listen: ["127.0.0.1:5300"], clients: [10.0.0.0/8], bare-domain: [prod], upstream: [192.0.2.1] }
            clusters:
              prod:
                dns: [10.96.0.10]
                names: [prod.k8s.example.com]
                also: [corp.internal]
                pods: [10.244.0.0/16]
                services: [10.96.0.0/16]
                hosts: { relay1: { address: [172.18.14.60] } }
            clustersets: { main: { members: [prod], prefer: [prod] } }
            sites: { office: { networks: [172.16.0.0/18], router: [172.16.0.1] } }
            paths: [{ from: office, to: prod, via: relay, relays: [relay1], targets: [pods] }]
            """)
        #expect(short == long)
    }

    @Test func `relays may be bare addresses, of known hosts and of others`() throws {
        let inventory = try read(
            """
            clusters:
              prod:
                pods: 10.244.0.0/16
                nodes: { master1: { address: 172.18.14.11, pods: 10.244.1.0/24 } }
              staging: { pods: [10.245.0.0/16, "fd00:245::/48"] }
            sites: { office: { networks: 172.16.0.0/18, hosts: { gate: { address: [172.16.0.5, 172.18.14.5] } } } }
            paths:
              - { from: office, to: prod, via: relay, relays: 172.18.14.11 }
              - { from: office, to: staging, via: relay, relays: [172.18.14.5, 172.16.0.6, 10.9.0.1, { host: 10.9.0.2, priority: 50 }] }
            """)
        let relays = inventory.paths.map { path -> [String] in
            if case .relay(let settings) = path.carrier { settings.relays.map(\.host) } else { [] }
        }
        #expect(
            relays == [
                ["prod/master1"], ["office/gate", "office/172.16.0.6", "staging/10.9.0.1", "staging/10.9.0.2"],
            ])
        #expect(inventory.host("staging/10.9.0.1", in: [])?.host.addresses == [try #require(IPAddress("10.9.0.1"))])
        #expect(inventory.host("office/172.16.0.6", in: [])?.isNode == false)
    }

    @Test func `a view without bare-domain has the general list, as far as it may ask`() throws {
        let inventory = try read(
            """
            dns:
              bare-domain: [prod, staging]
              views:
                - { clients: 10.1.0.0/16 }
                - { clients: 10.2.0.0/16, bare-domain: [] }
                - { clients: 10.3.0.0/16, allow: { clusters: staging } }
                - { clients: 10.4.0.0/16, bare-domain: staging }
            clusters: { prod: { dns: 10.96.0.10 }, staging: { dns: 10.97.0.10 } }
            """)
        let general = inventory.dns.bareDomain
        #expect(
            inventory.dns.views.map { $0.bareDomain(over: general) } == [["prod", "staging"], [], ["staging"], ["staging"]])
    }
}
