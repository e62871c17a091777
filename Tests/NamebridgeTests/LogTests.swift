import Foundation
import Testing

/// What `serve` writes to standard error.
@Suite struct LogTests {
    /// The log of a server that was started with `log`, up to its line `serving`.
    private func lines(_ log: String) throws -> [String] {
        let file = try TemporaryFile(
            "log: \(log)\ndns: { listen: [\"127.0.0.1:0\"], workers: 1 }\nclusters:\n  prod: { dns: [192.0.2.1] }\n")
        let socket = "/tmp/namebridge-test-\(UUID().uuidString.prefix(8)).sock"
        let running = try Program.start(
            ["serve", "--config", file.path, "--control", socket],
            // Another file than standard error: lines have no priority.
            environment: ["JOURNAL_STREAM": "1:2"])
        defer {
            running.process.terminate()
            running.process.waitUntilExit()
        }
        var text = ""
        while !text.contains("serving") {  // ends with the log, at the latest when the program ends
            let piece = running.errors.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        return text.split(separator: "\n").map(String.init)
    }

    @Test func `each line is a time, which no journal adds, event and key=value`() throws {
        let lines = try lines("{ format: text }")
        #expect(lines.contains { $0.hasSuffix("Z serving clusters=1 workers=1") })
        #expect(lines.contains { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ listening address=127.0.0.1:.*/) != nil })
    }

    @Test func `each line is a JSON object with time, level and event`() throws {
        let lines = try lines("{ format: json }")
        #expect(lines.count >= 3)
        for line in lines {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let members = try #require(object as? [String: String])
            #expect(members["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
            #expect(["notice", "warning"].contains(members["level"]))
            #expect(members["event"]?.isEmpty == false)
        }
        #expect(lines.contains { $0.contains("\"event\":\"serving\",\"clusters\":\"1\",\"workers\":\"1\"") })
    }

    @Test func `in the journal each line begins with its priority`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString).log").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try TemporaryFile("dns: { listen: [\"127.0.0.1:0\"], workers: 1 }\n")
        // The shell's standard error is the file that JOURNAL_STREAM names.
        let result = try Program.runShell(
            "exec 2>'\(path)'; export JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr); "
                + "exec \"$0\" serve --config '\(file.path)' --control /nonexistent/socket --user nobody-such")
        #expect(result.code == 2)
        let log = try String(contentsOfFile: path, encoding: .utf8)
        #expect(log.contains("<3>not started reason="), "\(log)")
    }
}
