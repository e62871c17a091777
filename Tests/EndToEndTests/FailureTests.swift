import Glibc
import Testing

extension EndToEnd {
    /// One cluster with two servers, of which one or both fail.
    @Suite struct Failures {
        @Test func `answers keep coming when one of two servers is killed`() throws {
            let twin = try Twin()
            for _ in 0..<10 { #expect(twin.isAnswered()) }
            twin.knot.end()
            for _ in 0..<200 { #expect(twin.isAnswered()) }
        }

        @Test func `answers keep coming when one of two servers falls silent, soon as fast as before`() throws {
            let twin = try Twin()
            for _ in 0..<10 { #expect(twin.isAnswered()) }
            twin.knot.signal(SIGSTOP)
            var slow = 0
            for _ in 0..<200 {
                let start = ContinuousClock.now
                #expect(twin.isAnswered())
                // An answer that waited for the silent server; a busy machine makes some of them, too.
                if start.duration(to: .now) > .milliseconds(300) { slow += 1 }
            }
            #expect(slow < 100)
        }

        @Test func `when all servers are dead the client hears within 2 s which cluster and which servers`() throws {
            let twin = try Twin()
            #expect(twin.isAnswered())
            twin.knot.end()
            twin.nsd.end()
            let reply = try twin.dig()
            #expect(reply.status == "SERVFAIL", "\(reply.text)")
            #expect(reply.milliseconds < 2_500, "2 s, and some for a busy machine: \(reply.milliseconds) ms")
            let reason = reply.errors.joined()
            for word in ["twin", "127.0.0.1:\(twin.knotPort)", "127.0.0.1:\(twin.nsdPort)"] {
                #expect(reason.contains(word), "\(reply.text)")
            }
        }

        @Test func `when all servers are silent the client hears within 2 s, and is answered when they are back`() throws {
            let twin = try Twin()
            #expect(twin.isAnswered())
            try twin.signalAll(SIGSTOP)
            for _ in 0..<3 {
                let reply = try twin.dig()
                #expect(reply.status == "SERVFAIL", "\(reply.text)")
                #expect(reply.milliseconds < 2_500, "2 s, and some for a busy machine: \(reply.milliseconds) ms")
                let reason = reply.errors.joined()
                for word in ["twin", "127.0.0.1:\(twin.knotPort)", "127.0.0.1:\(twin.nsdPort)"] {
                    #expect(reason.contains(word), "\(reply.text)")
                }
            }
            try twin.signalAll(SIGCONT)
            let deadline = Deadline(10_000)
            while !twin.isAnswered(), !deadline.isOver { Deadline.pause() }
            #expect(!deadline.isOver, "answers are back within 10 s")
        }

        @Test func `a server that was started again is asked again`() throws {
            let twin = try Twin()
            twin.knot.end()
            twin.nsd.end()
            #expect(!twin.isAnswered())
            let again = try RealServers.nsd(Twin.cluster, port: twin.nsdPort, in: twin.folder)
            let deadline = Deadline(10_000)
            while !twin.isAnswered(), !deadline.isOver { Deadline.pause() }
            #expect(!deadline.isOver, "answers are back within 10 s")
            again.end()
        }
    }
}

extension EndToEnd.Failures {
    /// A cluster `twin` served by Knot DNS and NSD, and a forwarder to both.
    struct Twin {
        static let cluster = ClusterZone(name: "twin", number: 236)
        let knotPort: Int
        let nsdPort: Int
        let port: Int
        let folder: TemporaryFolder
        let knot: ServerProcess
        let nsd: ServerProcess
        let forwarder: ServerProcess

        init() throws {
            folder = try TemporaryFolder()
            knotPort = try FreePort.next()
            nsdPort = try FreePort.next()
            port = try FreePort.next()
            knot = try RealServers.knot(Self.cluster, port: knotPort, in: folder)
            nsd = try RealServers.nsd(Self.cluster, port: nsdPort, in: folder)
            let text = """
                dns:
                  listen: ["127.0.0.1:\(port)"]
                  cache: { size: 0B }
                  workers: 1
                clusters:
                  twin:
                    dns: ["127.0.0.1:\(knotPort)", "127.0.0.1:\(nsdPort)"]
                """
            forwarder = try RealServers.namebridge("namebridge", text + "\n", port: port, in: folder)
        }

        /// Asks for a name that exists; true if its address comes.
        func isAnswered(within milliseconds: Int = 2_500) -> Bool {
            let reply = ask(question("web.shop.svc.twin.cluster.local"), "127.0.0.1", port, within: milliseconds)
            return ReplyHeader(reply)?.answers == 1
        }

        /// Asks for a name that exists as a person would.
        func dig() throws -> DigReply {
            try EndToEndTests.dig("web.shop.svc.twin.cluster.local A", port: port)
        }

        /// NSD's own processes: the one that was started and its children.
        func signalAll(_ number: Int32) throws {
            knot.signal(number)
            for child in try Tool.run(["pgrep", "-P", "\(nsd.identifier)"]).output.split(separator: "\n") {
                guard let identifier = Int32(child) else { continue }
                for grandchild in try Tool.run(["pgrep", "-P", "\(identifier)"]).output.split(separator: "\n") {
                    if let identifier = Int32(grandchild) { kill(identifier, number) }
                }
                kill(identifier, number)
            }
            nsd.signal(number)
        }
    }
}
