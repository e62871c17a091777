import IPAddressing
import LinuxSystem
import Testing

@Suite("Host routes") struct HostRoutesTests {
    @Test("IPv4 routes are read without the default one")
    func v4() {
        let text = """
            Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
            eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
            tun0\t0000C80A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
            broken line
            """
        #expect(HostRoutes.prefixes(v4: text).map(\.description) == ["192.168.0.0/24", "10.200.0.0/16"])
    }

    @Test("IPv6 routes are read without the default one")
    func v6() {
        let zeros = String(repeating: "0", count: 32)
        let text = """
            fd6e0001000000000000000000000000 30 \(zeros) 00 \(zeros) 00000100 00000001 00000000 00000001 eth0
            \(zeros) 00 \(zeros) 00 \(zeros) ffffffff 00000001 00000000 00200200 lo
            """
        #expect(HostRoutes.prefixes(v6: text).map(\.description) == ["fd6e:1::/48"])
    }

    @Test("the host's own addresses are those that it can bind")
    func addresses() {
        #expect(HostAddresses.all().allSatisfy { HostAddresses.contains($0) })
    }
}
