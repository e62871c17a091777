import Foundation
import Glibc

/// A server that runs beside the tests, its output in a file. It ends with the tests at the latest.
final class ServerProcess: Sendable {
    let name: String
    private let child: Child
    private let log: String

    /// Starts `command`, whose first word is a path or a name to be looked up.
    init(_ name: String, _ command: [String], in folder: TemporaryFolder) throws {
        self.name = name
        log = try folder.write("", to: "\(name).log")
        let output = unsafe open(log, O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(output) }
        child = try Child(
            [try Tool.path(of: command[0])] + command.dropFirst(), environment: ProcessInfo.processInfo.environment,
            output: output, errors: output)
        Ending.shared.kill(child.identifier)
    }

    deinit { end() }

    var identifier: Int32 { child.identifier }

    /// What it has written so far.
    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) { child.signal(number) }

    var hasEnded: Bool { !child.isRunning }

    /// Kills it, and returns when it is gone.
    func end() {
        signal(SIGCONT)
        signal(SIGKILL)
        child.wait()
        Ending.shared.forget(identifier)
    }

    /// Asks it to end, as a service manager does; its exit code, or nil if it is not gone in time.
    func terminate(within milliseconds: Int) -> Int32? {
        signal(SIGTERM)
        let deadline = Deadline(milliseconds)
        while child.isRunning, !deadline.isOver { Deadline.pause() }
        return child.isRunning ? nil : child.wait()
    }

    /// Waits until `isReady`; throws with the server's own words where it ends or takes too long.
    func waitUntil(within milliseconds: Int = 30_000, _ isReady: () -> Bool) throws {
        let deadline = Deadline(milliseconds)
        while !isReady() {
            guard child.isRunning, !deadline.isOver else {
                throw TestFailure("\(name) is not ready:\n\(output.suffix(4_000))")
            }
            Deadline.pause()
        }
    }
}

/// What a test could not set up, in words.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A point in time until which something is waited for.
struct Deadline {
    private let end: ContinuousClock.Instant

    init(_ milliseconds: Int) {
        end = .now + .milliseconds(milliseconds)
    }

    var isOver: Bool { left <= 0 }

    /// In milliseconds; 0 when it is over.
    var left: Int {
        let duration = ContinuousClock.now.duration(to: end)
        return max(0, Int(duration / .milliseconds(1)))
    }

    /// The shortest useful time between two looks at something that gives no event when it changes.
    static func pause() { usleep(10_000) }
}

/// A program that is run for its output.
enum Tool {
    /// What came out of a program.
    struct Result {
        let status: Int32
        let output: String
        let errors: String
    }

    /// The path of an installed program.
    static func path(of name: String) throws -> String {
        if name.contains("/") { return name }
        guard let found = installed(name) else { throw TestFailure("\(name) is not installed") }
        return found
    }

    /// Where `name` is installed; nil if it is not.
    static func installed(_ name: String) -> String? {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
            .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// True if all of `names` are installed.
    static func areInstalled(_ names: String...) -> Bool { names.allSatisfy { installed($0) != nil } }

    /// Runs `command` to its end, for 30 s at most.
    static func run(_ command: [String], environment: [String: String] = [:]) throws -> Result {
        let output = try NamelessFile()
        let errors = try NamelessFile()
        let child = try Child(
            [try path(of: "timeout"), "--kill-after=1", "30", try path(of: command[0])] + command.dropFirst(),
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            output: output.descriptor, errors: errors.descriptor)
        let status = child.wait()
        return Result(status: status, output: output.text, errors: errors.text)
    }

    /// The program under test, built into the folder that this test runs from.
    static let namebridge: String? = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
        let beside = [bundle, own].map { URL(filePath: $0).deletingLastPathComponent().path + "/namebridge" }
        return (beside + [packageFile(".build/debug/namebridge")])
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// The path of a file of this package.
    static func packageFile(_ path: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path + "/" + path
    }
}

/// A file without a name, for the output of a child.
private final class NamelessFile {
    let descriptor: Int32

    init() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "namebridge-output-\(UUID().uuidString)").path
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw TestFailure("\(path): errno \(errno)") }
        unsafe unlink(path)
    }

    deinit { close(descriptor) }

    /// All that was written.
    var text: String {
        var octets = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
        // The buffer has the size that is given.
        let count = unsafe octets.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        return String(decoding: octets[..<max(count, 0)], as: UTF8.self)
    }
}
