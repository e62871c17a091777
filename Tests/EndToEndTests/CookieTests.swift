import Testing

extension EndToEnd {
    /// Cookies with the programs that made them common.
    @Suite struct Cookies {
        /// BIND that answers only clients with a good cookie, and two forwarders to it that share its secret.
        private struct Jar {
            static let secret = "e5e973e5a6b2a43f48e7dc849e37bfcf"
            let folder: TemporaryFolder
            let namedPort: Int
            let ports: [Int]
            let servers: [ServerProcess]

            init() throws {
                folder = try TemporaryFolder()
                namedPort = try FreePort.next()
                ports = [try FreePort.next(), try FreePort.next()]
                let options = "require-server-cookie yes; cookie-secret \"\(Self.secret)\";"
                var servers = [try RealServers.named(port: namedPort, forwarder: ports[0], in: folder, options: options)]
                let file = try folder.write("# shared with BIND\n\(Self.secret)\n", to: "secret")
                for (index, port) in ports.enumerated() {
                    let text = """
                        dns:
                          listen: ["127.0.0.1:\(port)"]
                          upstream: ["127.0.0.1:\(namedPort)"]
                          cookie-secret-file: \(file)
                        """
                    servers.append(try RealServers.namebridge("namebridge\(index)", text + "\n", port: port, in: folder))
                }
                self.servers = servers
            }
        }

        private func cookie(_ reply: DigReply) throws -> String {
            let line = try #require(reply.text.split(separator: "\n").first { $0.hasPrefix("; COOKIE: ") }, "\(reply.text)")
            #expect(line.hasSuffix("(good)"), "\(line)")
            return String(line.dropFirst(10).prefix { $0.isHexDigit })
        }

        @Test func `BIND and two forwarders of one secret take each other's cookies`() throws {
            let jar = try Jar()
            // BIND insists on its cookie: the forwarder learns it and asks again.
            let first = try dig("www.example.net A", port: jar.ports[0], options: ["+cookie=1122334455667788"])
            #expect(first.data == ["192.0.2.80"], "\(first.text)")
            let ours = try cookie(first)
            #expect(ours.count == 48 && ours.hasPrefix("112233445566778801000000"))
            for port in [jar.ports[0], jar.ports[1], jar.namedPort] {
                let again = try dig("www.example.net A", port: port, options: ["+cookie=\(ours)", "+nobadcookie"])
                #expect(again.status == "NOERROR" && again.data == ["192.0.2.80"], "\(again.text)")
                // BIND makes a new one each second: only the octets before the time are the same (RFC 9018 section 4.3).
                #expect(try cookie(again).prefix(24) == ours.prefix(24))
            }
        }
    }
}
