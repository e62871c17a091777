import Foundation
import Glibc
import Testing

/// The query log of a server whose file changes.
@Suite struct QueryLogReloadTests {
    @Test func `a reload starts a query log, and changes its format`() throws {
        let server = try Server("{ format: text }")
        try server.ask("a.example")
        #expect(try server.reload("{ queries: { rcodes: [REFUSED] } }").code == 0)
        try server.ask("b.example")
        try server.read(until: "name=b.example type=A source=refused rcode=REFUSED")
        #expect(try server.reload("{ format: json, queries: { rcodes: [REFUSED] } }").code == 0)
        try server.ask("c.example")
        try server.read(until: "\"name\":\"c.example\"")
        #expect(!server.log.contains("a.example") && !server.log.contains("restart"))
    }

    @Test func `a reload closes a file that was moved away`() throws {
        let section = "{ queries: { output: FOLDER/queries.log } }"
        let server = try Server(section)
        try server.ask("a.example")
        #expect(server.lines(of: "queries.log").count == 1)
        let (old, new) = (server.folder.appending(path: "queries.log"), server.folder.appending(path: "queries.log.1"))
        try FileManager.default.moveItem(at: old, to: new)
        let answer = try server.reload(section)
        #expect(answer.code == 0 && answer.output.contains("\"warnings\": []"), "\(answer.output)")
        try server.ask("b.example")
        #expect(server.lines(of: "queries.log").first?.contains("name=b.example ") == true)
        #expect(server.lines(of: "queries.log.1").count == 1)
    }

    @Test func `a file that cannot be opened any more waits for a restart, and the reload says so`() throws {
        let server = try Server("{ format: text }")
        guard server.log.contains("writes=control-socket") else {
            return print("skipped: this kernel does not keep the server from writing files (landlock)")
        }
        let answer = try server.reload("{ queries: { output: FOLDER/queries.log } }")
        #expect(answer.code == 0 && answer.output.contains("log.queries.output: "), "\(answer.output)")
        #expect(answer.output.contains("nothing is written until a restart"))
        #expect(!FileManager.default.fileExists(atPath: server.folder.appending(path: "queries.log").path))
    }

    /// A server that refuses every name, and writes down what its file says.
    private final class Server {
        let folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-log-\(UUID().uuidString)")
        let running: Program.Running
        private(set) var log = ""
        private var port: UInt16 = 0

        /// - Parameter log: The file's section `log`.
        init(_ section: String) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            let file = folder.appending(path: "namebridge.yaml")
            try Self.text(section, folder).write(to: file, atomically: true, encoding: .utf8)
            running = try Program.start(
                ["serve", "--config", file.path, "--control", folder.appending(path: "c.sock").path]
                    + (geteuid() == 0 ? ["--user", "root"] : []))
            try read(until: "serving clusters")
            let found = log.firstMatch(of: /listening address=127\.0\.0\.1:(\d+)/).flatMap { UInt16($0.1) }
            port = try #require(found)
        }

        deinit {
            running.process.terminate()
            running.process.waitUntilExit()
            try? FileManager.default.removeItem(at: folder)
        }

        private static func text(_ section: String, _ folder: URL) -> String {
            let log = section.replacingOccurrences(of: "FOLDER", with: folder.path)
            return "dns: { listen: [\"127.0.0.1:0\"], workers: 1 }\nlog: \(log)\n"
        }

        func read(until word: String) throws {
            while !log.contains(word) {  // ends with the log, at the latest when the program ends
                let piece = running.errors.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                log += String(decoding: piece, as: UTF8.self)
            }
            try #require(log.contains(word), "\(log)")
        }

        /// The answer of `namebridge reload` to a file with this section.
        func reload(_ section: String) throws -> (code: Int32, output: String) {
            let file = folder.appending(path: "namebridge.yaml")
            try Self.text(section, folder).write(to: file, atomically: true, encoding: .utf8)
            let result = try Program.run(
                ["reload", "--output", "json", "--control", folder.appending(path: "c.sock").path])
            return (result.code, result.output)
        }

        /// Asks for a name, and waits for the refusal.
        func ask(_ name: String) throws {
            let client = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            defer { close(client) }
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = port.bigEndian
            target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var message: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
            for label in name.split(separator: ".") { message += [UInt8(label.utf8.count)] + Array(label.utf8) }
            message += [0, 0, 1, 0, 1]
            // Every kind of address begins with what sockaddr has; it and the message live during the call.
            unsafe withUnsafePointer(to: &target) {
                _ = unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe sendto(client, message, message.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            var watched = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
            try #require(unsafe poll(&watched, 1, 5_000) == 1)
        }

        /// The file of that name in the folder, once it has a line, or after five seconds.
        func lines(of name: String) -> [String] {
            for _ in 0..<500 {
                let text = (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
                if text.hasSuffix("\n") { return text.split(separator: "\n").map(String.init) }
                usleep(10_000)
            }
            return []
        }
    }
}
