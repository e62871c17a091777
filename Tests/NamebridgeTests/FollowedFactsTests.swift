import AdminServer
import ClusterDiscovery
import Foundation
import Glibc
import Inventory
import InventoryFile
import JSON
import LinuxSystem
import NetworkPlanning
import Synchronization
import Testing
import Time

@testable import namebridge

/// A server whose clusters are followed: what is found has effect at once.
@Suite struct FollowedFactsTests {
    @Test func `changed facts are used at once, and a changed file is not`() throws {
        let server = try Server(Self.facts(server: "127.0.0.9:5309"))
        #expect(try server.status("json").contains("127.0.0.9:5309"))
        try "mistake: in the file\n".write(
            to: server.folder.appending(path: "namebridge.yaml"), atomically: true, encoding: .utf8)
        try server.write(Self.facts(server: "127.0.0.8:5308"))
        try server.read(until: "reloaded generation=2")
        let json = try server.status("json")
        #expect(json.contains("127.0.0.8:5308"))
        #expect(!json.contains("127.0.0.9:5309"))
        try server.write("facts: 1\ncluster: prod\ncontext: prod\ndns: nonsense\n")
        try server.read(until: "these facts are not used")
        #expect(try server.status("json").contains("127.0.0.8:5308"))
    }

    @Test func `the status says which instruction has changed since it was rendered`() throws {
        let folder = "/tmp/namebridge-rendered-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func inventory(relay: String) throws -> Inventory {
            try #require(
                InventoryFile.read(
                    Array(
                        """
                        clusters: { prod: { dns: [10.96.0.10], pods: [10.244.0.0/16], services: [10.96.0.0/16], nodes: { n1: { address: \(relay) } } } }
                        sites: { office: { networks: [172.16.0.0/18], router: 172.16.0.1 } }
                        paths: [{ from: office, to: prod, via: relay, relays: [n1], source: snat }]
                        """.utf8), name: "x"
                ).inventory)
        }
        let before = try inventory(relay: "172.16.0.9")
        let record = RecordedRendering(format: .linux, host: "office", server: nil, time: 1_000, text: "")
        let text = try #require(record.renewed(from: before))
        try RecordedRendering(format: .linux, host: "office", server: nil, time: 1_000, text: text)
            .write(to: StateFolder(forAll: folder))
        let comparison = RenderingComparison(folder: folder)
        #expect(comparison.changes(before).isEmpty)
        let changed = try #require(comparison.changes(try inventory(relay: "172.16.0.10")).first)
        #expect(changed.addedLines > 0 && changed.addedLines == changed.removedLines && !changed.isGone)
        #expect(changed.words.hasPrefix("the instruction linux for office has changed since it was rendered"))
        #expect(changed.words.hasSuffix("namebridge net render --format linux --host office --record"))
        #expect(comparison.changes(before).isEmpty)
        #expect(comparison.changes(Inventory()).first?.isGone == true)
        #expect(RenderingComparison(folder: folder + "/none").changes(before).isEmpty)
    }

    /// A folder at that path; a pipe and a link are made where `make` says.
    private static func reading(
        earlier: Bool = false, _ make: (String) throws -> Void
    ) throws -> FactsFolder.Reading {
        let folder = "/tmp/namebridge-bad-facts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/prod.yaml"
        try make(path)
        return FactsFolder.adding(
            to: Array("clusters: { prod: { follow: { context: prod } }, other: { dns: [192.0.2.1] } }\n".utf8), folder,
            earlier: earlier ? [.init(path: path, octets: Array(facts(server: "127.0.0.9:5309").utf8))] : [])
    }

    @Test(arguments: [true, false])
    func `a file of facts that is none is a warning, and the facts of before stay`(earlier: Bool) throws {
        let kinds: [(String) throws -> Void] = [
            { try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false) },
            { path in #expect(unsafe mkfifo(path, 0o600) == 0) },
            { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: "/dev/zero") },
            { path in #expect(FileManager.default.createFile(atPath: path, contents: Data(count: 5 << 20))) },
        ]
        for make in kinds {
            let reading = try Self.reading(earlier: earlier, make)
            #expect(reading.warnings.count == 1)
            let text = reading.warnings.first?.description ?? ""
            #expect(text.contains("regular file") || text.contains("larger than 4 MiB"), "\(text)")
            #expect(text.contains("restart \"namebridge follow\""))
            #expect(String(decoding: reading.whole, as: UTF8.self).contains("127.0.0.9:5309") == earlier)
        }
    }

    @Test func `only facts of followed clusters are read, and malformed ones replace none`() throws {
        let malformed = try Self.reading(earlier: true) { try "facts: [".write(toFile: $0, atomically: false, encoding: .utf8) }
        #expect(malformed.warnings.isEmpty == false)
        #expect(String(decoding: malformed.whole, as: UTF8.self).contains("127.0.0.9:5309"))
        let others = try Self.reading { path in
            for name in ["other", "unknown"] {
                let path = path.replacing("prod.yaml", with: "\(name).yaml")
                try "facts: [".write(toFile: path, atomically: false, encoding: .utf8)
            }
        }
        #expect(others.warnings == [])
        #expect(!String(decoding: others.whole, as: UTF8.self).contains("facts: ["))
    }

    @Test func `a map may stand for ranges that are still to be found, and contradicts those that are`() throws {
        func errors(_ facts: [ClusterFacts], _ written: String = "") -> [String] {
            let text = "clusters: { prod: { follow: { context: prod }, map: { 10.244.0.0/16: 10.200.0.0/16 }\(written) } }\n"
            return InventoryFile.errors(Array(text.utf8), with: facts, name: "x").map(\.message)
        }
        func found(_ pods: String, _ services: String?) throws -> ClusterFacts {
            let range = services.map { "\nservices: { value: [\($0)], since: \"2026-07-01T08:30:00Z\", from: x }" } ?? ""
            let text =
                "facts: 1\ncluster: prod\ncontext: prod\n"
                + "pods: { value: [\(pods)], since: \"2026-07-01T08:30:00Z\", from: x }\(range)\n"
            let read = InventoryFile.readFacts(Array(text.utf8), name: "x")
            return try #require(read.facts, "\(read.problems)")
        }
        #expect(errors([]) == [])
        #expect(errors([try found("10.244.0.0/16", "10.96.0.0/16")]) == [])
        // Where services are not found, the range may be theirs.
        #expect(errors([try found("10.245.0.0/16", nil)]) == [])
        let contradiction = errors([try found("10.245.0.0/16", "10.96.0.0/16")])
        #expect(contradiction.count == 1 && contradiction.first?.contains("outside of pods and services") == true)
        #expect(errors([], ", pods: [10.245.0.0/16], services: [10.96.0.0/16]").count == 1)
        // Facts that contradict the map are refused before they are written, and say why.
        let file = try TemporaryFile(
            "clusters: { prod: { follow: { context: prod }, map: { 10.244.0.0/16: 10.200.0.0/16 } } }\n")
        let trial = FactsTrial(configuration: file.path, known: KnownFacts())
        #expect(trial.objection(to: try found("10.244.0.0/16", "10.96.0.0/16")) == nil)
        let objection = try #require(trial.objection(to: try found("10.245.0.0/16", "10.96.0.0/16")))
        #expect(objection.contains("contradicts the configuration") && objection.contains("10.244.0.0/16"))
    }

    @Test func `a second follower of a folder is refused`() throws {
        let path = "/tmp/namebridge-two-followers-\(UUID().uuidString)"
        let folder = try StateFolder(forAll: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let held = try folder.lock("follow.lock")
        let isHeld = held != nil
        #expect(isHeld)
        let file = "\(path)/namebridge.yaml"
        try Server.text.write(toFile: file, atomically: false, encoding: .utf8)
        let run = try Program.run(["follow", "--config", file, "--facts", path])
        #expect(run.code == 1)
        #expect(run.errors.contains("another \\\"namebridge follow\\\" writes to"), "\(run.errors)")
        if let held { _ = held.number }
    }

    @Test func `names are forgotten at most every 500 ms, each of them twice`() {
        func names(_ service: String) -> ChangedNames {
            var names = ChangedNames()
            names.note(service, isGone: false)
            return names
        }
        var purge = NamePurge(cluster: "prod", paths: [])
        let start = MonotonicTime(nanoseconds: 0)
        #expect(purge.nextTime == nil)
        #expect(purge.due(names("a.x"), at: start)?.services == ["a.x"])
        for number in 1..<50 {
            #expect(purge.due(names("b\(number % 2).x"), at: start.advanced(milliseconds: number * 10)) == nil)
        }
        let second = start.advanced(milliseconds: 500)
        #expect(purge.nextTime == second)
        #expect(purge.due(nil, at: second)?.services == ["a.x", "b0.x", "b1.x"])
        #expect(purge.due(nil, at: second.advanced(milliseconds: 500))?.services == ["b0.x", "b1.x"])
        #expect(purge.nextTime == nil)
    }

    @Test func `a server that is older than its follower forgets the answers of the cluster`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString).sock").path
        let asked = Mutex<[String]>([])
        let server = try ControlServer(path: path) { request in
            asked.withLock { $0.append(request.line) }
            guard case .flush(.missed) = request else { return .object([("flushed", .integer(0))]) }
            return .object([("error", .string("unknown request, expected: status, reload, flush"))])
        }
        defer { server.stop() }
        var names = ChangedNames()
        names.areUnknown = true
        var purge = NamePurge(cluster: "prod", paths: [path])
        purge.run(names, at: MonotonicTime(nanoseconds: 0))
        #expect(asked.withLock { $0 } == ["flush missed prod", "flush cluster prod"])
    }

    @Test func `lines of a watch are put together, up to a limit`() {
        var lines = WatchLines()
        var taken: [String] = []
        for piece in ["ab", "c\nd", "\n\nrest"] {
            #expect(lines.add(Array(piece.utf8)) { taken.append(String(decoding: $0, as: UTF8.self)) } == .added)
        }
        #expect(taken == ["abc", "d", ""])
        #expect(lines.rest == Array("rest".utf8))
        let long = [UInt8](repeating: 0x41, count: WatchLines.longest)
        #expect(lines.add(long) { _ in } == .tooLong)
        #expect(lines.isTooLong && lines.rest.isEmpty)
    }

    @Test func `the first facts are used when their folder is made`() throws {
        let server = try Server()
        try FileManager.default.createDirectory(
            at: server.folder.appending(path: "clusters"), withIntermediateDirectories: false)
        try server.write(Self.facts(server: "127.0.0.7:5307"))
        try server.read(until: "reloaded generation=2")
        #expect(try server.status("json").contains("127.0.0.7:5307"))
    }

    @Test func `status tells how it is going with the follower`() throws {
        let server = try Server(Self.facts(server: "127.0.0.9:5309"))
        #expect(try server.status("text").contains("no \"namebridge follow\" reports"))
        let now = Int(Date().timeIntervalSince1970)
        try server.write(
            #"{"answered":\#(now - 20),"state":"following","process":\#(getpid())}"#, to: "prod.json")
        let good = try server.status("text")
        #expect(good.contains("following, as of 2"))
        #expect(good.contains("the ClusterIP"))
        try server.write(
            #"{"answered":\#(now - 700),"state":"failing","reason":"the login has expired","process":\#(getpid())}"#,
            to: "prod.json")
        let stale = try server.status("text")
        #expect(stale.contains("prod: facts are old"))
        #expect(stale.contains("the login has expired"))
    }

    @Test func `check says why facts are refused`() throws {
        let folder = "/tmp/namebridge-refused-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/namebridge.yaml"
        try Server.text.write(toFile: file, atomically: false, encoding: .utf8)
        try #"{"answered":5,"state":"refused","reason":"prod and dev share pods","process":\#(getpid())}"#
            .write(toFile: folder + "/prod.json", atomically: false, encoding: .utf8)
        let run = try Program.run(["check", file], environment: ["NAMEBRIDGE_FACTS": folder])
        #expect(run.output.contains("refused, as of "), "\(run.output)")
        #expect(run.output.contains("prod and dev share pods"), "\(run.output)")
    }

    @Test func `a stale cluster is a problem after ten minutes`() {
        var status = ServerStatus()
        status.followed = [.init(cluster: "prod", state: "failing", reason: "it is down", ageSeconds: 599)]
        #expect(status.troubles == [])
        status.followed[0].ageSeconds = 601
        #expect(status.troubles == ["prod: facts are old: failing, as of 10 min 1 s ago: it is down"])
        #expect(ServerStatus(json: status.json).followed == status.followed)
    }

    private final class Server {
        let folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-facts-\(UUID().uuidString)")
        let running: Program.Running
        private(set) var log = ""

        private var environment: [String: String] { ["NAMEBRIDGE_FACTS": folder.appending(path: "clusters").path] }

        init(_ facts: String? = nil) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            let clusters = folder.appending(path: "clusters")
            if let facts {
                try FileManager.default.createDirectory(at: clusters, withIntermediateDirectories: false)
                try facts.write(to: clusters.appending(path: "prod.yaml"), atomically: true, encoding: .utf8)
            }
            let file = folder.appending(path: "namebridge.yaml")
            try Self.text.write(to: file, atomically: true, encoding: .utf8)
            running = try Program.start(
                ["serve", "--config", file.path, "--control", folder.appending(path: "c.sock").path]
                    + (geteuid() == 0 ? ["--user", "root"] : []),
                environment: ["NAMEBRIDGE_FACTS": clusters.path])
            try read(until: "serving clusters")
        }

        deinit {
            running.process.terminate()
            running.process.waitUntilExit()
            try? FileManager.default.removeItem(at: folder)
        }

        static let text = """
            dns: { listen: ["127.0.0.1:0"], workers: 1 }
            clusters: { prod: { follow: { context: prod } } }

            """

        /// Replaces a file of the facts' folder as a whole.
        func write(_ text: String, to name: String = "prod.yaml") throws {
            try text.write(
                to: folder.appending(path: "clusters").appending(path: name), atomically: true, encoding: .utf8)
        }

        func read(until word: String) throws {
            while !log.contains(word) {  // ends with the log, at the latest when the program ends
                let piece = running.errors.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                log += String(decoding: piece, as: UTF8.self)
            }
            try #require(log.contains(word), "\(log)")
        }

        func status(_ form: String) throws -> String {
            try Program.run(
                ["status", "--output", form, "--control", folder.appending(path: "c.sock").path],
                environment: environment
            ).output
        }
    }

    private static func facts(server: String) -> String {
        """
        facts: 1
        cluster: prod
        context: prod
        dns: { value: [\(server)], since: "2026-07-01T08:30:00Z", from: "the ClusterIP" }

        """
    }
}
