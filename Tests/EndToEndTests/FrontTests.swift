import Foundation
import Testing

extension EndToEnd {
    /// The forwarder behind the resolvers that offices have, each with the README's own lines.
    @Suite struct Fronts {
        /// A resolver, and its configuration besides the README's lines.
        struct Front: Sendable {
            let name: String
            let program: String
            /// Between address and port where it names a server.
            let separator: String
            /// Writes its files from the README's blocks; the command that starts it.
            let prepare: @Sendable ([String], Int, TemporaryFolder) throws -> [String]
            /// What is asked until it is up.
            var probe = "localhost"
        }

        /// With protection against rebinding, as many routers have it.
        private static let dnsmasq = Front(name: "dnsmasq", program: "dnsmasq", separator: "#") { blocks, port, folder in
            let own = """
                port=\(port)
                listen-address=127.0.0.1
                bind-interfaces
                no-resolv
                no-hosts
                stop-dns-rebind
                bogus-priv

                """
            let file = try folder.write(own + blocks[0], to: "dnsmasq.conf")
            return ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=\(file)", "--user=", "--pid-file="]
        }

        /// It validates, takes private addresses out, and plays with the case of letters.
        private static let unbound = Front(name: "Unbound", program: "unbound", separator: "@") { blocks, port, folder in
            let own = """
                server:
                    username: ""
                    chroot: ""
                    directory: "\(folder.path)"
                    pidfile: ""
                    use-syslog: no
                    interface: 127.0.0.1@\(port)
                    do-not-query-localhost: no
                    module-config: "validator iterator"
                    trust-anchor: ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
                    private-address: 10.0.0.0/8
                    use-caps-for-id: yes
                    num-threads: 1
                remote-control:
                    control-enable: no

                """
            return ["unbound", "-d", "-p", "-c", try folder.write(own + blocks[0], to: "unbound.conf")]
        }

        private static let bind = Front(
            name: "BIND", program: "named", separator: " port ",
            prepare: { blocks, port, folder in
                let own = """
                    options {
                        directory "\(folder.path)";
                        pid-file none;
                        session-keyfile "\(folder.path)/session.key";
                        listen-on port \(port) { 127.0.0.1; };
                        listen-on-v6 { none; };
                        recursion yes;
                        dnssec-validation auto;
                        deny-answer-addresses { 192.168.0.0/16; };
                    """
                let zone = "$TTL 60\n@ IN SOA ns hostmaster 1 7200 1800 86400 60\n@ IN NS ns\nns IN A 192.0.2.1\n"
                let more = """
                    controls { };
                    zone "." { type hint; file "/dev/null"; };
                    zone "example.net" { type primary; file "\(try folder.write(zone, to: "own.zone"))"; };

                    """
                let text = blocks[0].replacingOccurrences(of: "options {", with: own) + more
                return ["named", "-g", "-n", "1", "-c", try folder.write(text, to: "named.conf")]
            }, probe: "example.net")

        private static let knotResolver = Front(
            name: "Knot Resolver", program: "kresd", separator: "@"
        ) { blocks, port, folder in
            let own = """
                net.listen('127.0.0.1', \(port), { kind = 'dns' })
                cache.size = 10 * MB
                modules.load('rebinding < iterate')

                """
            let file = try folder.write(own + blocks[0], to: "kresd.conf")
            return ["kresd", "-n", "-c", file, try folder.folder("knot-resolver")]
        }

        private static let recursor = Front(
            name: "PowerDNS Recursor", program: "pdns_recursor", separator: ":"
        ) { blocks, port, folder in
            guard blocks.count == 3 else { throw TestFailure("the README has three files for the recursor") }
            let own = """
                local-address=127.0.0.1
                local-port=\(port)
                socket-dir=\(folder.path)
                lua-config-file=\(try folder.write(blocks[2], to: "recursor.lua"))
                daemon=no
                write-pid=no
                disable-syslog=yes
                threads=1
                security-poll-suffix=
                dnssec=validate

                """
            try folder.write(blocks[1], to: "namebridge.zones")
            let lines = blocks[0].replacingOccurrences(of: "/etc/powerdns", with: folder.path)
            try folder.write(own + lines, to: "recursor.conf")
            return ["pdns_recursor", "--config-dir=\(folder.path)"]
        }

        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: Self.dnsmasq) }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `Unbound with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: Self.unbound) }

        @Test func `BIND with the README's lines hands on all kinds of names`() throws { try expectAnswers(behind: Self.bind) }

        @Test(.enabled(if: Tool.areInstalled("kresd"), "kresd is missing: apt install knot-resolver"))
        func `Knot Resolver with the README's lines hands on all kinds of names`() throws {
            try expectAnswers(behind: Self.knotResolver)
        }

        @Test(.enabled(if: Tool.areInstalled("pdns_recursor"), "pdns_recursor is missing: apt install pdns-recursor"))
        func `PowerDNS Recursor with the README's lines hands on all kinds of names`() throws {
            try expectAnswers(behind: Self.recursor)
        }

        private func expectAnswers(behind front: Front) throws {
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let forwarder = "127.0.0.1\(front.separator)\(try OfficeNetwork.running().port)"
            let blocks = try Readme.blocks(of: front.name, forwarder: forwarder)
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
