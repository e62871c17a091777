import Foundation
import Testing

/// A resolver, and what stands in its configuration besides the README's lines.
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

extension Front {
    /// With protection against rebinding, as many routers have it.
    static let dnsmasq = Front(name: "dnsmasq", program: "dnsmasq", separator: "#") { blocks, port, folder in
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
    static let unbound = Front(name: "Unbound", program: "unbound", separator: "@") { blocks, port, folder in
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

    static let bind = Front(
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

    static let knotResolver = Front(
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

    static let recursor = Front(
        name: "PowerDNS Recursor", program: "pdns_recursor", separator: ":"
    ) { blocks, port, folder in
        guard blocks.count == 3 else { throw TestFailure("the recursor has three files") }
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
}
