package import LinuxSystem

/// Why the control socket cannot be opened or used: what, where, and what to do.
package enum ControlError: Error, Hashable, Sendable {
    /// Another process answers at this path.
    case isTaken(path: String)
    /// A file that is not a socket is at this path.
    case isNoSocket(path: String)
    /// A call failed.
    case failed(path: String, Errno)
    /// This process may not connect.
    case notAllowed(path: String)
    /// No server listens at any of these paths.
    case noServer(paths: [String])
    /// No whole answer came in time.
    case noAnswer(path: String, milliseconds: Int)
    /// The connection ended before a whole answer had come, or the answer is not valid.
    case unreadable(path: String)
    /// The server refused the request.
    case refused(String)
}

extension ControlError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .isTaken(let path):
            "\(path): another namebridge listens there: stop it, or name another path with --control"
        case .isNoSocket(let path):
            "\(path): a file that is not a socket is there: remove it, or name another path with --control"
        case .failed(let path, let error):
            "\(path): \(error)"
        case .notAllowed(let path):
            "\(path): permission denied: ask as root, or as the server's own user or group"
        case .noServer(let paths):
            "no server listens at \(paths.joined(separator: " or ")): start it (systemctl start namebridge,"
                + " or namebridge serve), or name its socket with --control PATH"
        case .noAnswer(let path, let milliseconds):
            "\(path): the server gave no answer within \(milliseconds / 1000) s: its log may say why"
        case .unreadable(let path):
            "\(path): the server's answer is incomplete or not understood: does it run another version?"
        case .refused(let reason): reason
        }
    }
}
