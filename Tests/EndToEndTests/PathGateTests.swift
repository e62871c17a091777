import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// What clients get of a cluster that no packets reach: the forwarder probes the path, from a host of the office.
    @Suite(.serialized) struct PathGates {
        private static let isPossible =
            geteuid() == 0 && Tool.areInstalled("ip", "nsenter", "unshare", "sysctl", "dig")
            && (try? Tool.run(["unshare", "--net", "true"]).status) == 0

        /// What can happen to the path, and how it is mended.
        struct Accident: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let isAtRelay: Bool
            let begin: String
            let end: String
        }

        private static let accidents = [
            Accident(
                testDescription: "the far side is dead", isAtRelay: false,
                begin: "ip address flush dev cable",
                end: "ip address add 10.234.0.10/24 dev cable && ip route add default via 10.234.0.1"),
            Accident(
                testDescription: "the relay lost its rules", isAtRelay: true,
                begin: "sysctl -qw net.ipv4.ip_forward=0", end: "sysctl -qw net.ipv4.ip_forward=1"),
            Accident(
                testDescription: "the link behind the relay is cut", isAtRelay: true,
                begin: "ip link set cluster down", end: "ip link set cluster up"),
        ]

        @Test(.enabled(if: isPossible, "network namespaces need root and iproute2"), arguments: accidents)
        func `answers fail with the reason within two seconds and are back within three`(accident: Accident) throws {
            let bridge = try RelayedOffice()
            #expect(try bridge.ask(from: RelayedOffice.office).status == "NOERROR")
            #expect(try bridge.ask(from: RelayedOffice.branch).status == "NOERROR")
            #expect(try bridge.healthStatus() == 0)

            let host = accident.isAtRelay ? bridge.relay : bridge.cluster
            try host.run("sh", "-c", accident.begin)
            let seen = try bridge.wait(for: "SERVFAIL", within: 6_000)
            let gated = try bridge.ask(from: RelayedOffice.office)
            #expect(gated.status == "SERVFAIL")
            let reason = gated.errors.joined()
            #expect(reason.contains("23") && reason.contains("path office -> prod via relay1 is down since 20"), "\(reason)")
            // Its path is not the office's: it is answered from the cache, as long as that holds.
            #expect(try bridge.ask(from: RelayedOffice.branch).status == "NOERROR", "\(bridge.log)")
            #expect(try bridge.healthStatus() == 1)

            try host.run("sh", "-c", accident.end)
            let back = try bridge.wait(for: "NOERROR", within: 8_000)
            #expect(try bridge.healthStatus() == 0)
            // The goals are 2 and 3 s; a loaded machine takes longer.
            #expect(seen < 3_000 && back < 4_500, "seen after \(seen) ms, back after \(back) ms\n\(bridge.log)")
            print("\(accident.testDescription): SERVFAIL after \(seen) ms, back after \(back) ms")
        }

        /// What the forwarder keeps obeys the verdict; the lines for Unbound let that keep nothing of it. Unbound gives the
        /// SERVFAIL without its reason: its iterator drops the EDNS options of a server that fails.
        @Test(
            .enabled(
                if: isPossible && Tool.areInstalled("dnsmasq", "unbound"),
                "network namespaces need root and iproute2, the resolvers dnsmasq and unbound"))
        func `behind dnsmasq and Unbound the office hears of it, and the branch does not`() throws {
            let bridge = try RelayedOffice()
            let fronts = try FrontResolver.all(for: bridge)
            defer { for front in fronts { front.server.end() } }
            for front in fronts { #expect(try front.ask().status == "NOERROR", "\(front.server.output)") }
            try bridge.relay.run("sh", "-c", "ip link set cluster down")
            for front in fronts where front.isOfOffice {
                let milliseconds = try front.wait(for: "SERVFAIL", within: 4_500)
                print("\(front.name): SERVFAIL after \(milliseconds) ms")
            }
            for front in fronts where !front.isOfOffice {
                #expect(try front.ask().status == "NOERROR", "\(bridge.log)")
            }
            let dnsmasq = try #require(fronts.first { $0.name == "dnsmasq" })
            let reason = try dnsmasq.ask().errors.joined()
            #expect(reason.contains("23") && reason.contains("path office -> prod via relay1 is down"), "\(reason)")
            try bridge.relay.run("sh", "-c", "ip link set cluster up")
            for front in fronts where front.isOfOffice {
                let milliseconds = try front.wait(for: "NOERROR", within: 4_500)
                print("\(front.name): back after \(milliseconds) ms")
            }
        }

        @Test(.enabled(if: isPossible, "network namespaces need root and iproute2"))
        func `an own link that is down gates nothing`() throws {
            let bridge = try RelayedOffice()
            #expect(try bridge.ask(from: RelayedOffice.office).status == "NOERROR")
            try bridge.relay.run("ip", "link", "set", "cable", "down")
            let deadline = Deadline(3_000)
            while !deadline.isOver {
                #expect(try bridge.ask(from: RelayedOffice.office).status == "NOERROR")
            }
            #expect(try bridge.healthStatus() == 3, "\(bridge.log)")
        }
    }
}

