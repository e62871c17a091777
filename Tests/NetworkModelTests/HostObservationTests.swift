import IPAddressing
import JSON
import NetworkModel
import Testing

/// The file of a host's state.
@Suite struct HostObservationTests {
    @Test func `what was written is read again`() throws {
        let address = try #require(IPAddress("192.168.5.11"))
        var state = HostState()
        state.links = [Link(name: "eth0", kind: .other(""), mtu: 1500)]
        state.addresses = [InterfaceAddress(device: "eth0", address: address, length: 24)]
        state.routes = state.addresses.compactMap(\.connectedRoute)
        state.settings = [
            KernelSetting(family: .v4, device: "eth0", name: .forwarding): 1,
            KernelSetting(family: .v4, device: "all", name: .reversePathFilter): 2,
        ]
        state.iptables = [
            IPTablesState(
                family: .v4,
                saved: "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.0.0.1\n"),
            IPTablesState(family: .v6, saved: ""),
        ]
        state.foreignItems = [.object([("table", .object([("family", .string("inet")), ("name", .string("site"))]))])]
        state.unresolvedNeighbours = [UnresolvedNeighbour(device: "eth0", address: address)]
        state.connections = ConnectionTable(count: 7, most: 4096)
        let observation = HostObservation(name: "node1", time: 1_700_000_000, state: state)
        #expect(try HostObservation(reading: Array(observation.json.text().utf8)) == observation)
    }

    @Test(arguments: ["", "[]", "{", #"{"namebridge-observation": 2}"#])
    func `other files are refused`(_ text: String) {
        #expect(throws: ReadingError.self) { try HostObservation(reading: Array(text.utf8)) }
    }
}
