/// The files by which keepalived sees at once whether a relay, or a forwarder, works: 0 if it does, 1 if it
/// does not or nothing is known. The agent writes them, and its guard if the agent is dead or hangs.
package enum TrackedFile {
    /// The folder of an agent's state.
    package static let folder = "/run/namebridge-net"

    /// The files' names begin so.
    package static let prefix = "works-"

    /// The name of the file for a path, as in `office/prod`, or for an address of forwarders, as in
    /// `dns/172.20.0.53`. Keys have no underscore: each path has a file of its own.
    package static func name(of path: String) -> String {
        prefix + String(path.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "-" ? $0 : "_" })
    }

    /// The content of a file.
    package static func text(works: Bool) -> String { works ? "0\n" : "1\n" }
}
