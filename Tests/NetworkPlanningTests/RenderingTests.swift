import Foundation
import IPAddressing
import Inventory
import NetworkPlanning
import Testing

@Suite struct RenderingTests {
    private static let server = Endpoint("172.16.1.53", defaultPort: 53)

    @Test(arguments: Networks.all)
    func `each format has what its reader must enter`(name: String) throws {
        let inventory = try Networks.inventory(name)
        var text = ""
        for format in RenderFormat.allCases {
            let names: [String?] =
                format.subject == .host
                ? NetworkPlanner(inventory).plans().map { $0.host.place + "/" + $0.host.host.name } : [nil]
            for subject in names {
                guard
                    let rendered = try? Renderer(inventory, server: Self.server).render(format, for: subject)
                else {
                    continue
                }
                text += "==== \(format.rawValue)\(subject.map { " " + $0 } ?? "")\n\(rendered)\n"
            }
        }
        try expectGolden(text, name + ".render")
    }

    @Test(arguments: Networks.all)
    func `a shell reads the scripts`(name: String) throws {
        let inventory = try Networks.inventory(name)
        for plan in NetworkPlanner(inventory).plans() {
            let subject = plan.host.place + "/" + plan.host.host.name
            for format in [RenderFormat.shell, .iptables] {
                guard let text = try? Renderer(inventory).render(format, for: subject) else { continue }
                #expect(!text.contains("<device"), "a shell would read a file")
                try expectAccepted(text, by: ["sh", "-n", "FILE"])
            }
        }
    }

    @Test(.enabled(if: Namespace() != nil, "needs root, ip, nft and bridge"), arguments: Networks.all)
    func `the kernel takes the tables, and iptables the scripts`(name: String) throws {
        let inventory = try Networks.inventory(name)
        let space = try #require(Namespace())
        for plan in NetworkPlanner(inventory).plans() {
            let subject = plan.host.place + "/" + plan.host.host.name
            if let table = try? Renderer(inventory).render(.nft, for: subject) {
                let said = space.run("nft -f - <<'END'\n\(table)\nEND\nnft delete table inet namebridge")
                #expect(said.isEmpty, "\(subject): \(said)")
            }
            // Each rule is a call of its own: the shorter scripts have every kind of them.
            guard let script = try? Renderer(inventory).render(.iptables, for: subject), script.utf8.count < 5_000,
                space.run("command -v iptables ip6tables").split(separator: "\n").count == 2
            else { continue }
            let said = space.run(
                "sh -s <<'END'\n\(script)\nEND\nfor t in nat filter mangle; do iptables -t $t -F; ip6tables -t $t -F; done")
            #expect(said.isEmpty, "\(subject): \(said)")
        }
    }

