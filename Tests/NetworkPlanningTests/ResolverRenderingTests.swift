import Foundation
import IPAddressing
import Inventory
import NetworkPlanning
import Testing

/// The lines for resolvers and clients, by the programs that read them, else by their vendors' schemas.
@Suite struct ResolverRenderingTests {
    private static let server = Endpoint("172.16.1.53", defaultPort: 53)

    /// Names inside and outside of `.local`, the shared domain, a merged suffix, a set, a private zone.
    private static let clusters = """
        dns: { bare-domain: [prod] }
        clusters:
          prod:
            names: [prod.cluster.local, prod.k8s.example.com]
            dns: [10.96.0.10]
            services: [10.96.0.0/15]
            pods: [10.98.0.0/16, "fd00:98::/48"]
            also: [corp.internal]
          staging: { dns: [10.100.0.10], services: [10.100.0.0/16] }
        merge: { all.example.org: { clusters: [prod, staging] } }
        clustersets: { main: { members: [prod, staging] } }
        """

    private func render(_ format: RenderFormat, port: UInt16 = 53) throws -> String {
        let server = Endpoint(address: try #require(Self.server).address, port: port)
        let inventory = try Networks.inventory(yaml: Self.clusters)
        return try Renderer(inventory, server: server, certificateName: "dns.example.com").render(format)
    }

    @Test func `names below another one are left out, names of every kind are there`() throws {
        let text = try render(.dnsDelegate)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Domains=") })
        #expect(
            line.dropFirst(8).split(separator: " ") == [
                "~prod.k8s.example.com", "~cluster.local", "~corp.internal", "~all.example.org", "~clusterset.local",
                "~96.10.in-addr.arpa", "~97.10.in-addr.arpa", "~98.10.in-addr.arpa", "~100.10.in-addr.arpa",
                "~0.0.0.0.8.9.0.0.0.0.d.f.ip6.arpa",
            ])
        #expect(text.contains("\n[Delegate]\nDNS=172.16.1.53\n"))
        #expect(try render(.dnsDelegate, port: 5300).contains("\nDNS=172.16.1.53:5300\n"))
    }

    @Test(arguments: [
        (RenderFormat.dnsmasq, ["dnsmasq", "--test", "-C", "FILE"]), (.unbound, ["unbound-checkconf", "FILE"]),
        (.bind, ["named-checkconf", "FILE"]), (.macos, ["sh", "-n", "FILE"]),
    ])
    func `programs accept what is rendered for them`(format: RenderFormat, command: [String]) throws {
        try expectAccepted(render(format), by: command)
        try expectAccepted(render(format, port: 5300), by: command)
        for name in ["office-to-cluster", "office-over-vpn"] {
            let text = try Renderer(Networks.inventory(name), server: Self.server).render(format)
            try expectAccepted(text, by: command)
        }
    }

    @Test func `NetworkManager gets a setting and a file for its dnsmasq`() throws {
        let parts = try render(.networkmanager).components(separatedBy: "# /etc/NetworkManager/dnsmasq.d/namebridge.conf\n")
        try #require(parts.count == 2)
        #expect(parts[0].hasSuffix("[main]\ndns=dnsmasq\n"))
        try expectAccepted(parts[1], by: ["dnsmasq", "--test", "-C", "FILE"])
    }

    /// The keys that Apple's schema of the payload requires, and no other.
    @Test func `a profile has the keys of Apple's schema`() throws {
        let text = try render(.mobileconfig)
        // Sound: no place for the format is given.
        let read = unsafe try PropertyListSerialization.propertyList(from: Data(text.utf8), format: nil)
        let profile = try #require(read as? [String: Any])
        let common: Set = ["PayloadDisplayName", "PayloadIdentifier", "PayloadType", "PayloadUUID", "PayloadVersion"]
        #expect(Set(profile.keys) == common.union(["PayloadContent"]))
        #expect(profile["PayloadType"] as? String == "Configuration" && profile["PayloadVersion"] as? Int == 1)
        let payload = try #require((profile["PayloadContent"] as? [[String: Any]])?.first)
        #expect(Set(payload.keys) == common.union(["DNSSettings"]))
        #expect(payload["PayloadType"] as? String == "com.apple.dnsSettings.managed")
        let settings = try #require(payload["DNSSettings"] as? [String: Any])
        #expect(Set(settings.keys) == ["DNSProtocol", "ServerAddresses", "ServerName", "SupplementalMatchDomains"])
        #expect(settings["DNSProtocol"] as? String == "TLS" && settings["ServerName"] as? String == "dns.example.com")
        #expect(settings["ServerAddresses"] as? [String] == ["172.16.1.53"])
        let domains = try #require(settings["SupplementalMatchDomains"] as? [String])
        #expect(
            domains.prefix(5) == [
                "prod.k8s.example.com", "corp.internal", "all.example.org", "cluster.local", "clusterset.local",
            ])
        let identifiers = [profile, payload].compactMap { ($0["PayloadUUID"] as? String).flatMap(UUID.init(uuidString:)) }
        #expect(Set(identifiers).count == 2)
        #expect(try render(.mobileconfig) == text, "the same profile replaces itself")
    }

    @Test func `a profile needs the name of a certificate, since Apple's clients ask over TLS`() throws {
        let inventory = try Networks.inventory(yaml: Self.clusters)
        #expect(throws: RenderError.certificateNameNeeded) {
            _ = try Renderer(inventory, server: Self.server).render(.mobileconfig)
        }
    }

    @Test func `Macs get names outside of .local first, and are told why`() throws {
        let lines = try render(.macos).split(separator: "\n").map(String.init)
        let files = lines.compactMap { $0.split(separator: "/etc/resolver/").dropFirst().first.map(String.init) }
        #expect(files.prefix(3) == ["prod.k8s.example.com", "corp.internal", "all.example.org"])
        #expect(files.suffix(2) == ["cluster.local", "clusterset.local"])
        let note = try #require(lines.firstIndex { $0.contains("a permission for names below .local") })
        #expect(lines[note + 1].hasSuffix("/etc/resolver/cluster.local"))
        let alone = try Networks.inventory(yaml: "clusters: { prod: { dns: [10.96.0.10] } }")
        let text = try Renderer(alone, server: Self.server).render(.macos)
        #expect(text.contains("Give clusters a second name outside of it"))
    }

    @Test(arguments: [
        (
            RenderFormat.nrpt,
            #"Add-DnsClientNrptRule -Namespace "\.[a-z0-9.-]+" -NameServers "[0-9a-f.:]+" -Comment "Namebridge""#
        ),
        (
            .ad,
            #"Add-DnsServerConditionalForwarderZone -Name "[a-z0-9.-]+" -MasterServers [0-9a-f.:]+ -ReplicationScope "Forest""#
        ),
    ])
    func `PowerShell gets a command for each zone`(format: RenderFormat, pattern: String) throws {
        let lines = try render(format).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == 10)
        for line in lines { #expect(line.range(of: "^\(pattern)$", options: .regularExpression) != nil, "\(line)") }
        #expect(throws: RenderError.portNotPossible(format: format, port: 5300)) { _ = try render(format, port: 5300) }
    }

    @Test func `CoreDNS gets one block for all zones`() throws {
        let text = try render(.coredns, port: 5300)
        #expect(text.contains("\nprod.k8s.example.com cluster.local corp.internal "))
        #expect(text.hasSuffix(" {\n    errors\n    cache 30\n    forward . 172.16.1.53:5300\n}\n"))
    }
}
