import Foundation
import Glibc

/// Ends servers and removes folders when the tests are over, however they end.
///
/// A shell reads what to do from a pipe; the pipe closes when this process is gone, killed or not, and only then it acts.
final class Ending: Sendable {
    static let shared = Ending()

    /// The end of the pipe that is written to; -1 where the shell could not be started.
    private let pipe: Int32

    private init() {
        var ends: [Int32] = [-1, -1]
        // The array has room for both ends.
        guard unsafe Glibc.pipe(&ends) == 0 else {
            pipe = -1
            return
        }
        pipe = ends[1]
        let sink = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
        _ = try? Child(
            ["/bin/sh", "-c", Self.script], environment: ["PATH": "/usr/bin:/bin"], input: ends[0], output: sink,
            errors: sink)
        close(ends[0])
        close(sink)
    }

    /// Kills the process `identifier` at the end.
    func kill(_ identifier: Int32) { tell("kill \(identifier)") }

    /// The process `identifier` has ended already: the number may mean another one by then.
    func forget(_ identifier: Int32) { tell("forget \(identifier)") }

    /// Removes the folder at the end.
    func remove(_ folder: String) { tell("remove \(folder)") }

    private func tell(_ line: String) {
        let octets = Array("\(line)\n".utf8)
        // A line is shorter than PIPE_BUF: it arrives as a whole.
        _ = unsafe octets.withUnsafeBytes { unsafe write(pipe, $0.baseAddress, $0.count) }
    }

    /// Signals that end the tests must not end the shell before it has done its work.
    private static let script = """
        trap '' INT TERM HUP
        living=' ' folders=''
        while read -r verb what; do
            case $verb in
            kill) living="$living$what " ;;
            forget) living=$(printf %s "$living" | sed "s/ $what / /") ;;
            remove) folders="$folders $what" ;;
            esac
        done
        for one in $living; do kill -CONT "$one"; kill -KILL "$one"; done
        for one in $folders; do rm -rf "$one"; done
        """
}

/// A new folder for configurations, zones and logs; removed when the tests are over.
struct TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "namebridge-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        Ending.shared.remove(path)
    }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        let parent = URL(filePath: file).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }

    /// Makes a folder inside and returns its path.
    func folder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        return "\(path)/\(name)"
    }
}
