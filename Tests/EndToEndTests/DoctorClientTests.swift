import Foundation
import Testing

extension EndToEnd {
    /// `namebridge doctor --suffix` behind the resolvers that offices have, each with a mistake that is often made; and
    /// the same resolver with the lines that the doctor says.
    @Suite struct DoctorsAtClients {
        /// A resolver whose configuration is a file with places for lines to add.
        struct Patient {
            let name: String
            let command: (String, TemporaryFolder) throws -> [String]
            let configuration: (Int, Int, TemporaryFolder) throws -> String
            /// Puts the lines of a remedy where its file's name says: into the text, or another file of the folder.
            let apply: (String, DoctorReport.Remedy, TemporaryFolder) throws -> String
            /// What its file is called.
            var file = "resolver.conf"
            /// What is asked until it is up.
            var probe = "localhost"
        }

        // MARK: - dnsmasq

        private static func dnsmasq(_ lines: String) -> Patient {
            Patient(
                name: "dnsmasq",
                command: { file, _ in
                    ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=\(file)", "--user=", "--pid-file="]
                },
                configuration: { port, forwarder, _ in
                    """
                    port=\(port)
                    listen-address=127.0.0.1
                    bind-interfaces
                    no-resolv
                    no-hosts
                    stop-dns-rebind
                    bogus-priv
                    \(lines.replacingOccurrences(of: "FORWARDER", with: "127.0.0.1#\(forwarder)"))

                    """
                },
                apply: { text, remedy, _ in text + remedy.lines.joined(separator: "\n") + "\n" })
        }

        private static let hasDnsmasq = Tool.areInstalled("dnsmasq")

