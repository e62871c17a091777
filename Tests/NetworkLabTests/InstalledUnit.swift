import Foundation

/// A unit of systemd as it is installed.
struct InstalledUnit {
    let text: String

    /// - Parameter name: What stands after `namebridge-`.
    init(_ name: String) { text = (try? String(contentsOf: Self.file(name), encoding: .utf8)) ?? "" }

    static func file(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "systemd/namebridge-\(name).service")
    }

    /// The values of a key, in order.
    func values(_ key: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    /// What setpriv(1) makes of the unit's capabilities.
    var privileges: String {
        let names = values("CapabilityBoundingSet").flatMap { $0.split(separator: " ") }
            .map { "+" + $0.dropFirst("CAP_".count).lowercased() }.joined(separator: ",")
        return "setpriv --bounding-set=-all,\(names) --inh-caps=-all,\(names) --no-new-privs"
    }

    /// The commands of a key as systemd runs them, with the built program, its rights and another file.
    func commands(_ key: String, file: String) -> [String] {
        values(key).map { line in
            // Such a command has all rights (systemd.service(5)).
            if line.hasPrefix("+") { return String(line.dropFirst()) }
            let command = line.replacing("/usr/bin/namebridge", with: Shell.program)
            return "\(privileges) \(command.replacing("/etc/namebridge/namebridge.yaml", with: file))"
        }
    }
}
