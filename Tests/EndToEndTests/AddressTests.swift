import Glibc
import Testing

extension EndToEnd {
    /// Replies leave from the address that was asked (RFC 2181 section 4): clients take them from no other.
    @Suite struct Addresses {
        @Test func `a wildcard listener answers from each loopback address that is asked`() throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let port = try FreePort.next(on: ["0.0.0.0", "::"])
            let server = try RealServers.namebridge(
                "namebridge", Self.configuration(port, "127.0.0.1:\(network.prodPort)"), port: port, in: folder)
            for (address, source) in [
                ("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.1"), ("127.0.0.3", "127.0.0.1"),
                ("127.0.0.3", "127.0.0.9"), ("::1", "::1"),
            ] {
                for options in [[], ["+tcp"]] {
                    let reply = try dig(
                        "web.shop.svc.prod.cluster.local A", port: port, at: address, options: ["-b", source] + options)
                    #expect(reply.data == ["10.234.1.7"], "\(address) asked from \(source)\n\(reply.text)\(server.output)")
                    #expect(reply.server.contains("\(address)#"))
                }
            }
            server.end()
        }

        private static let mayMakeNamespaces =
            geteuid() == 0 && Tool.areInstalled("ip", "nsenter", "unshare")
            && (try? Tool.run(["unshare", "--net", "true"]).status) == 0

        @Test(.enabled(if: mayMakeNamespaces, "network namespaces need root, iproute2 and util-linux"))
        func `a host with several addresses answers other hosts from the one that was asked`() throws {
            let folder = try TemporaryFolder()
            let host = try Namespace("host", in: folder)
            let client = try Namespace("client", in: folder)
            try host.join(client)
            try host.add(["10.99.0.1/24", "10.99.0.2/24", "10.99.1.1/24", "2001:db8:99::1/64", "2001:db8:99::2/64"])
            try client.add(["10.99.0.100/24", "2001:db8:99::100/64"])
            try client.run("ip", "route", "add", "10.99.1.0/24", "via", "10.99.0.1")
            let zone = ClusterZone(name: "prod", number: 234)
            let cluster = try RealServers.nsd(zone, port: 5301, in: folder, inside: host)
            let text = Self.configuration(5300, "127.0.0.1:5301", clients: ["10.0.0.0/8", "2001:db8::/32", "127.0.0.0/8"])
            let server = try RealServers.namebridge("namebridge", text, port: 5300, in: folder, inside: host)
            for address in ["10.99.0.1", "10.99.0.2", "10.99.1.1", "2001:db8:99::1", "2001:db8:99::2"] {
                for option in ["+notcp", "+tcp"] {
                    let reply = DigReply(
                        try client.run(
                            "dig", "-r", "@\(address)", "-p", "5300", "+tries=1", "+time=4", option,
                            "web.shop.svc.prod.cluster.local"))
                    #expect(reply.data == ["10.234.1.7"], "\(address) \(option)\n\(reply.text)\(server.output)")
                }
            }
            server.end()
            cluster.end()
        }

        @Test(.enabled(if: mayMakeNamespaces, "network namespaces need root, iproute2 and util-linux"))
        func `a host that loses its address asks from the new one at once`() throws {
            let folder = try TemporaryFolder()
            let host = try Namespace("host", in: folder)
            let remote = try Namespace("cluster", in: folder)
            try host.join(remote)
            try host.add(["10.99.0.1/24"])
            try remote.add(["10.99.0.100/24"])
            let cluster = try RealServers.nsd(
                ClusterZone(name: "prod", number: 234), port: 5301, on: "0.0.0.0", in: folder, inside: remote)
            let server = try RealServers.namebridge(
                "namebridge", Self.configuration(5300, "10.99.0.100:5301"), port: 5300, in: folder, inside: host)
            for address in ["10.99.0.1", "10.99.0.2"] {
                for _ in 0..<40 {
                    let reply = DigReply(
                        try host.run(
                            "dig", "-r", "@127.0.0.1", "-p", "5300", "+tries=1", "+time=4", "web.shop.svc.prod.cluster.local"))
                    #expect(reply.data == ["10.234.1.7"], "from \(address)\n\(reply.text)\(server.output)")
                }
                try host.run("ip", "address", "flush", "dev", "cable")
                try host.add(["10.99.0.2/24"])
            }
            server.end()
            cluster.end()
        }

        private static func configuration(
            _ port: Int, _ cluster: String, clients: [String] = ["127.0.0.0/8", "::1/128"]
        ) -> String {
            """
            dns:
              listen: ["0.0.0.0:\(port)", "[::]:\(port)"]
              clients: [\(clients.map { "\"\($0)\"" }.joined(separator: ", "))]
              cache: { size: 0B }
              workers: 2
            clusters:
              prod: { dns: ["\(cluster)"] }
            """ + "\n"
        }
    }
}

/// A network namespace that ends with the process that holds it.
struct Namespace {
    private let name: String
    private let holder: ServerProcess

    init(_ name: String, in folder: TemporaryFolder) throws {
        self.name = name
        holder = try ServerProcess(name, ["unshare", "--net", "sleep", "600"], in: folder)
        let own = try Tool.run(["readlink", "/proc/self/ns/net"]).output
        let identifier = holder.identifier
        try holder.waitUntil {
            let other = try? Tool.run(["readlink", "/proc/\(identifier)/ns/net"]).output
            return other != nil && other != own
        }
        try run("ip", "link", "set", "lo", "up")
    }

    /// The prefix of a command that runs inside.
    var prefix: [String] { ["nsenter", "--target", "\(holder.identifier)", "--net"] }

    /// Runs a command inside; one that fails is an error, except for clients of the DNS.
    @discardableResult
    func run(_ words: String...) throws -> Tool.Result {
        let result = try Tool.run(prefix + words)
        guard result.status == 0 || words[0] == "dig" else {
            throw TestFailure("\(words.joined(separator: " ")): \(result.errors)")
        }
        return result
    }

    /// Lays a cable to another namespace.
    func join(_ other: Namespace, as device: String = "cable", there: String = "cable") throws {
        try run(
            "ip", "link", "add", device, "type", "veth", "peer", "name", there, "netns", "\(other.holder.identifier)")
        try run("ip", "link", "set", device, "up")
        try other.run("ip", "link", "set", there, "up")
    }

    /// Gives a cable's end addresses that may be used at once.
    func add(_ addresses: [String], to device: String = "cable") throws {
        for address in addresses {
            let words = address.contains(":") ? ["nodad"] : []
            let result = try Tool.run(prefix + ["ip", "address", "add", address, "dev", device] + words)
            guard result.status == 0 else { throw TestFailure("\(address): \(result.errors)") }
        }
    }
}
