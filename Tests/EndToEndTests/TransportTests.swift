import Testing

extension EndToEnd {
    /// UDP and TCP of both families, asked by `dig` and `kdig`.
    @Suite struct Transport {
        static let options = [[], ["+tcp"], ["+tcp", "+keepalive"]]

        @Test(arguments: ["127.0.0.1", "::1"], options)
        func `each address answers over UDP and TCP`(address: String, options: [String]) throws {
            let network = try OfficeNetwork.running()
            let byDig = try dig("web.shop.svc.prod.cluster.local A", port: network.port, at: address, options: options)
            #expect(byDig.data == ["10.234.1.7"], "\(byDig.text)")
            #expect(byDig.server.contains(address))
            let plain = options.filter { $0 != "+keepalive" }
            let byKdig = try kdig("web.shop.svc.staging.cluster.local A", port: network.port, at: address, options: plain)
            #expect(byKdig.data == ["10.235.1.7"], "\(byKdig.text)")
        }

        @Test func `one connection answers several questions of one client`() throws {
            let network = try OfficeNetwork.running()
            let command = ["kdig", "@127.0.0.1", "-p", "\(network.port)", "+tcp", "+keepopen", "+short"]
            let names = ["web.shop.svc.prod", "web.shop.svc.staging", "db-1.db.shop.svc.prod"].map { "\($0).cluster.local" }
            let result = try Tool.run(command + names)
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(lines == ["10.234.1.7", "10.235.1.7", "10.234.65.5"], "\(result.output)\(result.errors)")
        }

        @Test func `a length prefix may come in any split`() throws {
            let network = try OfficeNetwork.running()
            let message = question("web.shop.svc.prod.cluster.local")
            let stream = TestSocket.framed(message) + TestSocket.framed(message)
            for split in 1..<(stream.count / 2 + 3) {
                let socket = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: network.port)
                try socket.send(Array(stream[..<split]))
                // Whatever is due before the rest has come: the first answer, or nothing.
                if split >= stream.count / 2 { #expect(socket.receiveFramed(within: 3_000) != nil) }
                try socket.send(Array(stream[split...]))
                let due = split >= stream.count / 2 ? 1 : 2
                for _ in 0..<due {
                    #expect(ReplyHeader(socket.receiveFramed(within: 3_000))?.answers == 1, "split at \(split)")
                }
            }
        }

        @Test func `octets that come one by one make a question`() throws {
            let network = try OfficeNetwork.running()
            let socket = try TestSocket(.tcp, connectedTo: "::1", port: network.port)
            for octet in TestSocket.framed(question("web.shop.svc.prod.cluster.local")) { try socket.send([octet]) }
            #expect(ReplyHeader(socket.receiveFramed(within: 3_000))?.answers == 1)
        }

        @Test func `a client that has closed its half still gets its answers, then the end`() throws {
            let network = try OfficeNetwork.running()
            let socket = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: network.port)
            for id in 1...3 { try socket.sendFramed(question("web.shop.svc.prod.cluster.local", id: id)) }
            socket.shutdownSending()
            let identifiers = (1...3).compactMap { _ in ReplyHeader(socket.receiveFramed(within: 3_000))?.id }
            #expect(identifiers.sorted() == [1, 2, 3])
            #expect(socket.receive(within: 3_000) == [], "the connection is closed")
        }

        @Test func `2000 questions on one connection are all answered`() throws {
            let network = try OfficeNetwork.running()
            let socket = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: network.port)
            var seen: Set<Int> = []
            var asked = 0
            while asked < 2_000 {
                var batch: [UInt8] = []
                for id in asked..<(asked + 100) {
                    let cluster = id.isMultiple(of: 2) ? "prod" : "staging"
                    batch += TestSocket.framed(question("web.shop.svc.\(cluster).cluster.local", id: id))
                }
                try socket.send(batch)
                asked += 100
                // Answers are taken as they come, so that neither side waits for room in the other's buffers.
                while socket.isReadable(within: 0), let header = ReplyHeader(socket.receiveFramed(within: 5_000)) {
                    #expect(header.rcode == 0 && header.answers == 1)
                    seen.insert(header.id)
                }
            }
            while seen.count < 2_000, let header = ReplyHeader(socket.receiveFramed(within: 5_000)) {
                #expect(header.rcode == 0 && header.answers == 1)
                seen.insert(header.id)
            }
            #expect(seen.count == 2_000)
        }

        @Test func `a slow question does not hold up a fast one on the same connection`() throws {
            let network = try OfficeNetwork.running()
            let socket = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: network.port)
            try socket.sendFramed(question("web.shop.svc.silent.cluster.local", id: 1))
            try socket.sendFramed(question("web.shop.svc.prod.cluster.local", id: 2))
            #expect(ReplyHeader(socket.receiveFramed(within: 3_000))?.id == 2)
            // A server that is alone is given the rest of the time that clients wait.
            let late = ReplyHeader(socket.receiveFramed(within: 8_000))
            #expect(late?.id == 1 && late?.rcode == 2)
        }

        @Test func `an idle connection is closed in time`() throws {
            let network = try OfficeNetwork.running()
            let socket = try TestSocket(.tcp, connectedTo: "127.0.0.1", port: network.port)
            try socket.sendFramed(question("web.shop.svc.prod.cluster.local"))
            #expect(socket.receiveFramed(within: 3_000) != nil)
            #expect(socket.receive(within: 20_000) == [], "the server closes the connection")
        }
    }
}
