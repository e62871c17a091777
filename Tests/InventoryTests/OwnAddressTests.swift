import IPAddressing
import Inventory
import Testing

@Suite("This host's own addresses") struct OwnAddressTests {
    @Test(
        "a server that is a wildcard listener on this host's own address is an error",
        arguments: [
            ("10.0.0.5:53", true, "the host's address, and the port listened on"),
            ("10.0.0.5:5353", false, "another port"),
            ("10.0.0.6:53", false, "another host's address"),
            ("[fd00::5]:53", false, "it does not listen on IPv6"),
        ])
    func ownAddress(server: String, isError: Bool, reason: String) throws {
        let own = try [#require(IPAddress("10.0.0.5")), #require(IPAddress("fd00::5"))]
        let listen = try #require(Endpoint("0.0.0.0:53", defaultPort: 53))
        let endpoint = try #require(Endpoint(server, defaultPort: 53))
        let inventory = Inventory(dns: DNSSettings(listen: [listen], upstream: [endpoint]))
        let problems = inventory.check { own.contains($0) }
        #expect(problems.contains { $0.path.description == "dns.upstream[0]" } == isError, "\(reason)")
        #expect(inventory.check().isEmpty, "without knowing the host there is nothing to say")
    }
}
