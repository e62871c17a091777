import NetworkPlanning
import Testing

/// What works today and will not tomorrow, or not everywhere, is said before anything is made.
@Suite struct WarningTests {
    /// Calico gives out blocks of /26, several to a node; what the file says of a node is a snapshot.
    @Test(arguments: ["via: routed", "via: vxlan, vxlan: { id: 7, network: 10.255.0.0/24 }"])
    func `prefixes that Calico does not give out are told where routes lead to them`(carrier: String) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], cni: calico-bgp, nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/26] } } }
                  far:
                    pods: [10.2.0.0/16]
                    cni: calico-bgp
                    nodes:
                      f1: { address: 10.9.0.2, pods: [10.2.0.0/24] }
                      f2: { address: 10.9.0.3, pods: [10.2.1.0/24] }
                      f3: { address: 10.9.0.4, pods: [10.2.2.64/26, 10.2.3.0/26] }
                      f4: { address: 10.9.0.5 }
                paths: [{ between: [near, far], \(carrier) }]
                """)
        let isRouted = carrier == "via: routed"
        let blocks = try Networks.plan(isRouted ? "near/n" : "far/f1", in: inventory).notes.filter {
            $0.message.contains("kubectl get blockaffinities")
        }
        #expect(blocks.count == 1 && blocks.allSatisfy { $0.severity == .advice }, "\(blocks)")
        let start = isRouted ? "f1 has 10.2.0.0/24 (1 other node the like), but" : "f1 has 10.2.0.0/24, but"
        #expect(blocks.first?.message.contains(start) == true, "\(blocks)")
        let unknown = try Networks.plan(isRouted ? "near/n" : "far/f4", in: inventory).notes
        #expect(unknown.contains { $0.severity == .warning && $0.message.contains("the pods of f4 are not known") })
    }

    @Test(arguments: [("", true), ("port: 8472, ", true), ("port: 4899, ", false)])
    func `a port that hypervisors take for themselves is told`(port: String, isTold: Bool) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  c1: { pods: [10.1.0.0/16], nodes: { a: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  c2: { pods: [10.2.0.0/16], nodes: { b: { address: 10.9.0.2, pods: [10.2.0.0/24] } } }
                paths: [{ between: [c1, c2], via: vxlan, vxlan: { id: 7, \(port)network: 10.255.0.0/24 } }]
                """)
        let notes = try Networks.plan("a", in: inventory).notes
        #expect(notes.contains { $0.message.contains("must let UDP port") })
        #expect(notes.contains { $0.message.contains("hypervisors") } == isTold, "\(notes)")
    }
}
