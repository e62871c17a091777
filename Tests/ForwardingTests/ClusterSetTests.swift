import TestSupport
import Testing

/// The records of KEP-1645's multicluster DNS 1.0.0, row by row and by section: what a member gives, and what
/// clients get.
@Suite struct ClusterSetTests {
    @Test(arguments: rows)
    func `a record is given as the KEP has it`(row: Row) throws {
        let failure = ScenarioPlayer.play(try Scenario(Self.settings + row.steps), seed: 1)
        #expect(failure == nil, "\(failure?.line ?? 0): \(failure?.text ?? "")")
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let steps: String
    }

    /// Two members with the addresses that each cluster has of its own, as clients see them.
    private static let settings = """
        clusterset main members prod staging=east.example prefer staging
        cluster prod dns 172.17.16.10 pods 10.244.0.0/16 fd00:244::/64 \
        services 10.96.0.0/16 map 10.244.0.0/16 10.200.0.0/16 fd00:244::/64 fd00:200::/64
        cluster staging dns 172.18.16.10 pods 10.245.0.0/16 fd00:245::/64 services 10.97.0.0/16 fd00:97::/112
        ---

        """

    private static let rows = [
        Row(
            testDescription: "2.2 dns-version TXT exists, its text is not compared",
            steps: """
                client 10.0.0.7 asks dns-version.clusterset.local TXT
                server 172.18.16.10 is asked dns-version.clusterset.local TXT edns
                server 172.18.16.10 answers NOERROR aa
                  answer dns-version.clusterset.local 28800 TXT 1.1.0
                client 10.0.0.7 gets NOERROR
                  answer dns-version.clusterset.local 28800 TXT 1.1.0
                """),
        Row(
            testDescription: "2.3.1 A of a ClusterSetIP service is one address, of the member that answers",
            steps: """
                client 10.0.0.7 asks web.shop.svc.clusterset.local A
                server 172.18.16.10 is asked web.shop.svc.clusterset.local A edns
                server 172.18.16.10 answers NOERROR aa
                  answer web.shop.svc.clusterset.local 5 A 10.97.0.9
                client 10.0.0.7 gets NOERROR
                  answer web.shop.svc.clusterset.local 5 A 10.97.0.9
                """),
        Row(
            testDescription: "2.3.1 AAAA of an IPv4 service is no data, and that is final",
            steps: """
                client 10.0.0.7 asks web.shop.svc.clusterset.local AAAA
                server 172.18.16.10 is asked web.shop.svc.clusterset.local AAAA edns
                server 172.18.16.10 answers NOERROR aa
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                client 10.0.0.7 gets NOERROR
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                """),
        Row(
            testDescription: "2.3.2 SRV of a named port leads to the service's own name",
            steps: """
                client 10.0.0.7 asks _http._tcp.web.shop.svc.clusterset.local SRV
                server 172.18.16.10 is asked _http._tcp.web.shop.svc.clusterset.local SRV edns
                server 172.18.16.10 answers NOERROR aa
                  answer _http._tcp.web.shop.svc.clusterset.local 5 SRV 0 50 80 web.shop.svc.clusterset.local
                  additional web.shop.svc.clusterset.local 5 A 10.97.0.9
                client 10.0.0.7 gets NOERROR
                  answer _http._tcp.web.shop.svc.clusterset.local 5 SRV 0 50 80 web.shop.svc.clusterset.local
                  additional web.shop.svc.clusterset.local 5 A 10.97.0.9
                """),
        Row(
            testDescription: "2.4.1 A of a headless service has endpoints of several members, each mapped by its owner",
            steps: """
                client 10.0.0.7 asks db.shop.svc.clusterset.local A
                server 172.18.16.10 is asked db.shop.svc.clusterset.local A edns
                server 172.18.16.10 answers NOERROR aa
                  answer db.shop.svc.clusterset.local 5 A 10.245.1.7
                  answer db.shop.svc.clusterset.local 5 A 10.244.1.7
                client 10.0.0.7 gets NOERROR
                  answer db.shop.svc.clusterset.local 5 A 10.245.1.7
                  answer db.shop.svc.clusterset.local 5 A 10.200.1.7
                """),
        Row(
            testDescription: "2.4.1 A of an endpoint has its host name and its cluster's ID, which may have a dot",
            steps: """
                client 10.0.0.7 asks db-0.east.example.db.shop.svc.clusterset.local A
                server 172.18.16.10 is asked db-0.east.example.db.shop.svc.clusterset.local A edns
                server 172.18.16.10 answers NOERROR aa
                  answer db-0.east.example.db.shop.svc.clusterset.local 5 A 10.245.1.7
                client 10.0.0.7 gets NOERROR
                  answer db-0.east.example.db.shop.svc.clusterset.local 5 A 10.245.1.7
                """),
        Row(
            testDescription: "2.4.2 SRV of a headless service leads to the endpoints of all members",
            steps: """
                client 10.0.0.7 asks _sql._tcp.db.shop.svc.clusterset.local SRV
                server 172.18.16.10 is asked _sql._tcp.db.shop.svc.clusterset.local SRV edns
                server 172.18.16.10 answers NOERROR aa
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.east.example.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.prod.db.shop.svc.clusterset.local
                  additional b.prod.db.shop.svc.clusterset.local 5 A 10.244.1.7
                client 10.0.0.7 gets NOERROR
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.east.example.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.prod.db.shop.svc.clusterset.local
                  additional b.prod.db.shop.svc.clusterset.local 5 A 10.200.1.7
                """),
        Row(
            testDescription: "2.3.3 limitation: PTR stays a name of the cluster",
            steps: """
                client 10.0.0.7 asks 9.0.97.10.in-addr.arpa PTR
                server 172.18.16.10 is asked 9.0.97.10.in-addr.arpa PTR edns
                server 172.18.16.10 answers NOERROR aa
                  answer 9.0.97.10.in-addr.arpa 5 PTR web.shop.svc.cluster.local
                client 10.0.0.7 gets NOERROR
                  answer 9.0.97.10.in-addr.arpa 5 PTR web.shop.svc.staging.cluster.local
                """),
        Row(
            testDescription: "2.3.4 and 2.4.4 a cluster's ID before a service must not exist: denied without asking",
            steps: """
                client 10.0.0.7 asks prod.web.shop.svc.clusterset.local A edns
                client 10.0.0.7 gets NXDOMAIN edns ede 29 "no cluster can have this name"
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                """),
        Row(
            testDescription: "the set's own suffix leads to the same zone",
            steps: """
                client 10.0.0.7 asks web.shop.svc.main.clusterset.local A
                server 172.18.16.10 is asked web.shop.svc.clusterset.local A edns
                server 172.18.16.10 answers NOERROR aa
                  answer web.shop.svc.clusterset.local 5 A 10.97.0.9
                client 10.0.0.7 gets NOERROR
                  answer web.shop.svc.main.clusterset.local 5 A 10.97.0.9
                """),
        Row(
            testDescription: "2.3.1 AAAA of a ClusterSetIP service is one address",
            steps: """
                client 10.0.0.7 asks web.shop.svc.clusterset.local AAAA
                server 172.18.16.10 is asked web.shop.svc.clusterset.local AAAA edns
                server 172.18.16.10 answers NOERROR aa
                  answer web.shop.svc.clusterset.local 5 AAAA fd00:97::9
                client 10.0.0.7 gets NOERROR
                  answer web.shop.svc.clusterset.local 5 AAAA fd00:97::9
                """),
        Row(
            testDescription: "2.3.2 an unnamed port has no SRV: no member has it",
            steps: """
                client 10.0.0.7 asks _x._tcp.web.shop.svc.clusterset.local SRV
                server 172.18.16.10 is asked _x._tcp.web.shop.svc.clusterset.local SRV edns
                server 172.18.16.10 answers NXDOMAIN aa
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                server 172.17.16.10 is asked _x._tcp.web.shop.svc.clusterset.local SRV edns
                server 172.17.16.10 answers NXDOMAIN aa
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                client 10.0.0.7 gets NXDOMAIN
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                """),
        Row(
            testDescription: "2.3.3 PTR of a ClusterSetIP is the name in the set's zone",
            steps: """
                client 10.0.0.7 asks 9.0.97.10.in-addr.arpa PTR
                server 172.18.16.10 is asked 9.0.97.10.in-addr.arpa PTR edns
                server 172.18.16.10 answers NOERROR aa
                  answer 9.0.97.10.in-addr.arpa 5 PTR web.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer 9.0.97.10.in-addr.arpa 5 PTR web.shop.svc.clusterset.local
                """),
        Row(
            testDescription: "2.3.3 PTR of an IPv6 ClusterSetIP is the name in the set's zone",
            steps: """
                client 10.0.0.7 asks 9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.9.0.0.0.0.d.f.ip6.arpa PTR
                server 172.18.16.10 is asked 9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.9.0.0.0.0.d.f.ip6.arpa PTR edns
                server 172.18.16.10 answers NOERROR aa
                  answer 9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.9.0.0.0.0.d.f.ip6.arpa \
                5 PTR web.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer 9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.9.0.0.0.0.d.f.ip6.arpa \
                5 PTR web.shop.svc.clusterset.local
                """),
        Row(
            testDescription: "2.4.1 AAAA of a headless service has endpoints of several members, each mapped by its owner",
            steps: """
                client 10.0.0.7 asks db.shop.svc.clusterset.local AAAA
                server 172.18.16.10 is asked db.shop.svc.clusterset.local AAAA edns
                server 172.18.16.10 answers NOERROR aa
                  answer db.shop.svc.clusterset.local 5 AAAA fd00:245::7
                  answer db.shop.svc.clusterset.local 5 AAAA fd00:244::7
                client 10.0.0.7 gets NOERROR
                  answer db.shop.svc.clusterset.local 5 AAAA fd00:245::7
                  answer db.shop.svc.clusterset.local 5 AAAA fd00:200::7
                """),
        Row(
            testDescription: "2.4.1 AAAA of an endpoint has its host name and its cluster's ID",
            steps: """
                client 10.0.0.7 asks db-0.prod.db.shop.svc.clusterset.local AAAA
                server 172.18.16.10 is asked db-0.prod.db.shop.svc.clusterset.local AAAA edns
                server 172.18.16.10 answers NOERROR aa
                  answer db-0.prod.db.shop.svc.clusterset.local 5 AAAA fd00:244::7
                client 10.0.0.7 gets NOERROR
                  answer db-0.prod.db.shop.svc.clusterset.local 5 AAAA fd00:200::7
                """),
        Row(
            testDescription: "2.4.1 a headless service without ready endpoints does not exist",
            steps: """
                client 10.0.0.7 asks idle.shop.svc.clusterset.local A
                server 172.18.16.10 is asked idle.shop.svc.clusterset.local A edns
                server 172.18.16.10 answers NXDOMAIN aa
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                server 172.17.16.10 is asked idle.shop.svc.clusterset.local A edns
                server 172.17.16.10 answers NXDOMAIN aa
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                client 10.0.0.7 gets NXDOMAIN
                  authority clusterset.local 5 SOA ns.dns.clusterset.local hostmaster.clusterset.local 1 7200 1800 86400 5
                """),
        Row(
            testDescription: "2.4.2 SRV of two endpoints of each of two members is all four",
            steps: """
                client 10.0.0.7 asks _sql._tcp.db.shop.svc.clusterset.local SRV
                server 172.18.16.10 is asked _sql._tcp.db.shop.svc.clusterset.local SRV edns
                server 172.18.16.10 answers NOERROR aa
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.prod.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.prod.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.east.example.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.east.example.db.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.prod.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.prod.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 a.east.example.db.shop.svc.clusterset.local
                  answer _sql._tcp.db.shop.svc.clusterset.local 5 SRV 0 50 3306 b.east.example.db.shop.svc.clusterset.local
                """),
        Row(
            testDescription: "2.4.3 PTR of an endpoint is its name in the set's zone",
            steps: """
                client 10.0.0.7 asks 7.1.245.10.in-addr.arpa PTR
                server 172.18.16.10 is asked 7.1.245.10.in-addr.arpa PTR edns
                server 172.18.16.10 answers NOERROR aa
                  answer 7.1.245.10.in-addr.arpa 5 PTR db-0.east.example.db.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer 7.1.245.10.in-addr.arpa 5 PTR db-0.east.example.db.shop.svc.clusterset.local
                """),
        Row(
            testDescription: "2.4.3 PTR of an IPv6 endpoint is its name in the set's zone",
            steps: """
                client 10.0.0.7 asks 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.4.2.0.0.0.d.f.ip6.arpa PTR
                server 172.18.16.10 is asked 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.4.2.0.0.0.d.f.ip6.arpa PTR edns
                server 172.18.16.10 answers NOERROR aa
                  answer 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.4.2.0.0.0.d.f.ip6.arpa \
                5 PTR db-0.east.example.db.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.4.2.0.0.0.d.f.ip6.arpa \
                5 PTR db-0.east.example.db.shop.svc.clusterset.local
                """),
        Row(
            testDescription: "2.4.3 PTR of an outer address asks the owner for the inner one",
            steps: """
                client 10.0.0.7 asks 7.1.200.10.in-addr.arpa PTR
                server 172.17.16.10 is asked 7.1.244.10.in-addr.arpa PTR edns
                server 172.17.16.10 answers NOERROR aa
                  answer 7.1.244.10.in-addr.arpa 5 PTR db-0.prod.db.shop.svc.clusterset.local
                client 10.0.0.7 gets NOERROR
                  answer 7.1.200.10.in-addr.arpa 5 PTR db-0.prod.db.shop.svc.clusterset.local
                """),
    ]
}
