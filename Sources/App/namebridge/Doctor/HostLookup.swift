import IPAddressing
import LinuxSystem

/// Looks up the names of hosts as every program on this host does, with getent(1): a static program has no
/// name services of its own.
enum HostLookup {
    /// `NAME` or `NAME:PORT`; nil if the name has no address, or is none.
    static func endpoint(_ text: String, defaultPort: UInt16) -> Endpoint? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let name = parts.first, isName(name) else { return nil }
        guard let port = parts.count == 2 ? UInt16(parts[1]) : defaultPort, port > 0 else { return nil }
        return addresses(of: String(name))?.first.map { Endpoint(address: $0, port: port) }
    }

    /// The addresses of a host, IPv4 first, in ascending order; nil if there are none.
    static func addresses(of name: String) -> [IPAddress]? {
        guard let path = ChildProcess.path(of: "getent") else { return nil }
        do throws(Errno) {
            let result = try ChildProcess.run(path, ["ahosts", name], timeout: 5_000, outputLimit: 1 << 16)
            let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
            let found = Set(lines.compactMap { $0.split(separator: " ").first.flatMap { IPAddress($0) } })
            return found.isEmpty ? nil : found.sorted()
        } catch {
            return nil
        }
    }

    /// True for letters, digits, dots, hyphens and underscores, beginning with a letter or digit: no option.
    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "-") else { return false }
        return text.utf8.allSatisfy { octet in
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
