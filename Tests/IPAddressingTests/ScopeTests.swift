import IPAddressing
import Testing

@Suite struct ScopeTests {
    @Test(arguments: [
        ("127.9.9.9", true), ("126.255.255.255", false), ("10.0.0.0", true), ("11.0.0.0", false), ("172.16.0.1", true),
        ("172.31.255.255", true), ("172.32.0.0", false), ("192.168.4.4", true), ("192.169.0.0", false),
        ("100.64.0.1", true), ("100.127.255.255", true), ("100.128.0.0", false), ("169.254.1.1", true),
        ("169.253.255.255", false), ("8.8.8.8", false), ("::1", true), ("::2", false), ("fc00::1", true),
        ("fdff::1", true), ("fe00::1", false), ("fe80::1", true), ("febf::1", true), ("fec0::1", false),
        ("2001:db8::1", false),
    ])
    func `private addresses are those not routed on the Internet`(address: String, isPrivate: Bool) throws {
        #expect(try #require(IPAddress(address)).isPrivate == isPrivate)
    }
}
