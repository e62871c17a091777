import Testing

extension EndToEnd {
    /// What the records of each type look like under the suffix that was asked.
    @Suite struct Mapping {
        /// A record below `shop.svc`, and its data; `@` is the suffix that was asked.
        struct Row: CustomTestStringConvertible {
            let type: String
            let name: String
            let data: [String]

            var testDescription: String { type }
        }

        @Test(
            arguments: ["prod.cluster.local.", "prod.k8s.example.com."],
            [
                Row(
                    type: "SRV", name: "_pg._tcp.db.shop.svc",
                    data: ["0 50 5432 db-0.db.shop.svc.@", "0 50 5432 db-1.db.shop.svc.@"]),
                Row(type: "MX", name: "mail.shop.svc", data: ["10 smtp.shop.svc.@", "20 mx.example.net."]),
                Row(type: "NAPTR", name: "naptr.shop.svc", data: ["100 10 \"S\" \"SIP+D2U\" \"\" _sip._udp.shop.svc.@"]),
                Row(type: "SVCB", name: "svcb.shop.svc", data: ["1 web.shop.svc.@ port=8443"]),
                Row(type: "HTTPS", name: "https.shop.svc", data: ["1 web.shop.svc.@ alpn=\"h2\""]),
                Row(type: "TXT", name: "text.shop.svc", data: ["\"web.shop.svc.cluster.local\""]),
                Row(type: "TXT", name: "dns-version", data: ["\"1.1.0\""]),
                Row(type: "RP", name: "rp.shop.svc", data: ["hostmaster.@ text.shop.svc.@"]),
                Row(type: "AFSDB", name: "afsdb.shop.svc", data: ["1 web.shop.svc.@"]),
                Row(type: "KX", name: "kx.shop.svc", data: ["1 web.shop.svc.@"]),
                Row(type: "DNAME", name: "tree.shop.svc", data: ["other.svc.@"]),
                Row(type: "SOA", name: "", data: ["ns.dns.@ hostmaster.@ 1 7200 1800 86400 5"]),
                Row(type: "NS", name: "", data: ["ns.dns.@"]),
                Row(type: "CNAME", name: "alias.shop.svc", data: ["web.shop.svc.@"]),
            ])
        func `names in data come back under the suffix, others as they are`(suffix: String, row: Row) throws {
            let network = try OfficeNetwork.running()
            let name = row.name.isEmpty ? suffix : "\(row.name).\(suffix)"
            let reply = try dig("\(name) \(row.type)", port: network.port)
            #expect(reply.status == "NOERROR", "\(reply.text)")
            #expect(reply.data == row.data.map { $0.replacing("@", with: suffix) }, "\(reply.text)")
            #expect(reply.answer.allSatisfy { $0.hasPrefix("\(name) \(row.type) ") })
        }

        @Test func `a chain of aliases comes back under one suffix`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("alias.shop.svc.prod.k8s.example.com A", port: network.port)
            #expect(
                reply.answer == [
                    "alias.shop.svc.prod.k8s.example.com. CNAME web.shop.svc.prod.k8s.example.com.",
                    "web.shop.svc.prod.k8s.example.com. A 10.234.1.7",
                ])
        }

        @Test func `a name below a DNAME comes back with its alias under the suffix`() throws {
            let network = try OfficeNetwork.running()
            let reply = try kdig("web.tree.shop.svc.prod.cluster.local A", port: network.port)
            #expect(
                reply.answer == [
                    "tree.shop.svc.prod.cluster.local. DNAME other.svc.prod.cluster.local.",
                    "web.tree.shop.svc.prod.cluster.local. CNAME web.other.svc.prod.cluster.local.",
                    "web.other.svc.prod.cluster.local. A 10.234.1.10",
                ], "\(reply.text)")
        }

        @Test(arguments: ["A", "CNAME"])
        func `an alias that leaves the cluster comes back as the cluster gave it`(type: String) throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("outside.shop.svc.staging.cluster.local \(type)", port: network.port)
            #expect(reply.answer.first == "outside.shop.svc.staging.cluster.local. CNAME www.example.net.")
        }

        @Test func `a referral below the cluster comes back under the suffix`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("x.sub.team.svc.prod.cluster.local A", port: network.port)
            #expect(reply.authority == ["sub.team.svc.prod.cluster.local. NS ns.dns.prod.cluster.local."], "\(reply.text)")
            #expect(reply.additional.allSatisfy { $0 == "ns.dns.prod.cluster.local. A 10.234.0.10" })
        }

        @Test func `data of an unknown type passes octet by octet`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("opaque.shop.svc.prod.cluster.local TYPE65280", port: network.port)
            let data = reply.data.first?.split(separator: " ").dropFirst(2).joined().lowercased()
            #expect(data == ClusterZone.opaqueData, "\(reply.text)")
        }

        @Test func `the question comes back in the letter case that was asked`() throws {
            let network = try OfficeNetwork.running()
            let name = "wEb.ShOp.sVc.pRoD.k8S.eXaMpLe.CoM."
            let reply = try dig("\(name) A", port: network.port)
            #expect(reply.question == "\(name) A")
            #expect(reply.data == ["10.234.1.7"])
            #expect(reply.answer.allSatisfy { $0.lowercased().hasPrefix(name.lowercased()) })
        }

        @Test func `a name that grows past 255 octets fails its answer, which shows it`() throws {
            let network = try OfficeNetwork.running()
            let reply = try dig("long.shop.svc.prod.cluster.local CNAME", port: network.port)
            #expect(reply.status == "SERVFAIL", "\(reply.text)")
            #expect(reply.errors.contains { $0.contains("255") && $0.contains("llll") }, "\(reply.text)")
            let plain = try dig("long.shop.svc.cluster.local CNAME", port: network.port)
            #expect(plain.data == [ClusterZone.longTarget], "under the cluster's own domain it fits")
        }

        @Test func `additional addresses of SRV targets come back under the suffix`() throws {
            let network = try OfficeNetwork.running()
            let reply = try kdig("_http._tcp.web.shop.svc.staging.cluster.local SRV", port: network.port)
            #expect(reply.data == ["0 100 80 web.shop.svc.staging.cluster.local."])
            let allowed = ["web.shop.svc.@ A 10.235.1.7", "web.shop.svc.@ AAAA fd00:235:1::7", "ns.dns.@ A 10.235.0.10"]
                .map { $0.replacing("@", with: "staging.cluster.local.") }
            #expect(reply.additional.allSatisfy { allowed.contains($0) }, "\(reply.text)")
        }
    }
}
