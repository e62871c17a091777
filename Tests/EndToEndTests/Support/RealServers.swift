/// Debian's name servers, each on a loopback port of its own.
enum RealServers {
    /// The programs that the shared network consists of, and what to install for them.
    static let programs = ["knotd": "knot", "nsd": "nsd", "named": "bind9", "dig": "bind9-dnsutils", "kdig": "knot-dnsutils"]

    /// Why the real servers can't be started; nil if they can.
    static let obstacle: String? = {
        let missing = programs.filter { Tool.installed($0.key) == nil }.values.sorted()
        if !missing.isEmpty { return "missing: apt install \(missing.joined(separator: " "))" }
        return Tool.namebridge == nil ? "the program namebridge is not built" : nil
    }()

    /// Knot DNS as the server of a cluster.
    static func knot(_ cluster: ClusterZone, port: Int, in folder: TemporaryFolder) throws -> ServerProcess {
        let name = "knot-\(cluster.name)-\(port)"
        let zones = try writeZones(cluster, folder).map { zone in
            """
              - domain: \(zone.name)
                file: \(zone.file)
            """
        }
        let text = """
            server:
                rundir: \(try folder.folder(name))
                listen: 127.0.0.1@\(port)
                udp-workers: 1
                tcp-workers: 1
                background-workers: 1
            log:
              - target: stderr
                any: info
            database:
                storage: \(folder.path)/\(name)
            template:
              - id: default
                semantic-checks: off
                journal-content: none
                zonefile-load: whole
                zonefile-sync: -1
            zone:
            \(zones.joined(separator: "\n"))
            """
        let file = try folder.write(text + "\n", to: "\(name).conf")
        return try started(name, ["knotd", "-c", file], port, "cluster.local", in: folder)
    }

    /// NSD as the server of a cluster.
    static func nsd(
        _ cluster: ClusterZone, port: Int, on address: String = "127.0.0.1", in folder: TemporaryFolder,
        inside namespace: Namespace? = nil
    ) throws -> ServerProcess {
        let name = "nsd-\(cluster.name)-\(port)"
        let zones = try writeZones(cluster, folder).map { "zone:\n    name: \($0.name)\n    zonefile: \($0.file)" }
        let own = try folder.folder(name)
        let text = """
            server:
                username: ""
                chroot: ""
                zonesdir: ""
                database: ""
                pidfile: ""
                zonelistfile: "\(own)/zone.list"
                xfrdfile: "\(own)/xfrd.state"
                xfrdir: "\(own)"
                ip-address: \(address)@\(port)
                server-count: 1
            remote-control:
                control-enable: no
            \(zones.joined(separator: "\n"))
            """
        let file = try folder.write(text + "\n", to: "\(name).conf")
        return try started(name, ["nsd", "-d", "-c", file], port, "cluster.local", in: folder, inside: namespace)
    }

    private static func writeZones(
        _ cluster: ClusterZone, _ folder: TemporaryFolder
    ) throws -> [(name: String, file: String)] {
        try cluster.zones.map { zone in
            (zone.name, try folder.write(zone.text, to: "zones/\(cluster.name)/\(zone.name).zone"))
        }
    }

    /// BIND 9 as the office's server: it has `example.net` itself, and leaves cluster names to `forwarder`.
    static func named(
        port: Int, forwarder: Int, in folder: TemporaryFolder, options: String = ""
    ) throws -> ServerProcess {
        let zone = """
            $TTL 60
            @ IN SOA ns.example.net. hostmaster.example.net. 1 7200 1800 86400 60
            @ IN NS ns
            ns IN A 192.0.2.1
            www IN A 192.0.2.80
            """
        let file = try folder.write(zone + "\n", to: "zones/office/example.net.zone")
        let forwards = ["cluster.local", "k8s.example.com", "234.10.in-addr.arpa"].map {
            "zone \"\($0)\" { type forward; forward only; forwarders { 127.0.0.1 port \(forwarder); }; };"
        }
        let text = """
            options {
                directory "\(try folder.folder("named"))";
                pid-file none;
                session-keyfile "\(folder.path)/named/session.key";
                listen-on port \(port) { 127.0.0.1; };
                listen-on-v6 { none; };
                recursion yes;
                allow-query { any; };
                dnssec-validation no;
                empty-zones-enable no;
                notify no;
                max-records-per-type 0;  // a headless service may have more than the usual 100
                \(options)
            };
            controls { };
            zone "example.net" { type primary; file "\(file)"; };
            zone "." { type hint; file "/dev/null"; };
            \(forwards.joined(separator: "\n"))
            """
        let configuration = try folder.write(text + "\n", to: "named.conf")
        return try started("named", ["named", "-g", "-n", "1", "-c", configuration], port, "example.net", in: folder)
    }

