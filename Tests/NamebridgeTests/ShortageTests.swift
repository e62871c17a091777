import Foundation
import Glibc
import IPAddressing
import TestSupport
import Testing

/// A server that has no descriptor left for its clients.
@Suite struct ShortageTests {
    /// Descriptors that the server may have: enough to start with, and for some clients.
    private static let limit = 48

    @Test func `without descriptors the pages and the control socket wait instead of spinning`() throws {
        let socket = "/tmp/namebridge-test-\(UUID().uuidString.prefix(8)).sock"
        let file = try TemporaryFile(
            """
            dns: { listen: ["127.0.0.1:0"], workers: 1 }
            admin: { listen: ["127.0.0.1:0"] }
            clusters: { prod: { dns: [192.0.2.1] } }

            """)
        let server = try Program.start(
            ["serve", "--config", file.path, "--control", socket], descriptors: Self.limit)
        defer {
            server.process.terminate()
            server.process.waitUntilExit()
        }
        var log = ""
        func read(until word: String) throws {
            while !log.contains(word) {  // ends with the log, at the latest when the program ends
                let piece = server.errors.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                log += String(decoding: piece, as: UTF8.self)
            }
            try #require(log.contains(word), "\(log)")
        }
        try read(until: "serving clusters=1")
        let port = try #require(log.firstMatch(of: /url=http:\/\/127\.0\.0\.1:(\d+)\//).flatMap { UInt16($0.1) })
        let clients = (0..<64).map { _ in Self.connect(port) }
        try read(until: "status page accepts no connections")
        #expect(log.contains("Too many open files (EMFILE)"))
        let before = try Self.processorTime(server.process.processIdentifier)
        // A client of the control socket may or may not get a descriptor. A busy loop would spin for this time.
        _ = try Program.run(["status", "--control", socket])
        usleep(1_000_000)
        let used = try Self.processorTime(server.process.processIdentifier) - before
        #expect(used < 50, "\(used) hundredths of a second in one")
        for client in clients { close(client) }
        // The rest is over within a second, and the first attempt may still meet it.
        _ = try Program.run(["status", "--control", socket])
        #expect(try Program.run(["status", "--control", socket]).output.hasPrefix("namebridge "))
        #expect(log.components(separatedBy: "status page accepts no connections").count == 2, "it is told once")
    }

    @Test func `idle TCP connections take no descriptor of questions over UDP`() throws {
        let upstream = try TestUpstream()
        let server = try Serving(clusters: ["prod: { dns: [\"\(upstream.endpoint)\"] }"], workers: 1, descriptors: 64)
        let idle = (0..<200).map { _ in Self.connect(server.port) }
        defer { for client in idle { close(client) } }
        let client = try DatagramClient(server.endpoint)
        for number in 0..<60 {
            usleep(50_000)
            let reply = try client.ask("a\(number).shop.svc.prod.cluster.local", id: UInt16(number))
            #expect(reply.flatMap(TestMessage.answerCount) == 1, "question \(number)")
        }
        try server.expectNoneBlamed()
    }

    @Test func `five hundred clusters share 4,096 descriptors, and none is blamed for that`() throws {
        let upstream = try TestUpstream(isEverywhere: true)
        let clusters = (0..<500).map { number in
            "c\(number): { dns: [\"127.1.\(number / 250).\(number % 250 + 1):\(upstream.endpoint.port)\"] }"
        }
        let server = try Serving(clusters: clusters, workers: 2, descriptors: 4_096)
        let client = try DatagramClient(server.endpoint)
        var failed = 0
        for round in 0..<4 {
            for start in stride(from: 0, to: 500, by: 50) {
                let numbers = start..<start + 50
                for number in numbers {
                    client.send(TestMessage.question("r\(round).shop.svc.c\(number).cluster.local", id: UInt16(number)))
                }
                for _ in numbers where try client.receive().flatMap(TestMessage.answerCount) != 1 { failed += 1 }
            }
        }
        #expect(failed == 0, "of 2000 questions")
        try server.expectNoneBlamed()
    }

    /// A server with few descriptors.
    private final class Serving {
        let port: UInt16
        var endpoint: Endpoint { Endpoint(address: IPAddress(v4: 0x7F00_0001), port: port) }
        private let server: Program.Running
        private let file: TemporaryFile
        private let control = "/tmp/namebridge-test-\(UUID().uuidString.prefix(8)).sock"

        init(clusters: [String], workers: Int, descriptors: Int) throws {
            let head = "dns: { listen: [\"127.0.0.1:0\"], workers: \(workers), cache: { size: 0B } }\nclusters:\n"
            file = try TemporaryFile(head + clusters.map { "  \($0)\n" }.joined())
            server = try Program.start(["serve", "--config", file.path, "--control", control], descriptors: descriptors)
            var log = ""
            while !log.contains("serving clusters") {  // ends with the log, at the latest when the program ends
                let piece = server.errors.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                log += String(decoding: piece, as: UTF8.self)
            }
            port = try #require(log.firstMatch(of: /127\.0\.0\.1:(\d+)/).flatMap { UInt16($0.1) }, "\(log)")
        }

        /// No server was found dead, now or before.
        func expectNoneBlamed() throws {
            server.process.terminate()
            server.process.waitUntilExit()
            let log = String(decoding: server.errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(!log.contains("server down") && !log.contains("cluster down"), "\(log.prefix(2_000))")
        }

        deinit {
            server.process.terminate()
            server.process.waitUntilExit()
        }
    }

    /// A connection that nothing is sent on.
    private static func connect(_ port: UInt16) -> Int32 {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // Every kind of address begins with what sockaddr has; it lives during the call.
        unsafe withUnsafePointer(to: &target) {
            _ = unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return client
    }

    /// In hundredths of a second (proc_pid_stat(5)).
    private static func processorTime(_ process: pid_t) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = (text.split(separator: ")").last ?? "").split(separator: " ")
        return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
    }
}
