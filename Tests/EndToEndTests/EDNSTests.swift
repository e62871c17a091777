import Testing

extension EndToEnd {
    /// EDNS is between neighbours: what the client says is not what the cluster hears.
    @Suite struct EDNS {
        @Test func `a client without EDNS gets none back`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("web.shop.svc.prod.cluster.local A", port: network.port, options: ["+noedns"])
            #expect(reply.data == ["10.234.1.7"])
            #expect(!reply.hasEDNS, "\(reply.text)")
        }

        @Test func `a client with EDNS gets it back without an echo of its options`() throws {
            let network = try OfficeNetwork.running()
            let options = ["+cookie=0102030405060708", "+nsid", "+ednsopt=65001:abcd", "+subnet=192.0.2.0/24"]
            let reply = try dig("web.shop.svc.prod.cluster.local A", port: network.port, options: options)
            #expect(reply.data == ["10.234.1.7"])
            #expect(reply.hasEDNS)
            for word in ["echoed", "NSID", "CLIENT-SUBNET", "OPT=65001"] { #expect(!reply.text.contains(word), "\(reply.text)") }
        }

        @Test func `a later version of EDNS is answered BADVERS`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(
                "web.shop.svc.prod.cluster.local A", port: network.port, options: ["+edns=1", "+noednsnegotiation"])
            #expect(reply.status == "BADVERS", "\(reply.text)")
        }

        @Test func `the DO bit comes back as it was asked`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("web.shop.svc.prod.cluster.local A", port: network.port, options: ["+dnssec"])
            #expect(reply.text.contains("flags: do;"), "\(reply.text)")
            #expect(reply.data == ["10.234.1.7"])
        }

        @Test func `an opcode that is not a query is answered NOTIMP`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(
                "web.shop.svc.prod.cluster.local A", port: network.port, options: ["+opcode=notify", "+noedns"])
            #expect(reply.status == "NOTIMP", "\(reply.text)")
        }
    }
}