        @Test(.enabled(if: hasDnsmasq, "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq's rebind guard is found, and the advice lets the suffix through`() throws {
            try expectCure(Self.dnsmasq("server=/prod.cluster.local/FORWARDER"), finding: ["rebinding", "reverse"])
        }

        @Test(.enabled(if: hasDnsmasq, "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq that does not know the suffix gets a line to forward it`() throws {
            try expectCure(Self.dnsmasq("local=/local/"), finding: ["forwarded", "reverse"])
        }

        // MARK: - Unbound

        private static func unbound(_ server: String, _ zones: String) -> Patient {
            Patient(
                name: "unbound", command: { file, _ in ["unbound", "-d", "-p", "-c", file] },
                configuration: { port, forwarder, folder in
                    """
                    server:
                        username: ""
                        chroot: ""
                        directory: "\(folder.path)"
                        pidfile: ""
                        use-syslog: no
                        interface: 127.0.0.1@\(port)
                        access-control: 127.0.0.0/8 allow
                        num-threads: 1
                        \(server)
                    remote-control:
                        control-enable: no
                    \(zones.replacingOccurrences(of: "FORWARDER", with: "127.0.0.1@\(forwarder)"))

                    """
                }, apply: { text, remedy, _ in text + remedy.lines.joined(separator: "\n") + "\n" })
        }

        private static let hasUnbound = Tool.areInstalled("unbound")
        private static let anchor = """
            module-config: "validator iterator"
                do-not-query-localhost: no
                trust-anchor: ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
            """
        private static let zone = "forward-zone:\n    name: \"prod.cluster.local.\"\n    forward-addr: FORWARDER"

        @Test(.enabled(if: hasUnbound, "unbound is missing: apt install unbound"))
        func `a validating Unbound that rejects private domains gets an exception for this one`() throws {
            try expectCure(Self.unbound(Self.anchor, Self.zone), finding: ["validation", "reverse"])
        }

        @Test(.enabled(if: hasUnbound, "unbound is missing: apt install unbound"))
        func `Unbound that rejects and removes addresses gets lines against both`() throws {
            let server = Self.anchor + "\n    private-address: 10.0.0.0/8"
            try expectCure(Self.unbound(server, Self.zone), finding: ["validation", "rebinding", "reverse"])
        }

        @Test(.enabled(if: hasUnbound, "unbound is missing: apt install unbound"))
        func `Unbound that denies the suffix gets a line to forward it`() throws {
            let server = "module-config: \"iterator\"\n    local-zone: \"cluster.local.\" static"
            try expectCure(Self.unbound(server, ""), finding: ["forwarded", "reverse"])
        }

        // MARK: - BIND

        private static func bind(_ options: String, _ zones: String) -> Patient {
            Patient(
                name: "bind", command: { file, _ in ["named", "-g", "-n", "1", "-c", file] },
                configuration: { port, forwarder, folder in
                    """
                    options {
                        directory "\(folder.path)";
                        pid-file none;
                        session-keyfile "\(folder.path)/session.key";
                        listen-on port \(port) { 127.0.0.1; };
                        listen-on-v6 { none; };
                        recursion yes;
                        allow-query { any; };
                        empty-zones-enable yes;
                        \(options)
                    /* options */
                    };
                    controls { };
                    zone "." { type hint; file "/dev/null"; };
                    zone "example.net" { type primary; file "\(try folder.write(Self.ownZone, to: "own.zone"))"; };
                    \(zones.replacingOccurrences(of: "FORWARDER", with: "127.0.0.1 port \(forwarder)"))

                    """
                },
                apply: { text, remedy, _ in
                    let lines = remedy.lines.joined(separator: "\n")
                    for (file, place) in [("behind the prefixes", "/* prefixes */"), ("inside of options", "/* options */")] {
                        guard remedy.file.contains(file), let range = text.range(of: place) else { continue }
                        return text.replacingCharacters(in: range, with: lines + "\n" + place)
                    }
                    return text + lines + "\n"
                }, probe: "example.net")
        }

        /// What it knows by itself: where it has no root, every other name is a failure.
        private static let ownZone = """
            $TTL 60
            @ IN SOA ns hostmaster 1 7200 1800 86400 60
            @ IN NS ns
            ns IN A 192.0.2.1

            """

        @Test func `BIND that removes private addresses gets an exception`() throws {
            let guarded = "dnssec-validation no;\n    deny-answer-addresses { 10.0.0.0/8; } /* prefixes */;"
            let zone = "zone \"prod.cluster.local\" { type forward; forward only; forwarders { FORWARDER; }; };"
            try expectCure(Self.bind(guarded, zone), finding: ["rebinding", "reverse"])
        }

        @Test func `BIND that does not know the suffix gets a zone to forward it`() throws {
            try expectCure(Self.bind("dnssec-validation no;", ""), finding: ["forwarded", "reverse"])
        }

        // MARK: - Knot Resolver

        private static func knotResolver(_ rules: String) -> Patient {
            Patient(
                name: "knot resolver",
                command: { file, folder in ["kresd", "-n", "-c", file, try folder.folder("knot-resolver")] },
                configuration: { port, forwarder, _ in
                    """
                    net.listen('127.0.0.1', \(port), { kind = 'dns' })
                    cache.size = 10 * MB
                    -- rules
                    \(rules.replacingOccurrences(of: "FORWARDER", with: "127.0.0.1@\(forwarder)"))
                    policy.add(policy.all(policy.STUB('127.0.0.1@\(try OfficeNetwork.running().prodPort)')))

                    """
                },
                apply: { text, remedy, _ in
                    text.replacingOccurrences(of: "-- rules", with: remedy.lines.joined(separator: "\n") + "\n-- rules")
                })
        }

        private static let hasKnotResolver = Tool.areInstalled("kresd")
        private static let ownDomain = "{todname('prod.cluster.local.')}"

        @Test(.enabled(if: hasKnotResolver, "kresd is missing: apt install knot-resolver"))
        func `Knot Resolver that forwards everything gets a rule for the suffix`() throws {
            try expectCure(Self.knotResolver(""), finding: ["forwarded", "reverse"])
        }

        @Test(.enabled(if: hasKnotResolver, "kresd is missing: apt install knot-resolver"))
        func `Knot Resolver that validates what it forwards gets an exception`() throws {
            let rule = "policy.add(policy.suffix(policy.FORWARD('FORWARDER'), \(Self.ownDomain)))"
            try expectCure(Self.knotResolver(rule), finding: ["validation", "reverse"])
        }

        @Test(.enabled(if: hasKnotResolver, "kresd is missing: apt install knot-resolver"))
        func `Knot Resolver's rebind guard is found, and the advice lets the suffix through`() throws {
            let rule = "policy.add(policy.suffix(policy.STUB('FORWARDER'), \(Self.ownDomain)))"
            let guarded = "modules.load('rebinding < iterate')\n\(rule)"
            try expectCure(Self.knotResolver(guarded), finding: ["rebinding", "reverse"])
        }

        // MARK: - PowerDNS Recursor

        private static func recursor(_ lines: String) -> Patient {
            Patient(
                name: "powerdns recursor", command: { _, folder in ["pdns_recursor", "--config-dir=\(folder.path)"] },
                configuration: { port, forwarder, folder in
                    """
                    local-address=127.0.0.1
                    local-port=\(port)
                    socket-dir=\(folder.path)
                    lua-config-file=\(try folder.write("", to: "recursor.lua"))
                    daemon=no
                    write-pid=no
                    disable-syslog=yes
                    threads=1
                    security-poll-suffix=
                    forward-zones-recurse=.=127.0.0.1:\(try OfficeNetwork.running().prodPort)
                    \(lines.replacingOccurrences(of: "FORWARDER", with: "127.0.0.1:\(forwarder)"))

                    """
                },
                apply: { text, remedy, folder in
                    let name = String(remedy.file.split(separator: "/").last ?? "")
                    let lines = remedy.lines.joined(separator: "\n") + "\n"
                    guard name != "namebridge.conf" else {
                        return text + lines.replacingOccurrences(of: "/etc/powerdns", with: folder.path)
                    }
                    let present = (try? String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)) ?? ""
                    _ = try folder.write(present + lines, to: name)
                    return text
                }, file: "recursor.conf")
        }

        private static let hasRecursor = Tool.areInstalled("pdns_recursor")

        @Test(
            .enabled(if: hasRecursor, "pdns_recursor is missing: apt install pdns-recursor"),
            arguments: ["process", "validate"])
        func `the PowerDNS Recursor that forwards everything gets a rule for the suffix`(validation: String) throws {
            try expectCure(Self.recursor("dnssec=\(validation)"), finding: ["forwarded", "reverse"])
        }

        @Test(.enabled(if: hasRecursor, "pdns_recursor is missing: apt install pdns-recursor"))
        func `the PowerDNS Recursor that validates on request gets an exception`() throws {
            let lines = "dnssec=process\nforward-zones=prod.cluster.local=FORWARDER"
            try expectCure(Self.recursor(lines), finding: ["validation", "reverse"])
        }

        @Test(.enabled(if: hasRecursor, "pdns_recursor is missing: apt install pdns-recursor"))
        func `the PowerDNS Recursor that expects authority gets recursion and a higher record limit`() throws {
            let lines = "dnssec=off\nforward-zones=234.10.in-addr.arpa=FORWARDER, prod.cluster.local=FORWARDER"
            try expectCure(Self.recursor(lines), finding: ["no-data"], name: "smtp.shop.svc.prod.cluster.local")
            try expectCure(
                Self.recursor(lines), finding: ["many-records", "no-data"], name: "big.test.svc.prod.cluster.local")
        }

        @Test func `BIND with a limit of a hundred records gets a higher one`() throws {
            let zone = "zone \"prod.cluster.local\" { type forward; forward only; forwarders { FORWARDER; }; };"
            try expectCure(
                Self.bind("dnssec-validation no;", zone), finding: ["many-records"], name: "big.test.svc.prod.cluster.local")
        }

        // MARK: - Without any resolver's fault

        @Test func `the forwarder itself and a good resolver have no problem`() throws {
            let network = try OfficeNetwork.running()
            for port in [network.port, network.namedPort] {
                let report = try examine([], port: port)
                #expect(report.status == 0 && report.trouble.isEmpty, "\(report.text)")
            }
        }

        @Test func `a name with a large answer is asked in every way`() throws {
            let network = try OfficeNetwork.running()
            let report = try examine(["big.test.svc.prod.cluster.local"], port: network.namedPort)
            #expect(report.status == 0 && report.trouble.isEmpty, "\(report.text)")
        }

        @Test func `a dead cluster's suffix, a silent resolver and wrong arguments are distinguished`() throws {
            let network = try OfficeNetwork.running()
            let dead = try DoctorReport([
                "--suffix", "dead.cluster.local", "--forwarder", "127.0.0.1:\(network.port)",
                "--resolver", "127.0.0.1:\(network.port)",
            ])
            #expect(dead.status == 1)
            #expect(dead.problems.contains { $0.summary.contains("no answer from the cluster") }, "\(dead.text)")
            let silent = try examine([], port: FreePort.next())
            #expect(silent.status == 1)
            #expect(silent.problems.map(\.check) == ["reachable"], "\(silent.text)")
            for wrong in [
                ["--suffix", "a..b"], ["--suffix", "a.b", "c.d"], ["--forwarder", "1.2.3.4"],
                ["--suffix", "a.b", "--resolver", "nowhere"],
            ] {
                #expect(try DoctorReport(wrong).status == 2, "\(wrong)")
            }
        }

        @Test func `resolv_conf and nsswitch_conf of another root are read`() throws {
            let folder = try TemporaryFolder()
            let nothing = try DoctorReport(["--suffix", "prod.cluster.local", "--root", folder.path])
            #expect(nothing.status == 1 && nothing.problems.map(\.check) == ["resolver-list"], "\(nothing.text)")
            _ = try folder.write("nameserver 127.0.0.1\nsearch lan\noptions ndots:7\n", to: "etc/resolv.conf")
            _ = try folder.write("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", to: "etc/nsswitch.conf")
            let report = try DoctorReport(["--suffix", "prod.cluster.local", "--root", folder.path])
            #expect(report.trouble.contains { $0.check == "search-list" && $0.remedies.first?.lines == ["options ndots:1"] })
            let multicast = try #require(report.trouble.first { $0.check == "multicast" })
            #expect(multicast.remedies.first?.lines == ["hosts: files dns mdns4_minimal"], "\(report.text)")
        }
    }
}

/// What `namebridge doctor --output json` says.
struct DoctorReport {
    struct Remedy {
        let software: String
        let file: String
        let lines: [String]
    }

