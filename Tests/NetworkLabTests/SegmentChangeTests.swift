import Testing

/// A segment that is there and becomes another one: the nodes reach each other through it after each change, and a
/// removal leaves nothing.
@Suite(.enabled(if: Lab.isPossible && Lab.has("ping")), .serialized) struct SegmentChangeTests {
    @Test func `port, number, device, network, endpoint and node addresses of a segment can be changed`() throws {
        let lab = try Lab("change", hosts: ["n1", "n2"], script: Self.script)
        let before = try (lab.snapshot("n1"), lab.snapshot("n2"))
        for (number, segment) in Self.segments.enumerated() {
            let file = try lab.file("segment\(number).yaml", segment.file)
            for (host, name) in [("n1", "c1/n1"), ("n2", "c2/n2")] {
                let applied = try lab.net(host, "apply --config \(file) --host \(name)")
                #expect(applied.code == 0, "\(segment.what)\n\(applied.output)")
                let status = try lab.net(host, "status --config \(file) --host \(name)")
                #expect(status.output.contains("all as planned"), "\(segment.what)\n\(status.output)")
            }
            let ping = try lab.on("n1", "ping -c 1 -W 5 -I 10.234.1.1 10.235.1.1")
            #expect(ping.code == 0, "\(segment.what)\n\(ping.output)")
        }
        for host in ["n1", "n2"] { #expect(try lab.net(host, "remove").code == 0) }
        #expect(try lab.snapshot("n1") == before.0)
        #expect(try lab.snapshot("n2") == before.1)
    }

    /// What is rendered for those who type it themselves brings the same about, and twice is as good as once.
    @Test func `the rendered script makes a segment, and runs twice`() throws {
        let lab = try Lab("mshell", hosts: ["n1", "n2"], script: Self.script)
        let file = try lab.file("segment.yaml", Self.segments[0].file)
        for (host, name) in [("n1", "c1/n1"), ("n2", "c2/n2")] {
            let rendered = try lab.net(host, "render --config \(file) --format shell --host \(name)")
            let script = try lab.file("\(host).sh", rendered.output)
            for _ in 1...2 {
                let result = try lab.on(host, "sh \(script)")
                #expect(rendered.code == 0 && result.code == 0, "\(host): \(result.output)\n\(rendered.output)")
            }
        }
        let ping = try lab.on("n1", "ping -c 1 -W 5 -I 10.234.1.1 10.235.1.1")
        #expect(ping.code == 0, "\(ping.output)")
    }

    private static let script = """
        wire n1 eth0 n2 eth0
        address n1 eth0 192.168.0.1/24 192.168.0.3/24
        address n2 eth0 192.168.0.2/24 192.168.0.4/24
        for n in 1 2; do
            ip -n ${P}n$n link add pods type bridge; ip -n ${P}n$n link set pods up
            on n$n sysctl -qw net.ipv4.ip_forward=1
        done
        address n1 pods 10.234.1.1/32
        address n2 pods 10.235.1.1/32
        """

    private static let segments = [
        Segment(what: "a segment"),
        Segment(what: "another port", port: 4900),
        Segment(what: "another number", port: 4900, id: 10002),
        Segment(what: "another device", port: 4900, id: 10002, device: "other"),
        Segment(what: "other node addresses", port: 4900, id: 10002, device: "other", nodes: (3, 4)),
        Segment(
            what: "other endpoint addresses", port: 4900, id: 10002, device: "other", nodes: (3, 4),
            endpoints: "n1: { address: 10.255.1.91 }, n2: { address: 10.255.1.92 }"),
        Segment(what: "another network", network: "10.254.0.0/16"),
        Segment(what: "the first segment again"),
    ]

    private struct Segment {
        let what: String
        var port = 4899
        var id = 10001
        var device = "mesh"
        var network = "10.255.1.0/24"
        var nodes = (1, 2)
        var endpoints = ""

        var file: String {
            """
            clusters:
              c1: { pods: [10.234.0.0/16], nodes: { n1: { address: 192.168.0.\(nodes.0), pods: [10.234.1.0/24] } } }
              c2: { pods: [10.235.0.0/16], nodes: { n2: { address: 192.168.0.\(nodes.1), pods: [10.235.1.0/24] } } }
            paths:
              - between: [c1, c2]
                via: vxlan
                vxlan:
                  { id: \(id), port: \(port), network: \(network), device: \(device), endpoints: { \(endpoints) } }
            """
        }
    }
}
