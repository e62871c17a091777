import Foundation

/// Runs the program that was built with these tests.
enum Program {
    /// The folder that holds `Package.swift`.
    static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A command with a demo of its own, whichever other one runs on this host.
    static func demo(_ command: String, _ words: [String]) -> [String] {
        [command, "--demo", "--demo-zones", package.appending(path: "config/demo").path] + words
    }

    /// What a run has left.
    struct Result {
        let code: Int32
        let output: String
        /// What went to standard error; empty if it was not kept.
        var errors = ""
    }

    /// A program that runs.
    struct Running {
        let process: Process
        let errors: Pipe
    }

    /// Runs it to its end.
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Result {
        let output = Pipe()
        let process = make(arguments, environment)
        process.standardOutput = output
        // A file takes any number of errors while the output is read.
        let log = FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString).errors")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: log) }
        let errors = try FileHandle(forWritingTo: log)
        process.standardError = errors
        try process.run()
        let octets = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try errors.close()
        return Result(
            code: process.terminationStatus, output: String(decoding: octets, as: UTF8.self),
            errors: try String(contentsOf: log, encoding: .utf8))
    }

    /// Runs a line of the shell, in which $0 is the program.
    static func runShell(_ line: String) throws -> Result {
        let process = make([], [:])
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", line, folder.appending(path: "namebridge").path]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Result(code: process.terminationStatus, output: "")
    }

    /// Starts it; its standard error stream can be read.
    ///
    /// - Parameters:
    ///   - descriptors: The most that it may have open; nil: as many as the tests.
    ///   - output: What its standard output goes to.
    static func start(
        _ arguments: [String], environment: [String: String] = [:], descriptors: Int? = nil,
        output: FileHandle = .nullDevice
    ) throws -> Running {
        let errors = Pipe()
        let process = make(arguments, environment)
        if let descriptors {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments =
                ["-c", "ulimit -n \(descriptors); exec \"$0\" \"$@\"", folder.appending(path: "namebridge").path] + arguments
        }
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return Running(process: process, errors: errors)
    }

    private static func make(_ arguments: [String], _ environment: [String: String]) -> Process {
        let process = Process()
        process.executableURL = folder.appending(path: "namebridge")
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        return process
    }

    /// The folder of the tests' own executable: the program is built into the same one.
    private static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()
}

/// A file that is gone at the end of this value's life.
final class TemporaryFile {
    let path: String

    init(_ text: String) throws {
        path =
            FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString).yaml")
            .path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
