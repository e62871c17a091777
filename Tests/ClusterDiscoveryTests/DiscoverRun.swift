import Foundation

/// Runs `namebridge discover` with the real kubectl against fake API servers.
final class DiscoverRun {
    let folder: URL
    private var servers: [StandInServer] = []
    private var contexts: [(name: String, server: String)] = []

    struct Result {
        let code: Int32
        let output: String
        let errors: String
    }

    /// The folder of kubectl on PATH; nil if there is none.
    static let kubectlFolder = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
        .split(separator: ":").map(String.init)
        .first { FileManager.default.isExecutableFile(atPath: $0 + "/kubectl") }

    init(_ clusters: [(context: String, cluster: StandInCluster)]) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-discover-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (context, cluster) in clusters {
            let server = try StandInServer { cluster.answer($0) }
            servers.append(server)
            contexts.append((context, "http://\(server.endpoint)"))
        }
        try writeConfiguration()
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Adds a context of a server that is not a fake one.
    func add(_ context: String, server: String) throws {
        contexts.append((context, server))
        try writeConfiguration()
    }

    private func writeConfiguration() throws {
        var text = "apiVersion: v1\nkind: Config\ncurrent-context: \"\(contexts.first?.name ?? "")\"\nclusters:\n"
        for (index, context) in contexts.enumerated() {
            text += "- name: c\(index)\n  cluster: { server: \"\(context.server)\" }\n"
        }
        text += "users:\n- name: jane\n  user: { token: secret }\ncontexts:\n"
        for (index, context) in contexts.enumerated() {
            text += "- name: \"\(context.name)\"\n  context: { cluster: c\(index), user: jane }\n"
        }
        try write(text, to: "config")
    }

    /// Writes a file into the folder of the run; its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = folder.appending(path: name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    /// Runs it to its end.
    func discover(_ arguments: String..., path: String? = nil, configuration: String = "config") throws -> Result {
        try run(["discover"] + arguments, path: path, configuration: configuration)
    }

    /// What `namebridge check` says to `text`.
    func check(_ text: String) throws -> Result { try run(["check", write(text, to: "found.yaml")]) }

    func run(_ arguments: [String], path: String? = nil, configuration: String = "config") throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "namebridge")
        process.arguments = arguments
        process.environment = [
            "PATH": path ?? "\(Self.kubectlFolder ?? ""):/usr/bin:/bin", "HOME": folder.path,
            "KUBECONFIG": folder.appending(path: configuration).path,
        ]
        let output = Pipe()
        let errors = folder.appending(path: "errors")
        try Data().write(to: errors)
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let octets = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, output: String(decoding: octets, as: UTF8.self),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }
}