    struct Finding {
        let severity: String
        let subject: String
        let check: String
        let summary: String
        let meaning: String
        let remedies: [Remedy]
    }

    let status: Int32
    let text: String
    let findings: [Finding]

    var trouble: [Finding] { findings.filter { $0.severity != "ok" } }
    var problems: [Finding] { findings.filter { $0.severity == "problem" } }

    /// - Parameter prefix: The words before the program's name, such as a namespace's `nsenter`.
    init(_ arguments: [String], prefix: [String] = [], environment: [String: String] = [:]) throws {
        let program = try #require(Tool.namebridge)
        let result = try Tool.run(
            prefix + [program, "doctor", "--output", "json"] + arguments, environment: environment)
        status = result.status
        text = result.output + result.errors
        let json = (try? JSONSerialization.jsonObject(with: Data(result.output.utf8))) as? [String: Any]
        let list = json?["findings"] as? [[String: Any]] ?? []
        findings = list.map { finding in
            func string(_ key: String, _ object: [String: Any]) -> String { object[key] as? String ?? "" }
            let remedies = finding["remedies"] as? [[String: Any]] ?? []
            return Finding(
                severity: string("severity", finding), subject: string("subject", finding), check: string("check", finding),
                summary: string("summary", finding), meaning: string("meaning", finding),
                remedies: remedies.map {
                    Remedy(
                        software: string("software", $0), file: string("file", $0), lines: $0["lines"] as? [String] ?? [])
                })
        }
    }
}

extension EndToEnd.DoctorsAtClients {
    private func examine(_ arguments: [String], port: Int) throws -> DoctorReport {
        let network = try OfficeNetwork.running()
        return try DoctorReport(
            ["--suffix", "prod.cluster.local", "--forwarder", "127.0.0.1:\(network.port)", "--resolver", "127.0.0.1:\(port)"]
                + arguments)
    }

