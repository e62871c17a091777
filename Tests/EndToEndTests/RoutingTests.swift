import Testing

extension EndToEnd {
    /// Which cluster answers which name, for which client.
    @Suite struct Routing {
        /// A question and the data of its answer.
        struct Case: CustomTestStringConvertible {
            let reason: String
            let question: String
            let data: [String]
            /// The client's own address.
            var client = "127.0.0.1"

            var testDescription: String { reason }
        }

        @Test(arguments: [
            Case(reason: "a cluster's default suffix", question: "web.shop.svc.prod.cluster.local A", data: ["10.234.1.7"]),
            Case(
                reason: "the same name in the other cluster", question: "web.shop.svc.staging.cluster.local A",
                data: ["10.235.1.7"]),
            Case(
                reason: "a suffix of the owner's choice", question: "web.shop.svc.prod.k8s.example.com A",
                data: ["10.234.1.7"]),
            Case(
                reason: "the letter case of a suffix means nothing", question: "WEB.shop.SVC.Prod.Cluster.LOCAL A",
                data: ["10.234.1.7"]),
            Case(reason: "IPv6 addresses", question: "web.shop.svc.staging.cluster.local AAAA", data: ["fd00:235:1::7"]),
            Case(
                reason: "a plain name: the first cluster has it", question: "web.shop.svc.cluster.local A", data: ["10.234.1.7"]),
            Case(
                reason: "a plain name that only the second cluster has", question: "only-staging.shop.svc.cluster.local A",
                data: ["10.235.1.8"]),
            Case(
                reason: "a plain name in another view", question: "web.shop.svc.cluster.local A", data: ["10.235.1.7"],
                client: "127.0.0.2"),
            Case(
                reason: "a suffix answers the same in every view", question: "web.shop.svc.prod.cluster.local A",
                data: ["10.234.1.7"], client: "127.0.0.2"),
            Case(reason: "any other name is for dns.upstream", question: "www.example.net A", data: ["192.0.2.80"]),
        ])
        func `a name is answered by its cluster`(_ row: Case) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(row.question, port: network.port, options: ["-b", row.client])
            #expect(reply.status == "NOERROR", "\(reply.text)")
            #expect(reply.data == row.data)
            #expect(reply.errors.isEmpty)
        }

        @Test(arguments: [
            ("127.0.0.1", "a service of the first cluster", "-x 10.234.1.7", "web.shop.svc.prod.cluster.local."),
            ("127.0.0.1", "a service of the second cluster", "-x 10.235.1.7", "web.shop.svc.staging.cluster.local."),
            ("127.0.0.1", "a pod", "-x 10.235.64.5", "db-0.db.shop.svc.staging.cluster.local."),
            ("127.0.0.1", "an IPv6 service", "-x fd00:234:1::7", "web.shop.svc.prod.cluster.local."),
            ("127.0.0.2", "a reverse name is the same in every view", "-x 10.234.1.7", "web.shop.svc.prod.cluster.local."),
        ])
        func `an address is named below its cluster's first suffix`(
            client: String, reason: String, address: String, name: String
        ) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(address, port: network.port, options: ["-b", client].filter { _ in !address.contains(":") })
            #expect(reply.data == [name], "\(reason)\n\(reply.text)")
        }

        @Test(arguments: [
            ("-x 10.234.200.1", "beside the cluster's /18 prefixes, although its server has the name"),
            ("-x 10.99.0.1", "in no cluster at all"), ("-x fd99::1", "a unique local address of no cluster"),
            ("-x 192.168.7.7", "another private prefix"),
        ])
        func `a private reverse name of no cluster is answered here`(address: String, reason: String) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(address, port: network.port)
            #expect(reply.status == "NXDOMAIN", "\(reason)\n\(reply.text)")
            #expect(reply.authority.contains { $0.contains(" SOA ") && $0.contains("nobody.invalid.") })
        }

        @Test(arguments: [
            ("none.shop.svc.prod.cluster.local A", "NXDOMAIN", "prod"),
            ("web.shop.svc.prod.cluster.local TXT", "NOERROR", "prod"),
            ("db-0.db.shop.svc.staging.cluster.local AAAA", "NOERROR", "staging"),
        ])
        func `a negative answer stays negative and brings the SOA under the suffix`(
            question: String, status: String, cluster: String
        ) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(question, port: network.port)
            #expect(reply.status == status)
            #expect(reply.answer.isEmpty)
            let zone = "\(cluster).cluster.local."
            #expect(reply.authority == ["\(zone) SOA ns.dns.\(zone) hostmaster.\(zone) 1 7200 1800 86400 5"])
            #expect(reply.flags.isSuperset(of: ["qr", "rd", "ra"]) && !reply.flags.contains("aa"))
        }

        @Test func `a plain name that no cluster has does not exist`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("none.shop.svc.cluster.local A", port: network.port)
            #expect(reply.status == "NXDOMAIN")
            #expect(reply.errors.isEmpty)
        }

        @Test func `a plain name is answered by the second cluster while the first is dead, and the answer says so`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("web.shop.svc.cluster.local A", port: network.port, options: ["-b", "127.0.0.3"])
            #expect(reply.data == ["10.235.1.7"], "\(reply.text)")
            #expect(reply.errors.contains { $0.contains("dead") })
        }

        @Test func `a failing cluster is not a negative answer for a plain name`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("none.shop.svc.cluster.local A", port: network.port, options: ["-b", "127.0.0.3"])
            #expect(reply.status == "SERVFAIL", "\(reply.text)")
            #expect(reply.errors.contains { $0.contains("dead") })
        }

        @Test(arguments: [
            ("127.0.0.4", "web.shop.svc.cluster.local A", "no cluster answers plain cluster.local"),
            ("127.0.0.1", "web.shop.svc.prod.cluster.local AXFR", ""),
            ("127.0.0.1", "-c CH version.bind TXT", "only class IN is served"),
            ("127.0.0.66", "web.shop.svc.prod.cluster.local A", "not in dns.clients"),
        ])
        func `a name that is not served is refused with the reason`(client: String, question: String, reason: String) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig(question, port: network.port, options: ["-b", client])
            guard !reason.isEmpty else {
                #expect(reply.text.contains("Transfer failed"), "\(reply.text)")
                return
            }
            #expect(reply.status == "REFUSED", "\(reply.text)")
            #expect(reply.errors.contains { $0.contains(reason) }, "\(reply.text)")
        }

        @Test func `a resolver in a network without the root is asked for the names that it has`() throws {
            let network = try OfficeNetwork.running()
            #expect(try dig(". SOA", port: network.namedPort).status == "SERVFAIL")
            // Longer than it takes to find a server dead.
            let deadline = Deadline(3_000)
            while !deadline.isOver {
                let reply = try dig("www.example.net A", port: network.port)
                guard reply.data == ["192.0.2.80"] else {
                    Issue.record("\(reply.text)")
                    return
                }
            }
        }

        @Test func `without dns.upstream another name is refused, never asked elsewhere`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("www.example.net A", port: network.isolatedPort)
            #expect(reply.status == "REFUSED", "\(reply.text)")
            #expect(reply.errors.contains { $0.contains("dns.upstream") })
        }
    }
}
