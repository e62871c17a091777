import CLinux
import Glibc
package import Time

/// The service manager that has started this process, which gets its state. Corresponds to sd_notify(3).
package final class ServiceManager: Sendable {
    /// The socket that messages are sent from.
    private let socket: FileDescriptor
    /// The manager's address, of NOTIFY_SOCKET.
    private let address: String

    /// - Parameter address: Of NOTIFY_SOCKET: a path, or an abstract name after "@".
    /// - Throws: ENAMETOOLONG for an address that can't be one.
    package init(address: String) throws(Errno) {
        self.address = address
        var checked = sockaddr_un()
        // Sound: writes one address, and refuses a name that does not fit.
        try systemCall { unsafe clinux_service_address(&checked, address) }
        socket = FileDescriptor(owning: try systemCall { Glibc.socket(AF_UNIX, clinux_local_datagram, 0) })
        // A manager that is busy is waited for, not for ever.
        var timeout = timeval(tv_sec: 1, tv_usec: 0)
        let number = socket.number
        let size = socklen_t(MemoryLayout<timeval>.size)
        // Sound: the kernel reads one structure.
        try systemCall { unsafe setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &timeout, size) }
    }

    /// A message of sd_notify(3).
    package enum News: Hashable, Sendable {
        /// It serves; also once it has read its configuration again.
        case ready
        /// It reads its configuration again since then; `ready` follows.
        case reloading(since: MonotonicTime)
        /// The service is stopping.
        case stopping
        /// It is alive; see WATCHDOG_USEC.
        case alive
        /// What it is doing, for people; one line.
        case status(String)

        /// The line of the protocol.
        var line: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let since): "RELOADING=1\nMONOTONIC_USEC=\(since.nanoseconds / 1000)"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            case .status(let text): "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
            }
        }
    }

    /// Tells `news` in one message. Corresponds to sendto(2).
    ///
    /// The address is looked up each time: the manager may have been replaced.
    /// - Throws: ECONNREFUSED or ENOENT where it is gone, EAGAIN where it takes nothing for a second.
    package func tell(_ news: [News]) throws(Errno) {
        let text = Array(news.map(\.line).joined(separator: "\n").utf8)
        var target = sockaddr_un()
        // Sound: writes one address, and refuses a name that does not fit.
        let length = try systemCall { unsafe clinux_service_address(&target, address) }
        let number = socket.number
        // Sound: every kind of address begins with what sockaddr has, and the text and the address live
        // during the call.
        _ = try unsafe withUnsafePointer(to: &target) { (pointer) throws(Errno) in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (generic) throws(Errno) in
                try systemCall {
                    unsafe sendto(
                        number, text, text.count, Int32(MSG_NOSIGNAL), generic, socklen_t(length))
                }
            }
        }
    }
}