/// An office whose forwarder reaches a cluster through a relay, and a branch that has no part in it.
private final class RelayedOffice {
    static let office = "172.16.0.53"
    static let branch = "172.31.0.53"

    let relay: Namespace
    let cluster: Namespace
    private let host: Namespace
    let clients: Namespace
    let folder: TemporaryFolder
    private let servers: [ServerProcess]

    init() throws {
        let folder = try TemporaryFolder()
        let host = try Namespace("host", in: folder)
        let clients = try Namespace("clients", in: folder)
        let relay = try Namespace("relay", in: folder)
        let cluster = try Namespace("cluster", in: folder)
        try host.join(clients, as: "office")
        try host.join(relay)
        try relay.join(cluster, as: "cluster")
        try host.add(["172.16.0.1/24", "172.31.0.1/24"], to: "office")
        try clients.add(["\(Self.office)/24", "\(Self.branch)/24"])
        try host.add(["10.9.0.1/24"])
        try relay.add(["10.9.0.2/24"])
        try relay.add(["10.234.0.1/24"], to: "cluster")
        try cluster.add(["10.234.0.10/24"])
        try relay.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        try host.run("ip", "route", "add", "10.234.0.0/16", "via", "10.9.0.2")
        try cluster.run("ip", "route", "add", "default", "via", "10.234.0.1")
        let zone = ClusterZone(name: "prod", number: 234)
        let dns = try RealServers.nsd(zone, port: 53, on: "0.0.0.0", in: folder, inside: cluster)
        guard let program = Tool.namebridge else { throw TestFailure("the program namebridge is not built") }
        let file = try folder.write(Self.configuration(zone), to: "namebridge.yaml")
        let command = [program, "serve", "--config", file, "--control", folder.path + "/control.sock"]
        let namebridge = try RealServers.started("namebridge", command, 53, "ready.invalid", in: folder, inside: host)
        servers = [dns, namebridge]
        (self.folder, self.host, self.clients, self.relay, self.cluster) = (folder, host, clients, relay, cluster)
        try namebridge.waitUntil { namebridge.output.contains("path up") }
    }

    deinit { for server in servers { server.end() } }

    var log: String { servers.last?.output ?? "" }

    func ask(from client: String) throws -> DigReply {
        let server = client == Self.office ? "172.16.0.1" : "172.31.0.1"
        return DigReply(
            try clients.run(
                "dig", "-r", "@\(server)", "-b", client, "+tries=1", "+time=3", "web.shop.svc.prod.cluster.local"))
    }

    /// Asks for the office until the answer's status is so; how long that took, in milliseconds.
    func wait(for status: String, within milliseconds: Int) throws -> Int {
        let deadline = Deadline(milliseconds)
        while try ask(from: Self.office).status != status {
            guard !deadline.isOver else { throw TestFailure("no \(status) in \(milliseconds) ms:\n\(log)") }
            Deadline.pause()
        }
        return milliseconds - deadline.left
    }