    /// The doctor finds `checks`, and nothing once its lines have been added.
    private func expectCure(
        _ patient: Patient, finding checks: Set<String>, name: String? = nil
    ) throws {
        let network = try OfficeNetwork.running()
        let folder = try TemporaryFolder()
        let port = try FreePort.next()
        var text = try patient.configuration(port, network.port, folder)
        func started(_ text: String) throws -> ServerProcess {
            let file = try folder.write(text, to: patient.file)
            return try RealServers.started(
                patient.name, patient.command(file, folder), port, patient.probe, in: folder)
        }
        let ill = try started(text)
        let report = try examine([name].compactMap { $0 }, port: port)
        ill.end()
        #expect(report.status == (report.problems.isEmpty ? 0 : 1))
        #expect(Set(report.trouble.map(\.check)) == checks, "\(report.text)")
        for finding in report.trouble {
            #expect(!finding.remedies.isEmpty && !finding.meaning.isEmpty, "\(report.text)")
            for remedy in finding.remedies {
                #expect(remedy.software.lowercased() == patient.name, "\(report.text)")
                text = try patient.apply(text, remedy, folder)
            }
        }
        let cured = try started(text)
        let second = try examine([name].compactMap { $0 }, port: port)
        cured.end()
        #expect(second.status == 0 && second.trouble.isEmpty, "\(text)\n\(second.text)")
    }
}
