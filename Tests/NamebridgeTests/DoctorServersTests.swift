import ClusterDiscovery
import Diagnosis
import Forwarding
import IPAddressing
import Inventory
import InventoryFile
import Testing

@testable import namebridge

/// Which servers `namebridge doctor` asks on the forwarder.
@Suite struct DoctorServersTests {
    /// Two clusters with the same addresses inside.
    private static let clusters = """
        clusters:
          blue:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16]
            services: [10.96.0.0/12]
            map: { 10.244.0.0/16: 10.200.0.0/16, 10.96.0.0/12: 10.208.0.0/12 }
            nodes: { b1: { address: 192.168.10.11 } }
          green:
            dns: [10.96.0.10]
            pods: [10.244.0.0/16]
            services: [10.96.0.0/12]
            map: { 10.244.0.0/16: 10.201.0.0/16, 10.96.0.0/12: 10.224.0.0/12 }

        """

    @Test(arguments: [
        ("outside of both", "192.168.10.5", "", "10.208.0.10:53"),
        ("on a node", "192.168.10.11", "", "10.96.0.10:53"),
    ])
    func `doctor asks the servers that the forwarder asks`(
        place: String, address: String, views: String, server: String
    ) throws {
        let (read, problems) = InventoryFile.read(Array((views + Self.clusters).utf8), name: "n.yaml")
        let inventory = try #require(read, "\(problems)")
        let inspection = ForwarderInspection(
            inventory: inventory, controlPaths: [], hostAddresses: [try #require(IPAddress(address))])
        let asked = inventory.clusters.map { inspection.servers(of: $0).map(\.description) }
        #expect(asked == [[server], ["10.224.0.10:53"]], "\(place)")
    }

    @Test func `a line of another resolver that leads past the server is found`() throws {
        let (read, problems) = InventoryFile.read(Array("clusters: { prod: { dns: 10.96.0.10 } }\n".utf8), name: "n.yaml")
        let inspection = ForwarderInspection(inventory: try #require(read, "\(problems)"), controlPaths: [])
        let text = """
            server=/cluster.local/10.96.0.10
            server=/prod.cluster.local/127.0.0.1#5300
            server=/example.com/10.96.0.10

            """
        let found = inspection.bypasses(ForwardingRules(reading: text, name: "dnsmasq.conf").rules)
        #expect(found.map(\.sources) == [["dnsmasq.conf:1"]])
        var seen = ForwarderObservation()
        seen.bypasses = found
        let finding = try #require(ForwarderDiagnosis(seen).findings.first { $0.check == .forwarded })
        #expect(finding.severity == .warning)
        #expect(
            finding.summary
                == "dnsmasq.conf:1 sends cluster.local to 10.96.0.10:53, a server of prod, past Namebridge")
    }
}
