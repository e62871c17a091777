import Testing

extension EndToEnd {
    /// The forwarder behind the resolvers that offices have.
    @Suite struct Fronts {
        private static let dnsmasq = Result {
            try Front { try RealServers.dnsmasq(port: $0, forwarder: $1, in: $2) }
        }
        private static let unbound = Result {
            try Front { try RealServers.unbound(port: $0, forwarder: $1, in: $2) }
        }

        /// A resolver in front of the forwarder.
        struct Front {
            let port: Int
            private let server: ServerProcess

            init(_ start: (Int, Int, TemporaryFolder) throws -> ServerProcess) throws {
                let network = try OfficeNetwork.running()
                port = try FreePort.next()
                server = try start(port, network.port, network.folder)
            }
        }

        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq with server=, rev-server= and rebind-domain-ok= hands on all kinds of names`() throws {
            try expectAnswers(at: Self.dnsmasq.get().port)
        }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `a validating Unbound with forward-zone and use-caps-for-id takes every answer`() throws {
            try expectAnswers(at: Self.unbound.get().port)
        }

        @Test func `BIND with forward zones hands on all kinds of names`() throws {
            try expectAnswers(at: OfficeNetwork.running().namedPort)
        }

        private func expectAnswers(at port: Int) throws {
            for (question, data) in [
                ("web.shop.svc.prod.cluster.local A", ["10.234.1.7"]),
                ("web.shop.svc.staging.cluster.local A", ["10.235.1.7"]),
                ("web.shop.svc.cluster.local A", ["10.234.1.7"]),
                ("only-staging.shop.svc.cluster.local A", ["10.235.1.8"]),
                ("web.shop.svc.prod.k8s.example.com AAAA", ["fd00:234:1::7"]),
                ("-x 10.234.1.7", ["web.shop.svc.prod.cluster.local."]),
                ("_http._tcp.web.shop.svc.staging.cluster.local SRV", ["0 100 80 web.shop.svc.staging.cluster.local."]),
                ("mail.shop.svc.prod.cluster.local MX", ["10 smtp.shop.svc.prod.cluster.local.", "20 mx.example.net."]),
                ("alias.shop.svc.prod.cluster.local CNAME", ["web.shop.svc.prod.cluster.local."]),
            ] {
                for options in [[], ["+tcp"]] {
                    let reply = try dig(question, port: port, options: options)
                    #expect(reply.status == "NOERROR" && reply.data == data, "\(question)\n\(reply.text)")
                }
            }
            let big = try dig("big.test.svc.prod.cluster.local A", port: port)
            #expect(big.answer.count == ClusterZone.endpoints, "\(big.text.prefix(800))")
            #expect(try dig("none.shop.svc.prod.cluster.local A", port: port).status == "NXDOMAIN")
            let noData = try dig("web.shop.svc.prod.cluster.local MX", port: port)
            #expect(noData.status == "NOERROR" && noData.answer.isEmpty)
        }
    }
}
