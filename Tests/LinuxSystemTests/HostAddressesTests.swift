import IPAddressing
import LinuxSystem
import Testing

@Suite("Host addresses") struct HostAddressesTests {
    @Test("loopback is the host's own, an address for documentation is not")
    func own() throws {
        #expect(HostAddresses.contains(try #require(IPAddress("127.0.0.1"))))
        #expect(!HostAddresses.contains(try #require(IPAddress("198.51.100.7"))))
        #expect(!HostAddresses.contains(try #require(IPAddress("2001:db8:1::7"))))
    }
}
