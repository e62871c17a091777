import Testing

extension EndToEnd {
    /// The servers of the forwarder, asked directly: the other tests rely on their data.
    @Suite struct Harness {
        @Test func `both clusters call themselves cluster.local and have addresses of their own`() throws {
            let network = try OfficeNetwork.withoutForwarders()
            #expect(try dig("web.shop.svc.cluster.local A", port: network.prodPort).data == ["10.234.1.7"])
            #expect(try dig("web.shop.svc.cluster.local A", port: network.stagingPort).data == ["10.235.1.7"])
        }

        @Test func `both clusters have 300 addresses and 760 ports under one name`() throws {
            let network = try OfficeNetwork.withoutForwarders()
            for port in [network.prodPort, network.stagingPort] {
                let big = try dig("big.test.svc.cluster.local A", port: port, options: ["+tcp"])
                #expect(big.answer.count == ClusterZone.endpoints)
                let many = try kdig("_x._tcp.many.test.svc.cluster.local SRV", port: port, options: ["+tcp"])
                #expect(many.answer.count == ClusterZone.manyPorts)
            }
        }

        @Test func `the office has example.net`() throws {
            let network = try OfficeNetwork.withoutForwarders()
            #expect(try dig("www.example.net A", port: network.namedPort).data == ["192.0.2.80"])
        }
    }
}
