import Testing

extension EndToEnd {
    /// Servers that forward to the forwarder that asks them.
    @Suite struct Loops {
        /// A forwarder whose cluster `prod` is served by a resolver that sends `cluster.local` back to it, and whose
        /// cluster `staging` is well.
        private struct Circle {
            let port: Int
            let folder: TemporaryFolder
            let back: ServerProcess
            let knot: ServerProcess
            let forwarder: ServerProcess

            init(_ start: (Int, Int, TemporaryFolder) throws -> ServerProcess) throws {
                folder = try TemporaryFolder()
                port = try FreePort.next()
                let backPort = try FreePort.next()
                let knotPort = try FreePort.next()
                back = try start(backPort, port, folder)
                knot = try RealServers.knot(ClusterZone(name: "staging", number: 235), port: knotPort, in: folder)
                let text = """
                    dns:
                      listen: ["127.0.0.1:\(port)"]
                      bare-domain: [prod]
                    clusters:
                      prod: { dns: ["127.0.0.1:\(backPort)"] }
                      staging: { dns: ["127.0.0.1:\(knotPort)"] }
                    """
                forwarder = try RealServers.namebridge("namebridge", text + "\n", port: port, in: folder)
            }

            func expectParked() throws {
                try forwarder.waitUntil { forwarder.output.contains("server forwards to us, not asked cluster=prod") }
                #expect(forwarder.output.contains("reason=\"loop: a question to 127.0.0.1:"), "\(forwarder.output)")
                let reply = try dig("web.shop.svc.prod.cluster.local A", port: port)
                #expect(reply.status == "SERVFAIL" && reply.milliseconds < 1_500, "\(reply.text)")
                #expect(reply.errors.first?.contains("forwards our questions back to us") ?? false, "\(reply.text)")
                let other = try dig("web.shop.svc.staging.cluster.local A", port: port)
                #expect(other.data == ["10.235.1.7"], "\(other.text)")
            }
        }

        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq that forwards back is found by the mark of our questions, and alone is not asked`() throws {
            try Circle { try RealServers.dnsmasq(port: $0, forwarder: $1, in: $2) }.expectParked()
        }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `Unbound that forwards back, and drops marks, is found by a probe's name`() throws {
            try Circle { try RealServers.unbound(port: $0, forwarder: $1, in: $2) }.expectParked()
        }
    }
}
