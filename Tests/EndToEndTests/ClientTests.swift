import Testing

extension EndToEnd {
    /// What `dig` and `kdig` do beyond a plain question: flags, sizes, kept connections, options.
    @Suite struct Clients {
        private static let name = "web.shop.svc.prod.cluster.local A"

        @Test(arguments: [512, 1232, 4096])
        func `dig +norec +nocookie +bufsize gets the answer in its size`(size: Int) throws {
            let network = try OfficeNetwork.running()
            let options = ["+norec", "+nocookie", "+bufsize=\(size)"]
            let reply = try dig(Self.name, port: network.port, options: options)
            #expect(reply.status == "NOERROR" && reply.data == ["10.234.1.7"], "\(reply.text)")
            #expect(reply.hasEDNS && reply.flags == ["qr", "ra"], "RD was not asked for: \(reply.text)")
            #expect(!reply.text.contains("COOKIE"))
            let cut = try dig("big.test.svc.prod.cluster.local A", port: network.port, options: options + ["+ignore"])
            #expect(cut.flags == ["qr", "tc", "ra"] && cut.size <= size, "\(cut.text)")
            let whole = try dig("big.test.svc.prod.cluster.local A", port: network.port, options: options)
            #expect(whole.answer.count == ClusterZone.endpoints && !whole.flags.contains("tc"), "\(whole.text)")
        }

        @Test func `dig +tcp +keepopen gets the answers of one connection in order`() throws {
            let network = try OfficeNetwork.running()
            let names = ["web.shop.svc.prod", "web.shop.svc.staging", "db-1.db.shop.svc.prod"].map { "\($0).cluster.local" }
            let command = ["dig", "-r", "@127.0.0.1", "-p", "\(network.port)", "+tcp", "+keepopen", "+short", "+tries=1"]
            let result = try Tool.run(command + names)
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(lines == ["10.234.1.7", "10.235.1.7", "10.234.65.5"], "\(result.output)\(result.errors)")
        }

        @Test func `a client that asks for keepalive over TCP learns how long its connection may be idle`() throws {
            let network = try OfficeNetwork.running()
            let told = try dig(Self.name, port: network.port, options: ["+tcp", "+keepopen", "+keepalive"])
            #expect(told.data == ["10.234.1.7"], "\(told.text)")
            #expect(told.text.contains("TCP KEEPALIVE: 10.0 secs"), "RFC 7828 section 3.3.2: \(told.text)")
            for options in [["+keepalive"], ["+tcp"]] {
                let reply = try dig(Self.name, port: network.port, options: options)
                let lines = reply.text.split(separator: "\n").drop { !$0.contains("OPT PSEUDOSECTION") }
                #expect(!lines.contains { $0.uppercased().contains("KEEPALIVE") }, "\(options): \(reply.text)")
            }
        }

        /// Padding hides lengths inside encryption. Here is none, and an answer in clear text must not have it: it
        /// would only make forged questions pay (RFC 7830 section 6).
        @Test(arguments: [[], ["+tcp"]])
        func `kdig +edns +padding gets an answer without padding`(transport: [String]) throws {
            let network = try OfficeNetwork.running()
            let plain = try kdig(Self.name, port: network.port, options: transport + ["+edns"])
            let padded = try kdig(Self.name, port: network.port, options: transport + ["+edns", "+padding=128"])
            for reply in [plain, padded] {
                #expect(reply.data == ["10.234.1.7"] && reply.hasEDNS, "\(reply.text)")
                #expect(!reply.text.uppercased().contains("PADDING"), "\(reply.text)")
            }
            #expect(padded.size == plain.size && plain.size < 128)
        }

        @Test(arguments: [0, 1, 7, 9, 12, 15, 41, 64])
        func `a cookie of a length that none has is answered FORMERR`(octets: Int) throws {
            let network = try OfficeNetwork.running()
            let option = "+ednsopt=10" + (octets > 0 ? ":" + String(repeating: "a5", count: octets) : "")
            for transport in [[], ["+tcp"]] {
                let reply = try dig(Self.name, port: network.port, options: transport + ["+nocookie", option])
                #expect(reply.status == "FORMERR" && reply.answer.isEmpty, "RFC 7873 section 5.2.2: \(reply.text)")
                #expect(reply.hasEDNS && !reply.text.contains("COOKIE:"), "\(reply.text)")
            }
        }

        @Test(arguments: [8, 16, 24, 40])
        func `a cookie of any other length gets a good one`(octets: Int) throws {
            let network = try OfficeNetwork.running()
            let cookie = String(repeating: "a5", count: octets)
            let reply = try dig(Self.name, port: network.port, options: ["+cookie=\(cookie)", "+nobadcookie"])
            #expect(reply.status == "NOERROR" && reply.data == ["10.234.1.7"], "\(reply.text)")
            #expect(reply.text.contains("; COOKIE: a5a5a5a5a5a5a5a501000000"), "\(reply.text)")
        }
    }
}
