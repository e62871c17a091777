import Foundation
import Testing

extension EndToEnd {
    /// The forwarder behind the resolvers that offices have, each with the README's own lines.
    @Suite struct Fronts {
        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: .dnsmasq) }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `Unbound with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: .unbound) }

        @Test func `BIND with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: .bind) }

        @Test(.enabled(if: Tool.areInstalled("kresd"), "kresd is missing: apt install knot-resolver"))
        func `Knot Resolver with the README's lines hands on all kinds of names`() throws {
            try expectAnswers(behind: .knotResolver)
        }

        @Test(.enabled(if: Tool.areInstalled("pdns_recursor"), "pdns_recursor is missing: apt install pdns-recursor"))
        func `PowerDNS Recursor with the README's lines hands on all kinds of names`() throws {
            try expectAnswers(behind: .recursor)
        }

        @Test(arguments: [
            ("dnsmasq", Front.dnsmasq), ("unbound", .unbound), ("bind", .bind), ("knot", .knotResolver), ("pdns", .recursor),
        ])
        func `a resolver with rendered lines hands on all kinds of names`(format: String, front: Front) throws {
            guard Tool.areInstalled(front.program) else { return }  // the tests above say what is missing
            let network = try OfficeNetwork.running()
            let file = network.folder.path + "/namebridge.yaml"
            let server = "127.0.0.1:\(network.port)"
            let program = try #require(Tool.namebridge)
            let text = try Tool.run(
                [program, "net", "render", "--config", file, "--format", format, "--server", server])
            #expect(text.status == 0, "\(text.errors)")
            // The recursor has three files, each of which begins with its name.
            let marks = ["\n# /etc/powerdns/namebridge.zones", "\n-- /etc/powerdns/recursor.lua"]
            let blocks = marks.reduce([text.output]) { blocks, mark in
                blocks.flatMap { block in
                    let parts = block.components(separatedBy: mark)
                    return [parts[0] + "\n"] + parts.dropFirst().map { mark.dropFirst() + $0 }
                }
            }
            try expectAnswers(behind: front, with: blocks)
        }

        private func expectAnswers(behind front: Front) throws {
            let forwarder = "127.0.0.1\(front.separator)\(try OfficeNetwork.running().port)"
            try expectAnswers(behind: front, with: Readme.blocks(of: front.name, forwarder: forwarder))
        }

        private func expectAnswers(behind front: Front, with blocks: [String]) throws {
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let name = front.program
            let server = try RealServers.started(
                name, front.prepare(blocks, port, folder), port, front.probe, in: folder)
            defer { server.end() }
            try expectAnswers(at: port)
        }

        /// A, AAAA, SRV, PTR and others with data and without; names that do not exist; 300 addresses; over UDP and TCP,
        /// for clients that look at AD and those that do not.
        private func expectAnswers(at port: Int) throws {
            for options in [[], ["+noadflag"], ["+dnssec"], ["+tcp"]] {
                for (question, data) in [
                    ("web.shop.svc.prod.cluster.local A", ["10.234.1.7"]),
                    ("web.shop.svc.staging.cluster.local A", ["10.235.1.7"]),
                    ("web.shop.svc.cluster.local A", ["10.234.1.7"]),
                    ("only-staging.shop.svc.cluster.local A", ["10.235.1.8"]),
                    ("web.shop.svc.prod.cluster.local AAAA", ["fd00:234:1::7"]),
                    ("-x 10.234.1.7", ["web.shop.svc.prod.cluster.local."]),
                    ("_http._tcp.web.shop.svc.staging.cluster.local SRV", ["0 100 80 web.shop.svc.staging.cluster.local."]),
                    ("mail.shop.svc.prod.cluster.local MX", ["10 smtp.shop.svc.prod.cluster.local.", "20 mx.example.net."]),
                    ("alias.shop.svc.prod.cluster.local CNAME", ["web.shop.svc.prod.cluster.local."]),
                    ("smtp.shop.svc.prod.cluster.local AAAA", []), ("only-staging.shop.svc.cluster.local AAAA", []),
                    ("web.shop.svc.prod.cluster.local MX", []), ("_http._tcp.web.shop.svc.prod.cluster.local A", []),
                ] {
                    let reply = try dig(question, port: port, options: options)
                    #expect(reply.status == "NOERROR" && reply.data == data, "\(question)\n\(reply.text)")
                }
                for name in ["none.shop.svc.prod.cluster.local A", "none.shop.svc.prod.cluster.local AAAA", "-x 10.234.9.9"] {
                    let reply = try dig(name, port: port, options: options)
                    #expect(reply.status == "NXDOMAIN", "\(name)\n\(reply.text)")
                }
                let big = try dig("big.test.svc.prod.cluster.local A", port: port, options: options)
                #expect(big.answer.count == ClusterZone.endpoints, "\(big.text.prefix(800))")
            }
        }
    }
}
