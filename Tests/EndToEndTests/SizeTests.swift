import Testing

extension EndToEnd {
    /// Answers that are larger than a datagram.
    @Suite struct Sizes {
        @Test(arguments: [512, 1232, 4096], ["prod.cluster.local", "staging.cluster.local"])
        func `300 addresses over UDP are cut to the client's size and marked`(size: Int, suffix: String) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(
                "big.test.svc.\(suffix) A", port: network.port, options: ["+bufsize=\(size)", "+ignore"])
            #expect(reply.status == "NOERROR")
            #expect(reply.flags.contains("tc"), "\(reply.text.prefix(500))")
            #expect(reply.size <= size)
            #expect(reply.answer.count < ClusterZone.endpoints)
            #expect(Set(reply.answer).count == reply.answer.count)
        }

        @Test func `a client without EDNS gets at most 512 octets`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(
                "big.test.svc.prod.cluster.local A", port: network.port, options: ["+noedns", "+ignore"])
            #expect(reply.flags.contains("tc"))
            #expect(reply.size <= 512)
        }

        @Test(arguments: [[], ["+tcp"], ["+bufsize=1232"], ["+noedns"]])
        func `300 addresses arrive whole in the end, by UDP and TCP as clients do it`(options: [String]) throws {
            let network = try OfficeNetwork.running()
            let whole = Set((0..<ClusterZone.endpoints).map { "10.235.\(70 + $0 / 250).\($0 % 250)" })
            let name = "big.test.svc.staging.cluster.local A"
            for reply in [
                try dig(name, port: network.port, options: options), try kdig(name, port: network.port, options: options),
            ] {
                #expect(Set(reply.data) == whole)
                #expect(reply.answer.count == ClusterZone.endpoints)
                #expect(!reply.flags.contains("tc"))
            }
        }

        @Test(arguments: ["prod.cluster.local", "prod.k8s.example.com"])
        func `760 ports arrive whole over TCP under a longer suffix`(suffix: String) throws {
            let network = try OfficeNetwork.running()
            let reply = try kdig("_x._tcp.many.test.svc.\(suffix) SRV", port: network.port, options: ["+tcp"])
            let whole = Set((0..<ClusterZone.manyPorts).map { "0 1 \(1_000 + $0) ep-\($0).many.test.svc.\(suffix)." })
            #expect(Set(reply.data) == whole)
            #expect(!reply.flags.contains("tc"))
            #expect(reply.size > 30_000)
        }
    }
}