    /// The exit code of `namebridge net health`.
    func healthStatus() throws -> Int32 {
        guard let program = Tool.namebridge else { throw TestFailure("the program namebridge is not built") }
        return try Tool.run(host.prefix + [program, "net", "health", "--control", folder.path + "/control.sock"]).status
    }

    private static func configuration(_ zone: ClusterZone) -> String {
        """
        dns: { listen: ["0.0.0.0:53"], workers: 1 }
        clusters:
          prod:
            dns: [10.234.0.10]
            services: [\(zone.services[0])]
            pods: [\(zone.pods[0])]
            hosts: { relay1: { address: 10.9.0.2 } }
        sites:
          office: { networks: [172.16.0.0/24] }
          branch: { networks: [172.31.0.0/24] }
        paths:
          - { from: office, to: prod, via: relay, relays: [relay1] }
        """ + "\n"
    }
}

/// A resolver in the office or the branch that asks the forwarder, and keeps no answers itself.
private struct FrontResolver {
    let name: String
    let isOfOffice: Bool
    let server: ServerProcess
    private let port: Int
    private let clients: Namespace

    /// dnsmasq and Unbound of the office, and one of the branch.
    static func all(for bridge: RelayedOffice) throws -> [FrontResolver] {
        [
            try dnsmasq("dnsmasq", 5301, from: RelayedOffice.office, to: "172.16.0.1", for: bridge),
            try unbound(5302, for: bridge),
            try dnsmasq("dnsmasq of the branch", 5303, from: RelayedOffice.branch, to: "172.31.0.1", for: bridge),
        ]
    }

    private static func dnsmasq(
        _ name: String, _ port: Int, from client: String, to forwarder: String, for bridge: RelayedOffice
    ) throws -> FrontResolver {
        let command = [
            "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--user=", "--pid-file=",
            "--port=\(port)", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
            "--cache-size=0", "--server=\(forwarder)@\(client)",
        ]
        return FrontResolver(
            name: name, isOfOffice: client == RelayedOffice.office,
            server: try RealServers.started(
                "dnsmasq", command, port, "ready.invalid", in: bridge.folder, inside: bridge.clients),
            port: port, clients: bridge.clients)
    }

    private static func unbound(_ port: Int, for bridge: RelayedOffice) throws -> FrontResolver {
        let text = """
            server:
                username: ""
                chroot: ""
                directory: "\(bridge.folder.path)"
                pidfile: ""
                use-syslog: no
                interface: 127.0.0.1@\(port)
                access-control: 127.0.0.0/8 allow
                outgoing-interface: \(RelayedOffice.office)
                num-threads: 1
                module-config: "iterator"
            remote-control:
                control-enable: no
            forward-zone:
                name: "cluster.local."
                forward-addr: 172.16.0.1
                forward-no-cache: yes

            """
        let file = try bridge.folder.write(text, to: "unbound.conf")
        return FrontResolver(
            name: "Unbound", isOfOffice: true,
            server: try RealServers.started(
                "unbound", ["unbound", "-d", "-p", "-c", file], port, "localhost", in: bridge.folder,
                inside: bridge.clients),
            port: port, clients: bridge.clients)
    }

    func ask() throws -> DigReply {
        DigReply(
            try clients.run(
                "dig", "-r", "@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=5", "web.shop.svc.prod.cluster.local"))
    }

    /// Asks until the answer's status is so; how long that took, in milliseconds.
    func wait(for status: String, within milliseconds: Int) throws -> Int {
        let deadline = Deadline(milliseconds)
        while try ask().status != status {
            guard !deadline.isOver else {
                throw TestFailure("\(name): no \(status) in \(milliseconds) ms:\n\(server.output)")
            }
            Deadline.pause()
        }
        return milliseconds - deadline.left
    }
}