    /// Unbound as the office's validating resolver, with a forward zone for cluster names.
    static func unbound(port: Int, forwarder: Int, in folder: TemporaryFolder) throws -> ServerProcess {
        let own = try folder.folder("unbound")
        let text = """
            server:
                username: ""
                chroot: ""
                directory: "\(own)"
                pidfile: ""
                use-syslog: no
                interface: 127.0.0.1@\(port)
                access-control: 127.0.0.0/8 allow
                do-not-query-localhost: no
                module-config: "validator iterator"
                trust-anchor: ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
                domain-insecure: "cluster.local"
                domain-insecure: "k8s.example.com"
                domain-insecure: "10.in-addr.arpa"
                local-zone: "10.in-addr.arpa" nodefault
                use-caps-for-id: yes
                num-threads: 1
            remote-control:
                control-enable: no
            forward-zone:
                name: "cluster.local"
                forward-addr: 127.0.0.1@\(forwarder)
            forward-zone:
                name: "k8s.example.com"
                forward-addr: 127.0.0.1@\(forwarder)
            forward-zone:
                name: "10.in-addr.arpa"
                forward-addr: 127.0.0.1@\(forwarder)
            """
        let file = try folder.write(text + "\n", to: "unbound.conf")
        return try started("unbound", ["unbound", "-d", "-p", "-c", file], port, "localhost", in: folder)
    }

    /// dnsmasq as the office's router, with protection against rebinding as many routers have it.
    static func dnsmasq(port: Int, forwarder: Int, in folder: TemporaryFolder) throws -> ServerProcess {
        let command = [
            "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--user=", "--pid-file=",
            "--port=\(port)", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
            "--stop-dns-rebind", "--rebind-domain-ok=/cluster.local/k8s.example.com/",
            "--server=/cluster.local/127.0.0.1#\(forwarder)", "--server=/k8s.example.com/127.0.0.1#\(forwarder)",
            "--rev-server=10.234.0.0/16,127.0.0.1#\(forwarder)",
        ]
        return try started("dnsmasq", command, port, "localhost", in: folder)
    }

    /// The program under test.
    static func namebridge(
        _ name: String, _ configuration: String, port: Int, in folder: TemporaryFolder,
        inside namespace: Namespace? = nil
    ) throws -> ServerProcess {
        guard let program = Tool.namebridge else { throw TestFailure("the program namebridge is not built") }
        let file = try folder.write(configuration, to: "\(name).yaml")
        let command = [program, "serve", "--config", file]
        return try started(name, command, port, "ready.invalid", in: folder, inside: namespace)
    }

    /// Starts a server and waits until it answers a question on 127.0.0.1 over UDP and takes a connection over TCP.
    ///
    /// A name server answers with its data; the forwarder in any way.
    static func started(
        _ name: String, _ command: [String], _ port: Int, _ probe: String, in folder: TemporaryFolder,
        inside namespace: Namespace? = nil
    ) throws -> ServerProcess {
        let server = try ServerProcess(name, (namespace?.prefix ?? []) + command, in: folder)
        let isForwarder = name.hasPrefix("namebridge")
        try server.waitUntil {
            if let namespace {
                let reply = try? namespace.run("dig", "-r", "@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=1", probe)
                return reply?.status == 0
            }
            guard let header = ReplyHeader(ask(question(probe, 6), "127.0.0.1", port)), isForwarder || header.rcode != 2
            else { return false }
            return (try? TestSocket(.tcp, connectedTo: "127.0.0.1", port: port)) != nil
        }
        return server
    }
}
