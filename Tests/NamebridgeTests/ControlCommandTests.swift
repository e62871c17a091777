import Foundation
import Testing

/// `status` and `flush` against a server that runs, and against none.
@Suite struct ControlCommandTests {
    /// A server without clusters to ask, and its control socket.
    private final class Server {
        let socket: String
        let file: TemporaryFile
        let running: Program.Running

        init() throws {
            socket = "/tmp/namebridge-test-\(UUID().uuidString.prefix(8)).sock"
            file = try TemporaryFile(
                "dns: { listen: [\"127.0.0.1:0\"], workers: 2 }\nclusters:\n  prod: { dns: [192.0.2.1] }\n")
            running = try Program.start(["serve", "--config", file.path, "--control", socket])
            var text = ""
            while !text.contains("serving") {  // ends with the log, at the latest when the program ends
                let piece = running.errors.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                text += String(decoding: piece, as: UTF8.self)
            }
        }

        /// Ends it; the code that it ended with.
        func stop() -> Int32 {
            running.process.terminate()
            running.process.waitUntilExit()
            return running.process.terminationStatus
        }
    }

    @Test func `status shows workers and name servers, for people and for programs`() throws {
        let server = try Server()
        let text = try Program.run(["status", "--control", server.socket])
        #expect(text.code == (text.output.contains("All well.") ? 0 : 1), "the address may be unreachable already")
        let lines = text.output.split(separator: "\n")
        #expect(lines.first?.hasPrefix("namebridge ") == true)
        #expect(lines.contains { $0.hasPrefix("cache: 0 answers, 0 KiB of 64.0 MiB, ") })
        #expect(lines.contains { $0.hasPrefix("all ") })
        #expect(lines.contains { $0.hasPrefix("prod ") && $0.contains("192.0.2.1:53") })
        #expect(!text.output.contains("\u{1B}"))
        let json = try Program.run(["status", "--control", server.socket, "--output", "json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let status = try #require(object as? [String: Any])
        #expect((status["workers"] as? [Any])?.count == 2)
        #expect(status["pid"] as? Int != nil)
        #expect(server.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: server.socket), "the socket goes with the server")
    }

    @Test func `a health check asks whether the server lives, or whether it can answer`() throws {
        let server = try Server()
        let live = try Program.run(["status", "--live", "--control", server.socket])
        #expect(live.code == 0 && live.output == "live\n", "its only name server may be dead")
        let ready = try Program.run(["status", "--ready", "--control", server.socket])
        #expect(ready.code == (ready.output == "ready\n" ? 0 : 1), "the address may be unreachable already")
        #expect(ready.output == "ready\n" || ready.output.hasPrefix("not ready: no cluster can be asked; prod: 192.0.2.1"))
        let json = try Program.run(["status", "--ready", "--output", "json", "--control", server.socket])
        #expect(json.output.contains("\"ready\": "))
        #expect(server.stop() == 0)
        #expect(try Program.run(["status", "--live", "--control", server.socket]).code == 1)
        #expect(try Program.run(["status", "--live", "--ready"]).code == 2)
    }

    @Test func `flush reports how many answers it removed, and which clusters exist`() throws {
        let server = try Server()
        for what in [[], ["prod"], ["web.shop.svc.prod.cluster.local"], ["--below", "cluster.local"]] {
            let flush = try Program.run(["flush", "--control", server.socket] + what)
            #expect(flush.code == 0 && flush.output == "0 answers forgotten\n", "\(what)")
        }
        #expect(try Program.run(["flush", "--control", server.socket, "pord"]).code == 1)
        #expect(server.stop() == 0)
    }

    @Test func `a reload applies a valid file, and nothing of an invalid one`() throws {
        let server = try Server()
        func reload() throws -> (code: Int32, generation: Int?, problems: [String]) {
            let result = try Program.run(["reload", "--control", server.socket, "--output", "json"])
            let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
            let answer = try #require(object)
            return (result.code, answer["generation"] as? Int, answer["problems"] as? [String] ?? [])
        }
        let right = try String(contentsOfFile: server.file.path, encoding: .utf8)
        #expect(try reload() == (0, 2, []))
        let wrong = right.replacingOccurrences(of: "workers", with: "wrokers") + "  staging: { dns: [no-address] }\n"
        try wrong.write(toFile: server.file.path, atomically: true, encoding: .utf8)
        let refused = try reload()
        #expect(refused.code == 2 && refused.generation == 2 && refused.problems.count == 2)
        #expect(refused.problems.first?.hasPrefix("\(server.file.path):1:33: dns.wrokers: ") == true)
        try FileManager.default.removeItem(atPath: server.file.path)
        #expect(try reload().code == 2)
        let more = right + "  staging: { dns: [192.0.2.2] }\n"
        try more.write(toFile: server.file.path, atomically: true, encoding: .utf8)
        kill(server.running.process.processIdentifier, SIGHUP)
        var log = ""
        while !log.contains("reloaded generation=3") {  // ends with the log, at the latest when the program ends
            let piece = server.running.errors.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            log += String(decoding: piece, as: UTF8.self)
        }
        for line in ["reloaded generation=2 clusters=1", ":1:33: dns.wrokers: ", "not reloaded problems=2 generation=2"] {
            #expect(log.contains(line))
        }
        let status = try Program.run(["status", "--control", server.socket, "--output", "json"]).output
        #expect(status.contains("\"failures\": 2") && status.contains("staging"))
        #expect(server.stop() == 0)
    }

    @Test func `a second server leaves the socket of the first alone`() throws {
        let server = try Server()
        let file = try TemporaryFile("dns: { listen: [\"127.0.0.1:0\"] }\n")
        #expect(try Program.run(["serve", "--config", file.path, "--control", server.socket]).code == 1)
        #expect(try Program.run(["status", "--control", server.socket]).output.hasPrefix("namebridge "))
        #expect(server.stop() == 0)
    }

    @Test(
        arguments: [
            (["status"], 1, "no server listens"), (["flush"], 1, "no server listens"),
            (["reload"], 1, "no server listens"),
            (["flush", "a..b"], 2, "a name that is none"), (["flush", "--below"], 2, "below what?"),
            (["flush", "two words"], 2, "neither a key nor a name"),
            (["status", "--output", "xml"], 2, "no such form"),
        ] as [([String], Int32, String)])
    func `without a server the exit code says so`(arguments: [String], code: Int32, reason: String) throws {
        let result = try Program.run(arguments + ["--control", "/nonexistent/control.sock"])
        #expect(result.code == code, "\(reason)")
    }
}