    /// Where a tunnel has no address, the nodes behind it need a looser filter, and nothing else.
    @Test func `hosts that get settings alone are in the list, the plan and the script`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.7.0.0/16]
                    cni: calico-ipip
                    nodes:
                      node1: { address: 192.168.0.21, pods: [10.7.1.0/24] }
                      relay: { address: 192.168.0.22, pods: [10.7.2.0/24] }
                sites: { office: { networks: [10.8.0.0/24], router: 192.168.0.1 }, other: { networks: [10.9.0.0/24] } }
                paths: [{ from: office, to: prod, via: relay, relays: [relay] }]
                """)
        let plans = NetworkPlanner(inventory).plans()
        #expect(plans.map(\.host.host.name) == ["node1", "relay"])
        let text = plans[0].text
        #expect(text.hasPrefix("# prod/node1: settings alone\n"), "\(text)")
        #expect(text.contains("+ sysctl -w net.ipv4.conf.tunl0.rp_filter=0  # only if tunl0 has no address; path"))
        let scripts = try ["node1", "relay"].map { try Renderer(inventory).render(.shell, for: $0) }
        #expect(scripts[0].contains("\n    sysctl -w net.ipv4.conf.tunl0.rp_filter=0\n"), "\(scripts[0])")
        let uplink = "$(ip -o addr show to 192.168.0.22 | awk '{print $2; exit}')"
        #expect(scripts[1].contains("\n    sysctl -w \"net.ipv4.conf.\(uplink).rp_filter=2\"\n"), "\(scripts[1])")
    }

    /// With IPv4 the policy that the kernel begins with is right; an older one takes no policy 3, and no forwarding of
    /// single devices of IPv6.
    @Test(arguments: [("r1, r2", true), ("r1", false)])
    func `a script sets the policy for several next hops where there are several, on old kernels too`(
        relays: String, isSet: Bool
    ) throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod:
                    pods: [10.32.0.0/16, "fd00:32::/48"]
                    nodes: { n1: { address: [10.14.0.11, "fd00:14::11"], pods: [10.32.1.0/24, "fd00:32:0:1::/64"] } }
                    hosts:
                      r1: { address: [10.14.0.61, "fd00:14::61"] }
                      r2: { address: [10.14.0.62, "fd00:14::62"] }
                sites:
                  office:
                    networks: [172.16.0.0/18, "fd00:16::/64"]
                    router: [10.14.0.1, "fd00:14::1"]
                    hosts: { gate: { address: [10.14.0.1, "fd00:14::1"] } }
                paths: [{ from: office, to: prod, via: relay, relays: [\(relays)] }]
                """)
        let lines = try Renderer(inventory).render(.shell, for: "gate").split(separator: "\n").map(String.init)
        let policies = lines.filter { $0.contains("hash_policy") }
        #expect(
            policies
                == (isSet
                    ? [
                        "sysctl -w net.ipv6.fib_multipath_hash_policy=3 ||",
                        "    sysctl -w net.ipv6.fib_multipath_hash_policy=1",
                    ] : []))
        #expect(lines.contains { $0.hasPrefix("forward6 \"$(ip -o addr show to fd00:14::1 ") }, "\(lines)")
        #expect(lines.contains("forward6() {") && !lines.contains { $0.hasPrefix("sysctl") && $0.contains("force_") })
    }

    @Test func `the unit for a named host is the one that is installed`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "systemd/namebridge-net.service")
        let installed = String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("#") && !$0.hasPrefix("Description=") }
        let rendered = try Renderer(Networks.inventory("office-to-cluster")).render(.systemd, for: "relay1")
            .replacing(" --host prod/relay1", with: "").split(separator: "\n")
            .filter { !$0.hasPrefix("#") && !$0.hasPrefix("Description=") }
        #expect(rendered == installed)
    }

    @Test func `a pool that is smaller than a block of Calico says so`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  near: { pods: [10.1.0.0/16], cni: calico-bgp, nodes: { n: { address: 10.9.0.1, pods: [10.1.0.0/24] } } }
                  far:
                    pods: [10.2.0.0/26]
                    services: [10.3.0.0/28, "fd00::/124"]
                    cni: calico-bgp
                    nodes: { f: { address: 10.9.0.2, pods: [10.2.0.0/26] } }
                paths: [{ between: [near, far], via: routed }]
                """)
        let text = try Renderer(inventory).render(.calico, for: "near")
        #expect(text.contains("  cidr: 10.2.0.0/26\n  disabled"))
        #expect(text.contains("  cidr: 10.3.0.0/28\n  blockSize: 28\n") && text.contains("blockSize: 124\n"))
    }

    @Test func `an unknown name and a missing server are errors that say what to do`() throws {
        let inventory = try Networks.inventory("office-over-vpn")
        #expect(throws: RenderError.serverAddressNeeded(loopback: nil)) { try Renderer(inventory).render(.dnsmasq) }
        let local = try #require(Endpoint("127.0.0.1", defaultPort: 5300))
        var own = inventory
        own.dns.listen = [local]
        #expect(throws: RenderError.serverAddressNeeded(loopback: local)) { try Renderer(own).render(.dnsmasq) }
        #expect("\(RenderError.serverAddressNeeded(loopback: local))".contains("--server 127.0.0.1:5300 if"))
        let known = ["shop/node1", "shop/vpn"]
        #expect(throws: RenderError.unknownSubject(name: "missing", expected: .host, known: known)) {
            try Renderer(inventory).render(.nft, for: "missing")
        }
        #expect(throws: RenderError.unknownSubject(name: nil, expected: .host, known: known)) {
            try Renderer(inventory).render(.shell)
        }
        #expect(throws: RenderError.nothing(format: .calico, name: nil)) {
            try Renderer(inventory).render(.calico)
        }
        var bare = inventory
        for index in bare.sites.indices { bare.sites[index].routers = [] }
        let site = try #require(bare.sites.first).key
        #expect(throws: RenderError.noRouter(site: site)) { try Renderer(bare).render(.linux, for: site) }
    }

    @Test func `reverse zones are cut where labels end`() throws {
        let inventory = try Networks.inventory(
            yaml: """
                clusters:
                  prod: { dns: [10.96.0.10], pods: [172.17.32.0/22, "fd00:244::/46"], services: [10.96.0.0/16] }
                """)
        let text = try Renderer(inventory, server: Self.server).render(.macos)
        let zones = text.split(separator: "\n").compactMap { $0.split(separator: "/").last }.filter {
            $0.hasSuffix("arpa")
        }
        #expect(
            zones == [
                "96.10.in-addr.arpa", "32.17.172.in-addr.arpa", "33.17.172.in-addr.arpa",
                "34.17.172.in-addr.arpa",
                "35.17.172.in-addr.arpa", "0.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa",
                "1.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa",
                "2.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa", "3.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa",
            ])
    }
}

/// Checks a text with a program; `FILE` is replaced by the name of a file with the text; passes if there is no such program.
func expectAccepted(_ text: String, by command: [String]) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).conf")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command.map { $0 == "FILE" ? file.path : $0 }
    var environment = ProcessInfo.processInfo.environment
    environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    process.environment = environment
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let message = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus != 127 { #expect(process.terminationStatus == 0, "\(message)\n\(text)") }
}
