/// A cluster's data as its DNS would serve it: the zone `cluster.local` and the reverse zones of its addresses.
///
/// All clusters have the same names; only the addresses tell them apart: services are in 10.N.0.0/18 and
/// fd00:N:1::/112, pods in 10.N.64.0/18.
struct ClusterZone {
    /// The key in the configuration.
    let name: String
    /// N, 0...255; in the IPv6 addresses its decimal digits are read as hexadecimal ones.
    let number: Int

    var services: [String] { ["10.\(number).0.0/18", "fd00:\(number):1::/112"] }
    var pods: [String] { ["10.\(number).64.0/18"] }

    /// Every zone, by its name.
    var zones: [(name: String, text: String)] {
        [("cluster.local", forward), (reverseV4Name, reverseV4), (reverseV6Name, reverseV6)]
    }

    static let endpoints = 300
    static let manyPorts = 760

    /// The octets of `web.shop.svc.cluster.local` in wire form, in hexadecimal.
    static let opaqueData = "03776562" + "0473686f70" + "03737663" + "07636c7573746572" + "056c6f63616c" + "00"

    /// A name of 252 octets below `cluster.local`: under a suffix that is 4 octets longer it passes 255.
    static let longTarget =
        [63, 63, 63, 44].map { String(repeating: "l", count: $0) }.joined(separator: ".") + ".cluster.local."

    private var head: String { "@ 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5" }

    private var forward: String {
        """
        $TTL 5
        $ORIGIN cluster.local.
        \(head)
        @ IN NS ns.dns
        ns.dns IN A 10.\(number).0.10
        dns-version 28800 IN TXT "1.1.0"
        kubernetes.default.svc IN A 10.\(number).0.1
        kubernetes.default.svc IN AAAA fd00:\(number):1::1
        _https._tcp.kubernetes.default.svc IN SRV 0 100 443 kubernetes.default.svc
        web.shop.svc IN A 10.\(number).1.7
        web.shop.svc IN AAAA fd00:\(number):1::7
        _http._tcp.web.shop.svc IN SRV 0 100 80 web.shop.svc
        only-\(name).shop.svc IN A 10.\(number).1.8
        db.shop.svc IN A 10.\(number).64.5
        db.shop.svc IN A 10.\(number).65.5
        db-0.db.shop.svc IN A 10.\(number).64.5
        db-1.db.shop.svc IN A 10.\(number).65.5
        _pg._tcp.db.shop.svc IN SRV 0 50 5432 db-0.db.shop.svc
        _pg._tcp.db.shop.svc IN SRV 0 50 5432 db-1.db.shop.svc
        outside.shop.svc IN CNAME www.example.net.
        alias.shop.svc IN CNAME web.shop.svc
        mail.shop.svc IN MX 10 smtp.shop.svc
        mail.shop.svc IN MX 20 mx.example.net.
        smtp.shop.svc IN A 10.\(number).1.9
        naptr.shop.svc IN NAPTR 100 10 "S" "SIP+D2U" "" _sip._udp.shop.svc
        svcb.shop.svc IN SVCB 1 web.shop.svc port=8443
        https.shop.svc IN HTTPS 1 web.shop.svc alpn=h2
        text.shop.svc IN TXT "web.shop.svc.cluster.local"
        rp.shop.svc IN RP hostmaster text.shop.svc
        afsdb.shop.svc IN AFSDB 1 web.shop.svc
        kx.shop.svc IN KX 1 web.shop.svc
        tree.shop.svc IN DNAME other.svc
        web.other.svc IN A 10.\(number).1.10
        opaque.shop.svc IN TYPE65280 \\# \(Self.opaqueData.count / 2) \(Self.opaqueData)
        long.shop.svc IN CNAME \(Self.longTarget)
        sub.team.svc IN NS ns.dns
        \(many)
        """ + "\n"
    }

    /// A headless service with 300 endpoints, and one with 760 ports.
    private var many: String {
        let addresses = (0..<Self.endpoints).map { "big.test.svc IN A 10.\(number).\(70 + $0 / 250).\($0 % 250)" }
        let ports = (0..<Self.manyPorts).map {
            "_x._tcp.many.test.svc IN SRV 0 1 \(1_000 + $0) ep-\($0).many.test.svc"
        }
        return (addresses + ports).joined(separator: "\n")
    }

    private var reverseV4Name: String { "\(number).10.in-addr.arpa" }

    private var reverseV4: String {
        """
        $TTL 5
        $ORIGIN \(reverseV4Name).
        \(head)
        @ IN NS ns.dns.cluster.local.
        1.0 IN PTR kubernetes.default.svc.cluster.local.
        7.1 IN PTR web.shop.svc.cluster.local.
        5.64 IN PTR db-0.db.shop.svc.cluster.local.
        1.200 IN PTR not-in-the-clusters-prefixes.cluster.local.
        """ + "\n"
    }

    private var reverseV6Name: String {
        let digits = "fd000\(number)0001".map { String($0) }
        return (digits.reversed() + ["ip6", "arpa"]).joined(separator: ".")
    }

    private var reverseV6: String {
        """
        $TTL 5
        $ORIGIN \(reverseV6Name).
        \(head)
        @ IN NS ns.dns.cluster.local.
        7.\(Array(repeating: "0", count: 19).joined(separator: ".")) IN PTR web.shop.svc.cluster.local.
        """ + "\n"
    }
}
