import Testing

/// A router on which others have routes to prefixes of ours: ours lead the packets, and the others add, replace and
/// delete theirs as if ours were not there.
@Suite(.enabled(if: Lab.isPossible), .serialized) struct ForeignRouteTests {
    @Test func `foreign routes of our prefixes come, change and go beside ours`() throws {
        let lab = try Lab("foreign", hosts: ["gate", "net"], script: Self.script)
        let file = try lab.file("office.yaml", Self.configuration)
        let before = try lab.snapshot("gate")
        func apply() throws {
            let result = try lab.net("gate", "apply --config \(file)")
            #expect(result.code == 0, "\(result.output)")
        }
        try apply()
        for (prefix, inside, v) in [
            ("10.96.0.0/16", "10.96.200.1", 4), ("fd00:96::/112", "fd00:96::8001", 6), ("10.97.0.10/32", "10.97.0.10", 4),
        ] {
            let net = v == 4 ? "192.168.5." : "fd00:5::"
            func expect(_ foreign: String, _ change: String, gateway: String) throws {
                let result = try lab.on("gate", "ip -\(v) route \(change)")
                #expect(result.code == 0, "\(change): \(result.output)")
                try apply()
                let way = try lab.on("gate", "ip -\(v) route get \(inside)").output
                #expect(way.contains(" via \(net)11 "), "\(change): \(way)")
                let routes = try lab.on("gate", "ip -\(v) -o route show exact \(prefix)").output
                let others = routes.split(separator: "\n").filter { !$0.contains("proto 78") }
                #expect(others.map { $0.contains(" via \(net)\(gateway) ") } == (foreign.isEmpty ? [] : [true]), "\(routes)")
            }
            try expect("one", "add \(prefix) via \(net)98", gateway: "98")
            try expect("another", "replace \(prefix) via \(net)99", gateway: "99")
            let status = try lab.net("gate", "status --config \(file)")
            let words =
                v == 6
                ? "ours takes precedence"
                : prefix.hasSuffix("/32")
                    ? "ours, in table 790000, takes precedence" : "ours, the halves of the prefix, take precedence"
            let told = status.output.contains(words)
            #expect(status.code == 0 && told, "\(status.output)")
            // Gone and back between two looks of ours, as when a network manager starts anew.
            #expect(try lab.on("gate", "ip -\(v) route del \(prefix) via \(net)99").code == 0)
            try expect("one again", "add \(prefix) via \(net)98", gateway: "98")
            try expect("", "del \(prefix) via \(net)98", gateway: "")
        }
        // Ours are the halves of the prefix: a foreign route of one of them is for less, and leads its packets.
        let both = ["10.96.0.0/16 via 192.168.5.98", "10.96.128.0/17 via 192.168.5.97 metric 100"]
        for route in both { #expect(try lab.on("gate", "ip route add \(route)").code == 0) }
        try apply()
        for (address, gateway) in [("10.96.1.1", "11"), ("10.96.200.1", "97")] {
            let way = try lab.on("gate", "ip route get \(address)").output
            #expect(way.contains(" via 192.168.5.\(gateway) "), "\(way)")
        }
        for route in both { #expect(try lab.on("gate", "ip route del \(route)").code == 0) }
        #expect(try lab.net("gate", "remove").code == 0)
        #expect(try lab.snapshot("gate") == before)
    }

    /// The lines for routers that are not ours, and those for hosts that are.
    @Test(arguments: ["--format linux --host office", "--format shell --host office/gate"])
    func `rendered routes exist beside foreign ones`(arguments: String) throws {
        let lab = try Lab("frender", hosts: ["gate", "net"], script: Self.script)
        let file = try lab.file("office.yaml", Self.configuration)
        try lab.script(
            """
            ip -n ${P}gate route add 10.96.0.0/16 via 192.168.5.98; ip -n ${P}gate route add fd00:96::/112 via fd00:5::98
            ip -n ${P}gate route add 10.244.1.0/24 via 192.168.5.98; ip -n ${P}gate route add 10.97.0.10/32 via 192.168.5.98
            """)
        let rendered = try lab.net("gate", "render --config \(file) \(arguments)")
        let script = try lab.file("routes.sh", rendered.output)
        func routes() throws -> String { try lab.script("for f in 4 6; do ip -n ${P}gate -$f route | sort; done") }
        let before = try routes()
        for _ in 1...2 {
            let result = try lab.on("gate", "sh -e \(script)")
            #expect(rendered.code == 0 && result.code == 0, "\(result.output)\n\(rendered.output)")
            for (address, gateway) in [
                ("10.96.200.1", "192.168.5.11"), ("fd00:96::8001", "fd00:5::11"), ("10.244.200.1", "192.168.5.11"),
                ("10.244.1.5", "192.168.5.98"), ("10.97.0.10", "192.168.5.11"),
            ] {
                let way = try lab.on("gate", "ip route get \(address)").output
                #expect(way.contains(" via \(gateway) "), "\(way)\n\(rendered.output)")
            }
            #expect(try lab.on("gate", "ip route add 10.244.0.0/16 via 192.168.5.98").code == 0)
            #expect(try lab.on("gate", "ip route del 10.244.0.0/16 via 192.168.5.98").code == 0)
        }
        try lab.script("for f in 4 6; do ip -n ${P}gate -$f route flush table all proto 78; done")
        #expect(try lab.on("gate", "ip rule del to 10.97.0.10 lookup 790000").code == 0)
        #expect(try routes() == before)
    }

    private static let script = """
        wire gate eth0 net gate; address gate eth0 192.168.5.2/24 fd00:5::2/64; address net gate 192.168.5.1/24 fd00:5::1/64
        ip -n ${P}gate route add default via 192.168.5.1

        """

    private static let configuration = """
        clusters:
          prod:
            pods: [10.244.0.0/16, "fd00:244::/64"]
            services: [10.96.0.0/16, 10.97.0.10/32, "fd00:96::/112"]
            cni: calico-bgp
            nodes: { n1: { address: [192.168.5.11, "fd00:5::11"], pods: [10.244.1.0/24] } }
        sites:
          office:
            networks: [192.168.7.0/24, "fd00:7::/64"]
            router: [192.168.5.2, "fd00:5::2"]
            hosts: { gate: { address: [192.168.5.2, "fd00:5::2"] } }
        paths: [{ from: office, to: prod, via: relay, relays: [n1] }]

        """
}
