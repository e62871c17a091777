import Inventory
import InventoryFile
import Testing

/// Warnings of what is right by its form and almost always a slip.
@Suite struct SlipTests {
    @Test func `a prefix without its length, an empty cluster, and another cluster's server are told`() {
        let text = """
            dns: { bare-domain: prod, clients: [10.0.0.0, 10.0.7.9] }
            clusters:
              prod: { dns: 10.96.0.10, services: 10.96.0.0, pods: 10.244.0.0/16 }
              empty: {}
              stage: { dns: 10.244.0.10, services: "fd00:96::", pods: [10.97.0.0/16, 10.98.7.1] }
              own: { dns: 10.99.0.10, services: 10.99.0.0/16 }
            sites:
              office: { networks: 172.16.0.0, router: 172.16.0.1 }
            """
        let (inventory, problems) = InventoryFile.read(Array(text.utf8), name: "f")
        #expect(inventory != nil)
        let warnings = problems.filter { $0.severity == .warning }.map { "\($0.path): \($0.message)" }
        for expected in [
            "dns.clients[0]: found 10.0.0.0, which is one address; expected a prefix with its length, such as 10.0.0.0/16",
            "clusters.prod.services[0]: found 10.96.0.0, which is one address",
            "clusters.empty: found nothing that leads to the cluster",
            "clusters.stage.dns[0]: found 10.244.0.10:53, which is an address of cluster prod; expected a server of stage",
            "clusters.stage.services[0]: found fd00:96::, which is one address; expected a prefix with its length, such as",
            "sites.office.networks[0]: found 172.16.0.0, which is one address",
        ] {
            #expect(warnings.count { $0.hasPrefix(expected) } == 1, "\(expected): \(warnings)")
        }
        for fine in ["dns.clients[1]", "clusters.stage.pods", "clusters.own"] {
            #expect(!warnings.contains { $0.hasPrefix(fine) }, "\(warnings)")
        }
    }
}
