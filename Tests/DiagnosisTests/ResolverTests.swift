import Diagnosis
import DomainNames
import IPAddressing
import Testing

/// What is made of the answers of resolvers and of the forwarder.
@Suite struct ResolverTests {
    private static func suffix() throws -> DomainName { try DomainName(parsing: "prod.cluster.local") }

    private static func answer(
        _ rcode: Int = 0, addresses: [String] = [], texts: [String] = [], isZone: Bool = false, error: Int? = nil,
        octets: Int = 100
    ) throws -> ProbeOutcome {
        var answer = ProbeAnswer()
        answer.rcode = rcode
        answer.hasEDNS = true
        answer.addresses = addresses.compactMap { IPAddress($0) }
        answer.texts = texts
        answer.octets = octets
        if isZone {
            answer.zone = ProbeAnswer.Zone(
                owner: try suffix(), primary: try DomainName(parsing: "ns.dns.prod.cluster.local"))
        }
        answer.extendedError = error.map { ProbeAnswer.ExtendedErrorReport(code: $0, text: "") }
        return .answer(answer)
    }

    /// A server by which all is well.
    private static func whole(_ address: String) throws -> ServerObservation {
        let zone = try answer(isZone: true)
        let name = try answer(addresses: ["10.96.0.1"])
        return ServerObservation(
            server: Endpoint(address: try #require(IPAddress(address)), port: 53),
            outcomes: [
                .zone: zone, .zoneUnchecked: zone, .zonePlain: zone, .zoneOverTCP: zone, .zonePadded: zone,
                .version: try answer(texts: ["1.1.0"]), .address: name, .addressUnchecked: name, .addressOverTCP: name,
                .addressLarge: name,
            ])
    }

    private static func findings(
        software: String = "dnsmasq-2.90", _ change: (inout ServerObservation) throws -> Void
    ) throws -> [Finding] {
        var client = ClientObservation(
            suffix: try suffix(), name: try DomainName(parsing: "kubernetes.default.svc.prod.cluster.local"))
        client.forwarder = try whole("172.16.0.5")
        var resolver = try whole("172.16.0.1")
        resolver.outcomes[.software] = try answer(texts: [software])
        try change(&resolver)
        client.resolvers = [resolver]
        return ClientDiagnosis(client).findings
    }

    private static func trouble(_ findings: [Finding]) -> [Check] {
        findings.filter { $0.severity != .ok }.map(\.check)
    }

    @Test func `nothing is found where all is well`() throws {
        let findings = try Self.findings { _ in }
        #expect(findings.allSatisfy { $0.severity == .ok && $0.remedies.isEmpty }, "\(findings)")
        #expect(findings.contains { $0.check == .forwarded && $0.subject.hasPrefix("resolver") })
    }

    @Test(arguments: [
        ("dnsmasq-2.90", "rebind-domain-ok=/prod.cluster.local/"),
        ("unbound 1.17.1", "    private-domain: \"prod.cluster.local.\""),
        ("9.18.41-Debian", "except-from { \"prod.cluster.local\"; }"),
    ])
    func `withheld addresses are a guard against rebinding`(software: String, line: String) throws {
        for held in [try Self.answer(), try Self.answer(ProbeAnswer.refused), try Self.answer(ProbeAnswer.serverFailure)] {
            let findings = try Self.findings(software: software) { resolver in
                for probe in [Probe.address, .addressUnchecked, .addressOverTCP, .addressLarge] {
                    resolver.outcomes[probe] = held
                }
            }
            #expect(Self.trouble(findings) == [.rebinding], "\(findings)")
            #expect(findings.flatMap(\.remedies).flatMap(\.lines).contains(line))
        }
    }

    @Test(arguments: [
        ("unbound 1.17.1", "    domain-insecure: \"prod.cluster.local.\""),
        ("9.18.41-Debian", "validate-except { \"prod.cluster.local\"; };"),
    ])
    func `a failure that ends with CD is validation`(software: String, line: String) throws {
        let findings = try Self.findings(software: software) { resolver in
            let failure = try Self.answer(ProbeAnswer.serverFailure)
            for probe in [Probe.zone, .address, .version] { resolver.outcomes[probe] = failure }
        }
        #expect(Self.trouble(findings) == [.validation], "\(findings)")
        #expect(findings.flatMap(\.remedies).flatMap(\.lines).contains(line))
    }

    @Test(arguments: [("PowerDNS Recursor 4.8.8", "+prod.cluster.local=172.16.0.5"), ("dnsmasq-2.90", "")])
    func `a failure for a name without an IPv6 address is reported`(software: String, line: String) throws {
        var client = ClientObservation(
            suffix: try Self.suffix(), name: try DomainName(parsing: "kubernetes.default.svc.prod.cluster.local"))
        client.forwarder = try Self.whole("172.16.0.5")
        client.forwarder?.outcomes[.addressV6] = try Self.answer()
        var resolver = try Self.whole("172.16.0.1")
        resolver.outcomes[.software] = try Self.answer(texts: [software])
        resolver.outcomes[.addressV6] = try Self.answer(ProbeAnswer.serverFailure)
        client.resolvers = [resolver]
        let findings = ClientDiagnosis(client).findings
        #expect(Self.trouble(findings) == [.noData], "\(findings)")
        #expect(line.isEmpty || findings.flatMap(\.remedies).flatMap(\.lines).contains(line))
        client.forwarder?.outcomes[.addressV6] = try Self.answer(ProbeAnswer.serverFailure)
        #expect(Self.trouble(ClientDiagnosis(client).findings).isEmpty, "the cluster fails, not the resolver")
    }

    @Test(arguments: [(18, "  clients: [...]  # with this host's network"), (20, "    names: [prod.cluster.local]")])
    func `a refusal is recognised by its reason`(code: Int, line: String) throws {
        var client = ClientObservation(
            suffix: try Self.suffix(), name: try DomainName(parsing: "kubernetes.default.svc.prod.cluster.local"))
        var forwarder = try Self.whole("172.16.0.5")
        for probe in forwarder.outcomes.keys {
            forwarder.outcomes[probe] = try Self.answer(ProbeAnswer.refused, error: code)
        }
        client.forwarder = forwarder
        let lines = ClientDiagnosis(client).findings.flatMap(\.remedies).flatMap(\.lines)
        #expect(lines.contains(line) && lines.count < 4, "\(lines)")
    }

    @Test func `a client without resolv_conf has a problem`() throws {
        var client = ClientObservation(suffix: try Self.suffix(), name: try Self.suffix())
        #expect(ClientDiagnosis(client).findings.isEmpty, "a resolver was named")
        client.hasOwnFiles = true
        #expect(Self.trouble(ClientDiagnosis(client).findings) == [.resolverList])
    }

    @Test func `systemd-resolved fails with the records beside it where it validates`() throws {
        let findings = try Self.findings { resolver in
            resolver.server = Endpoint(address: try #require(IPAddress("127.0.0.53")), port: 53)
            let failure = try Self.answer(ProbeAnswer.serverFailure, addresses: ["10.96.0.1"])
            for probe in [Probe.address, .addressUnchecked, .addressOverTCP] { resolver.outcomes[probe] = failure }
        }
        #expect(Self.trouble(findings) == [.validation], "\(findings)")
        #expect(findings.flatMap(\.remedies).flatMap(\.lines) == ["prod.cluster.local"], "local is in the list already")
    }

    @Test func `failures of one that validates whatever CD says are no guard against rebinding`() throws {
        let findings = try Self.findings(software: "PowerDNS Recursor 4.8.8") { resolver in
            let failure = try Self.answer(ProbeAnswer.serverFailure)
            for probe in resolver.outcomes.keys where ![.software, .zoneUnchecked].contains(probe) {
                resolver.outcomes[probe] = failure
            }
        }
        #expect(Self.trouble(findings) == [.validation], "\(findings)")
    }

    @Test func `one that takes no long questions, and was not asked any, loses no packets`() throws {
        let findings = try Self.findings(software: "PowerDNS Recursor 4.8.8") { $0.outcomes[.zonePadded] = nil }
        #expect(Self.trouble(findings).isEmpty, "\(findings)")
    }

    @Test func `a resolver that waits for the keys of an unreachable root validates, too`() throws {
        let findings = try Self.findings(software: "unbound 1.17.1") { resolver in
            for probe in [Probe.zone, .address, .version] { resolver.outcomes[probe] = .silence }
        }
        #expect(Self.trouble(findings) == [.validation], "\(findings)")
    }

    @Test func `a failure that calls itself bogus is validation, whatever CD brings`() throws {
        let findings = try Self.findings(software: "unbound 1.17.1") { resolver in
            for probe in resolver.outcomes.keys where probe != .software {
                resolver.outcomes[probe] = try Self.answer(ProbeAnswer.serverFailure, error: 9)
            }
        }
        #expect(Self.trouble(findings) == [.validation], "\(findings)")
    }

    @Test func `a name that another server denies is not forwarded`() throws {
        let findings = try Self.findings { resolver in
            for probe in resolver.outcomes.keys where probe != .software {
                resolver.outcomes[probe] = try Self.answer(ProbeAnswer.nameError)
            }
        }
        #expect(Self.trouble(findings) == [.forwarded], "\(findings)")
        let lines = findings.flatMap(\.remedies).flatMap(\.lines)
        #expect(lines == ["server=/prod.cluster.local/172.16.0.5", "rebind-domain-ok=/prod.cluster.local/"])
        let cause = "An older line for the zone or one above it, such as server=/cluster.local/10.96.0.10"
        #expect(findings.contains { $0.check == .forwarded && $0.meaning.contains(cause) })
    }

    @Test func `without knowing the software the lines of all common ones are told`() throws {
        let findings = try Self.findings(software: "guess") { resolver in
            for probe in resolver.outcomes.keys { resolver.outcomes[probe] = try Self.answer(ProbeAnswer.nameError) }
        }
        #expect(Set(findings.flatMap(\.remedies).map(\.software)) == ["dnsmasq", "Unbound", "BIND"])
    }

    @Test func `wrong addresses are distinguished from none`() throws {
        let wrong = try Self.findings { resolver in
            for probe in [Probe.address, .addressOverTCP, .addressUnchecked, .addressLarge] {
                resolver.outcomes[probe] = try Self.answer(addresses: ["192.0.2.1", "192.0.2.2"])
            }
        }
        #expect(Self.trouble(wrong) == [.forwarded])
        #expect(wrong.contains { $0.summary.contains("192.0.2.1") && $0.meaning.contains("10.96.0.1") })
    }

    @Test func `a server that closes connections needs no rule of a firewall`() throws {
        func remedies(_ outcome: ProbeOutcome) throws -> [Remedy] {
            let findings = try Self.findings { resolver in
                for probe in [Probe.zoneOverTCP, .addressOverTCP] { resolver.outcomes[probe] = outcome }
            }
            return try #require(findings.first { $0.check == .stream && $0.severity == .problem }).remedies
        }
        #expect(try remedies(.silence).count == 1)
        #expect(try remedies(.failure("the server closed the connection")).isEmpty)
    }

    @Test func `blocked TCP, lost EDNS, lost large packets and fragments are found`() throws {
        func broken(_ probes: Probe...) throws -> [Check] {
            Self.trouble(try Self.findings { for probe in probes { $0.outcomes[probe] = .silence } })
        }
        #expect(try broken(.zoneOverTCP, .addressOverTCP) == [.stream])
        #expect(try broken(.zonePadded) == [.packetSize])
        #expect(try broken(.zone, .zoneUnchecked) == [.extensions])
        let fragments = try Self.findings { resolver in
            resolver.outcomes[.addressLarge] = .silence
            resolver.outcomes[.addressOverTCP] = try Self.answer(addresses: ["10.96.0.1"], octets: 4_000)
        }
        #expect(Self.trouble(fragments) == [.packetSize])
    }

    @Test(arguments: [
        ("namebridge 1.0", "delete max-udp-size, 1232 is its default", "max-udp-size: 512"),
        ("dnsmasq-2.89", "edns-packet-max=1232", "edns-packet-max=512"),
        ("unbound 1.17.1", "max-udp-size: 1232", "max-udp-size: 512"),
        ("9.18.41-1~deb12u1-Debian", "max-udp-size 1232;", "max-udp-size 512;"),
        ("PowerDNS Recursor 4.8.8", "udp-truncation-threshold=1232", "udp-truncation-threshold=512"),
    ])
    func `answers are made smaller where they are made`(version: String, fragments: String, packets: String) throws {
        func remedy(_ change: (inout ServerObservation) throws -> Void) throws -> String {
            let findings = try Self.findings { resolver in
                resolver.outcomes[.software] = try Self.answer(texts: [version])
                try change(&resolver)
            }
            let remedies = findings.filter { $0.check == .packetSize }.flatMap(\.remedies)
            return remedies.map { ([$0.file] + $0.lines).joined(separator: "\n") }.joined()
        }
        let lost = try remedy { resolver in
            resolver.outcomes[.addressLarge] = .silence
            resolver.outcomes[.addressOverTCP] = try Self.answer(addresses: ["10.96.0.1"], octets: 4_000)
        }
        #expect(lost.contains(fragments) && !lost.contains("namebridge.yaml") == !version.contains("namebridge"), "\(lost)")
        let padded = try remedy { $0.outcomes[.zonePadded] = .silence }
        #expect(padded.contains(packets), "\(padded)")
    }

    @Test func `a silent resolver is told once`() throws {
        let findings = try Self.findings { resolver in
            for probe in resolver.outcomes.keys { resolver.outcomes[probe] = .failure("Connection refused") }
        }
        #expect(Self.trouble(findings) == [.reachable])
        #expect(findings.contains { $0.summary.contains("Connection refused") })
    }

    @Test func `a resolver without a built-in zone's exception loses reverse names`() throws {
        var client = ClientObservation(suffix: try Self.suffix(), name: try DomainName(parsing: "a.prod.cluster.local"))
        client.forwarder = try Self.whole("172.16.0.5")
        var resolver = try Self.whole("127.0.0.1")
        resolver.process = "unbound"
        var right = ProbeAnswer()
        right.names = [try DomainName(parsing: "kubernetes.default.svc.prod.cluster.local")]
        client.forwarder?.outcomes[.reverse] = .answer(right)
        resolver.outcomes[.reverse] = try Self.answer(ProbeAnswer.nameError)
        client.resolvers = [resolver]
        let findings = ClientDiagnosis(client).findings
        #expect(Self.trouble(findings) == [.reverse])
        let lines = findings.flatMap(\.remedies).flatMap(\.lines)
        #expect(lines.contains("    local-zone: \"96.10.in-addr.arpa.\" transparent"), "\(lines)")
    }

    @Test func `multicast before DNS is a problem where programs find nothing`() throws {
        func severity(_ found: [String]?) throws -> Finding.Severity? {
            var client = ClientObservation(suffix: try Self.suffix(), name: try DomainName(parsing: "a.prod.cluster.local"))
            client.forwarder = try Self.whole("172.16.0.5")
            client.nameServices = NameServiceSwitch(reading: "hosts: files mdns4_minimal [NOTFOUND=return] dns")
            client.libraryAddresses = found?.compactMap { IPAddress($0) }
            return ClientDiagnosis(client).findings.first { $0.check == .multicast }?.severity
        }
        #expect(try severity(nil) == .warning)
        #expect(try severity([]) == .problem)
        #expect(try severity(["10.96.0.1"]) == .ok)
    }

    @Test func `a search list that comes first costs questions`() throws {
        func severity(_ text: String) throws -> Finding.Severity? {
            var client = ClientObservation(
                suffix: try Self.suffix(), name: try DomainName(parsing: "web.shop.svc.prod.cluster.local"))
            client.resolverFile = ResolverFile(reading: "nameserver 172.16.0.1\n" + text)
            return ClientDiagnosis(client).findings.first { $0.check == .searchList }?.severity
        }
        #expect(try severity("search lan\noptions ndots:5") == .ok, "the name has five dots")
        #expect(try severity("search lan\noptions ndots:6") == .warning)
        #expect(try severity("options ndots:6") == .ok, "there is nothing to search")
        #expect(try severity("options timeout:1") == .warning)
    }

    @Test func `one of two servers that does not know the suffix makes names come and go`() throws {
        var client = ClientObservation(suffix: try Self.suffix(), name: try DomainName(parsing: "a.prod.cluster.local"))
        client.resolverFile = ResolverFile(reading: "nameserver 172.16.0.1\nnameserver 172.16.0.2\n")
        client.forwarder = try Self.whole("172.16.0.5")
        var other = try Self.whole("172.16.0.2")
        for probe in other.outcomes.keys { other.outcomes[probe] = try Self.answer(ProbeAnswer.nameError) }
        client.resolvers = [try Self.whole("172.16.0.1"), other]
        let finding = try #require(ClientDiagnosis(client).findings.first)
        #expect(finding.check == .resolverList && finding.severity == .warning)
        #expect(finding.summary.hasPrefix("172.16.0.2 does not know"))
    }
}
