import Foundation
import JSON
import LinuxSystem
import Synchronization
import Testing

/// `namebridge follow` as a process of its own, with its API server and what it works with in a folder.
final class RunningFollower {
    let folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-follow-\(UUID().uuidString)")
    let cluster: Box
    let server: StandInServer
    private let process = Process()
    /// Further programs, which end with it.
    private var others: [Process] = []

    /// The cluster, shared with the server's thread.
    final class Box: Sendable {
        let cluster: Mutex<StandInCluster>
        init(_ cluster: StandInCluster) { self.cluster = Mutex(cluster) }
    }

    /// True if this machine has what the tests of certificates need.
    static let canUseTLS = ["/usr/bin/socat", "/usr/bin/openssl", "\(DiscoverRun.kubectlFolder ?? "")/kubectl"]
        .allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }

    var isRunning: Bool { process.isRunning }

    func terminate() { process.terminate() }

    /// An API server, and a kubeconfig for it; the follower is yet to be started.
    init(unstarted start: StandInCluster) throws {
        let box = Box(start)
        cluster = box
        server = try StandInServer { request in
            let answer = box.cluster.withLock { $0.answer(request) }
            guard request.target.contains("watch=true"), answer?.status == 200 else { return answer }
            return StandInServer.Response(status: 200, body: "", isOpen: true)
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write(
            """
            apiVersion: v1
            kind: Config
            clusters: [{ name: c, cluster: { server: "http://\(server.endpoint)" } }]
            users: [{ name: jane, user: { token: secret } }]
            contexts: [{ name: prod, context: { cluster: c, user: jane } }]

            """, to: "kubeconfig")
    }

    /// A follower that runs.
    ///
    /// - Parameters:
    ///   - arguments: Further arguments. `FOLDER` is the folder, here and in the others.
    ///   - kubectl: A program in its place, in which `KUBECTL` is the path of the real one.
    ///   - more: Further clusters of the configuration.
    convenience init(
        _ start: StandInCluster, arguments: [String] = [], kubectl: String = "", more: String = ""
    ) throws {
        try self.init(unstarted: start)
        if !kubectl.isEmpty {
            let real = "\(DiscoverRun.kubectlFolder ?? "")/kubectl"
            try write(kubectl.replacingOccurrences(of: "KUBECTL", with: real), to: "kubectl", isProgram: true)
        }
        try write(
            "#!/bin/sh\necho $1 $2 >> FOLDER/hooked\ncat $3 > FOLDER/before\ncat $4 > FOLDER/after\n", to: "hook",
            isProgram: true)
        try write(
            """
            clusters:
              prod: { follow: { context: prod, kubeconfig: FOLDER/kubeconfig } }
            \(more)

            """, to: "namebridge.yaml")
        try follow(arguments)
    }

    /// Starts the follower with the configuration in the folder.
    func follow(_ arguments: [String] = []) throws { try start(["follow"] + arguments, process) }

    /// Starts another command, such as `serve`, with the same configuration and facts; its log is `log-serve`.
    func start(_ arguments: [String]) throws {
        let other = Process()
        try start(arguments, other)
        others.append(other)
    }

    private func start(_ arguments: [String], _ process: Process) throws {
        process.executableURL = Self.program
        process.arguments =
            arguments.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) }
            + ["--config", folder.appending(path: "namebridge.yaml").path]
        process.environment = environment
        let log = folder.appending(path: arguments.first == "follow" ? "log" : "log-\(arguments[0])")
        try Data().write(to: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
    }

    /// Starts a program that is not ours.
    func start(_ program: String, _ arguments: [String]) throws -> Process {
        let other = Process()
        other.executableURL = URL(filePath: program)
        other.arguments = arguments.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) }
        other.standardError = FileHandle.nullDevice
        try other.run()
        others.append(other)
        return other
    }

    deinit {
        server.cut()
        for one in [process] + others { Self.end(one) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Ends a process, without waiting for what it started.
    ///
    /// One that is not ours inherits that this process blocks all signals but one. `waitUntilExit` would wait for
    /// its children as well: they have the descriptor by which Foundation learns of the end.
    static func end(_ process: Process) {
        guard process.isRunning else { return }
        let number = process.processIdentifier
        if process.executableURL == program { process.terminate() } else { kill(number, SIGKILL) }
        for _ in 0..<1000 {
            let state = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
            guard let state, !state.contains(") Z ") else { return }
            usleep(10_000)
        }
        kill(number, SIGKILL)
    }

    private static var program: URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "namebridge")
    }

    private var environment: [String: String] {
        [
            "PATH": "\(folder.path):\(DiscoverRun.kubectlFolder ?? ""):/usr/bin:/bin", "HOME": folder.path,
            "NAMEBRIDGE_FACTS": folder.appending(path: "lib/clusters").path,
        ]
    }

    func write(_ text: String, to name: String, isProgram: Bool = false) throws {
        let file = folder.appending(path: name)
        let whole = text.replacingOccurrences(of: "FOLDER", with: folder.path)
        try whole.write(to: file, atomically: true, encoding: .utf8)
        if isProgram { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path) }
    }

    /// The output of another command with the same configuration and facts.
    func command(_ arguments: [String]) throws -> String {
        let command = Process()
        command.executableURL = Self.program
        command.arguments = arguments + ["--config", folder.appending(path: "namebridge.yaml").path]
        command.environment = environment
        let output = Pipe()
        command.standardOutput = output
        try command.run()
        let octets = output.fileHandleForReading.readDataToEndOfFile()
        command.waitUntilExit()
        return String(decoding: octets, as: UTF8.self)
    }

    func text(_ name: String) -> String {
        (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
    }

    var facts: String { text("lib/clusters/prod.yaml") }
    var report: String { text("lib/clusters/prod.json") }

    /// Waits, as long as it may take on a busy machine.
    func wait(_ what: String, until isSo: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(90)
        while ContinuousClock.now < end, !isSo() { try await Task.sleep(for: .milliseconds(50)) }
        try #require(isSo(), "\(what)\n\(text("log"))\n\(facts)\n\(report)")
    }

    /// Tells an event to the watch of a list, once there is one.
    func tell(_ type: String, _ object: JSONValue, to list: String = "/api/v1/nodes") async throws {
        let line = JSONValue.object(["type": .string(type), "object": object]).description + "\n"
        var count = 0
        try await wait("no watch") {
            count = server.send(line, to: list + "?")
            return count > 0
        }
    }
}
