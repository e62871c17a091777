import Foundation
import Testing

extension EndToEnd {
    /// The lines that the README gives for the resolvers of an office, used unchanged: only addresses and ports are those of the
    /// test.
    @Suite struct ManualConfigurations {
        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq that guards against rebinding`() throws {
            try expectAnswers("dnsmasq", forwarder: { "127.0.0.1#\($0)" }) { port, lines, _ in
                "port=\(port)\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nstop-dns-rebind\nbogus-priv\n"
                    + lines
            } command: {
                ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=\($0)", "--user=", "--pid-file="]
            }
        }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `Unbound that validates and rejects private addresses`() throws {
            try expectAnswers("Unbound", forwarder: { "127.0.0.1@\($0)" }) { port, lines, folder in
                """
                server:
                    username: ""
                    chroot: ""
                    directory: "\(folder.path)"
                    pidfile: ""
                    use-syslog: no
                    interface: 127.0.0.1@\(port)
                    access-control: 127.0.0.0/8 allow
                    do-not-query-localhost: no
                    module-config: "validator iterator"
                    trust-anchor: ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
                    private-address: 10.0.0.0/8
                    num-threads: 1
                remote-control:
                    control-enable: no
                \(lines)
                """
            } command: { ["unbound", "-d", "-p", "-c", $0] }
        }

        @Test func `BIND that validates by the root's own key`() throws {
            try expectAnswers("BIND", forwarder: { "127.0.0.1 port \($0)" }) { port, lines, folder in
                let own = """
                    options {
                        directory "\(folder.path)";
                        pid-file none;
                        session-keyfile "\(folder.path)/session.key";
                        listen-on port \(port) { 127.0.0.1; };
                        listen-on-v6 { none; };
                        recursion yes;
                        dnssec-validation auto;
                    """
                // There may be one such block in a file.
                return "controls { };\nzone \".\" { type hint; file \"/dev/null\"; };\n"
                    + lines.replacing("options {", with: own)
            } command: { ["named", "-g", "-n", "1", "-c", $0] }
        }

        /// The code block below the resolver's name, with another forwarder's address.
        private func manualLines(_ name: String, _ forwarder: String) throws -> String {
            let text = try String(contentsOfFile: Tool.packageFile("README.md"), encoding: .utf8)
            let part = try #require(text.range(of: "**\(name)**")).upperBound
            let start = try #require(text.range(of: "```\n", range: part..<text.endIndex)).upperBound
            let end = try #require(text.range(of: "```", range: start..<text.endIndex)).lowerBound
            #expect(text[part..<start].count < 20, "its block comes first below it")
            return String(text[start..<end]).replacing("172.16.0.5", with: forwarder)
                .replacing("96.10.in-addr.arpa", with: "234.10.in-addr.arpa")
        }

        private func expectAnswers(
            _ name: String, forwarder: (Int) -> String, configuration: (Int, String, TemporaryFolder) -> String,
            command: (String) -> [String]
        ) throws {
            let network = try OfficeNetwork.running()
            let folder = try TemporaryFolder()
            let port = try FreePort.next()
            let lines = try manualLines(name, forwarder(network.port))
            let file = try folder.write(configuration(port, lines, folder) + "\n", to: "\(name).conf")
            let server = try RealServers.started(
                name, command(file), port, "web.shop.svc.prod.cluster.local", in: folder)
            for (question, data) in [
                ("web.shop.svc.prod.cluster.local A", "10.234.1.7"),
                ("web.shop.svc.staging.cluster.local A", "10.235.1.7"),
                ("-x 10.234.1.7", "web.shop.svc.prod.cluster.local."),
                ("_http._tcp.web.shop.svc.prod.cluster.local SRV", "0 100 80 web.shop.svc.prod.cluster.local."),
            ] {
                let reply = try dig(question, port: port, options: ["+dnssec"])
                #expect(reply.status == "NOERROR" && reply.data == [data], "\(question)\n\(reply.text)\(server.output)")
            }
            let big = try dig("big.test.svc.prod.cluster.local A", port: port)
            #expect(big.answer.count == ClusterZone.endpoints, "\(big.text.prefix(800))")
            #expect(try dig("none.shop.svc.prod.cluster.local A", port: port).status == "NXDOMAIN")
            server.end()
        }
    }
}
