import IPAddressing
import Testing

@Suite("Addresses as text") struct AddressTextTests {
    @Test(
        "an address is read and written in its canonical form",
        arguments: [
            ("172.17.16.10", "172.17.16.10"),
            ("0.0.0.0", "0.0.0.0"),
            ("255.255.255.255", "255.255.255.255"),
            ("::", "::"),
            ("::1", "::1"),
            ("FD00:234:1:0:0:0:0:A", "fd00:234:1::a"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ])
    func canonicalForm(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(
        "text that is not an address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1..3.4", "a.b.c.d", ":", ":::", "1::2::3",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1.2.3.4:5", "fe80::1%eth0",
            "::+1", "1.2.3.+4", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:",
        ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("endpoints take an optional port, IPv6 in brackets")
    func endpoints() {
        #expect(Endpoint("10.0.0.1", defaultPort: 53)?.description == "10.0.0.1:53")
        #expect(Endpoint("10.0.0.1:5300", defaultPort: 53)?.description == "10.0.0.1:5300")
        #expect(Endpoint("fd00::1", defaultPort: 53)?.description == "[fd00::1]:53")
        #expect(Endpoint("[fd00::1]", defaultPort: 53)?.description == "[fd00::1]:53")
        #expect(Endpoint("[fd00::1]:54", defaultPort: 53)?.description == "[fd00::1]:54")
        for wrong in ["", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "[10.0.0.1]:53", "[fd00::1", "[fd00::1]53"] {
            #expect(Endpoint(wrong, defaultPort: 53) == nil, "\(wrong)")
        }
    }
}
