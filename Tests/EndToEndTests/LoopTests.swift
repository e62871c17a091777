import Foundation
import Synchronization
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

        @Test func `a client that copies our marks and probe names does not block a server`() throws {
            let folder = try TemporaryFolder()
            let server = try TappedServer()
            defer { server.end() }
            let port = try FreePort.next()
            let text = """
                dns:
                  listen: ["127.0.0.1:\(port)"]
                  bare-domain: [prod]
                  cache: { size: 0B }
                clusters:
                  prod: { dns: ["127.0.0.1:\(server.port)"] }
                """
            let forwarder = try RealServers.namebridge("namebridge", text + "\n", port: port, in: folder)
            func isServed(_ label: String) throws -> Bool {
                try dig("\(label).shop.svc.prod.cluster.local A", port: port).data == ["10.9.9.7"]
            }
            #expect(try isServed("web"))
            let seen = try #require(server.questions.last { $0[13...].prefix(3).map { $0 | 0x20 } == Array("web".utf8) })
            let start = server.loopChecks.count
            var refused = 0
            let deadline = Deadline(15_000)
            while server.loopChecks.count < start + 3, !deadline.isOver {
                // As the server's questions come by on the wire, they are sent to the forwarder as they are.
                for _ in 0..<20 { refused += ReplyHeader(ask(seen, "127.0.0.1", port))?.rcode == 5 ? 1 : 0 }
                if let check = server.loopChecks.last {
                    #expect(ReplyHeader(ask(check, "127.0.0.1", port))?.answers == 1, "no other client can use it")
                }
                #expect(try isServed("web\(refused)"))
            }
            #expect(refused > 100 && !forwarder.output.contains("forwards to us"), "\(forwarder.output)")
            #expect(try isServed("last"))
        }

        @Test(.enabled(if: Tool.areInstalled("dnsmasq"), "dnsmasq is missing: apt install dnsmasq-base"))
        func `dnsmasq that forwards back is found by the mark of our questions, and alone is not asked`() throws {
            try Circle { try RealServers.dnsmasq(port: $0, forwarder: $1, in: $2) }.expectParked()
        }

        @Test(.enabled(if: Tool.areInstalled("unbound"), "unbound is missing: apt install unbound"))
        func `Unbound that forwards back, and drops marks, is found by a probe's name`() throws {
            try Circle { try RealServers.unbound(port: $0, forwarder: $1, in: $2) }.expectParked()
        }

        /// A cluster's server whose questions can be read by others: it has an address for every name of type A, and no
        /// other data.
        private final class TappedServer: Sendable {
            let port: Int
            private let seen = Mutex<[[UInt8]]>([])
            private let isOver = Mutex(false)

            init() throws {
                port = try FreePort.next(on: ["127.0.0.1"])
                let socket = try TestSocket(.udp, boundTo: "127.0.0.1", port: port)
                Thread.detachNewThread {
                    while !self.isOver.withLock({ $0 }) { socket.answerDatagram(within: 100) { self.answer($0) } }
                }
            }

            func end() { isOver.withLock { $0 = true } }

            var questions: [[UInt8]] { seen.withLock { $0 } }

            /// Questions for the name by which a probe finds loops.
            var loopChecks: [[UInt8]] { questions.filter { $0[13...].starts(with: Array("namebridge-loop-".utf8)) } }

            private func answer(_ question: [UInt8]) -> [UInt8]? {
                guard question.count > 17, let end = question[12...].firstIndex(of: 0) else { return nil }
                seen.withLock { $0.append(question) }
                let isAddress = question[(end + 1)...].starts(with: [0, 1])
                let head = question[..<2] + [0x85, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0]
                let record: [UInt8] = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 9, 9, 7]
                return head + question[12..<(end + 5)] + (isAddress ? record : [])
            }
        }
    }
}
