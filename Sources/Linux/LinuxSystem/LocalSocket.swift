import CLinux
import Glibc

/// Stream sockets with a path in the file system (unix(7)); all of them non-blocking and closed on exec. Use
/// `StreamSocket` to send and receive.
package enum LocalSocket {
    /// A socket that accepts connections at `path`, for its owner and its group (mode 0660).
    ///
    /// - Throws: EADDRINUSE if there is a file at `path`.
    package static func listen(at path: String) throws(Errno) -> FileDescriptor {
        let socket = try open()
        let number = socket.number
        // Sound: the address lives during the call.
        try unsafe withAddress(of: path) { unsafe bind(number, $0, $1) }
        // Early enough: before `listen` no client can connect.
        // Sound: the path is read during the call.
        try systemCall { unsafe chmod(path, 0o660) }
        try systemCall { Glibc.listen(number, 16) }
        return socket
    }

    /// The next connection; nil if none is waiting. Corresponds to accept4(2).
    package static func accept(from listener: borrowing FileDescriptor) throws(Errno) -> FileDescriptor? {
        let number = listener.number
        let accepted = try nonBlockingCall { clinux_accept4(number, nil, nil, clinux_accept_flags) }
        guard let accepted else { return nil }
        return FileDescriptor(owning: accepted)
    }

    /// A connection to the process that listens at `path`.
    ///
    /// - Throws: ENOENT without a socket there, ECONNREFUSED if its process is gone, EACCES, EAGAIN if its
    ///   queue is full.
    package static func connect(to path: String) throws(Errno) -> FileDescriptor {
        let socket = try open()
        let number = socket.number
        // Sound: the address lives during the call.
        try unsafe withAddress(of: path) { unsafe Glibc.connect(number, $0, $1) }
        return socket
    }

    /// The process at the other end of a connection. Corresponds to SO_PEERCRED and SO_PEERGROUPS
    /// of socket(7).
    package static func peer(of socket: borrowing FileDescriptor) throws(Errno) -> Credentials {
        var user = uid_t()
        var group = gid_t()
        let number = socket.number
        // Sound: one number is written to each.
        try systemCall { unsafe clinux_peer_owner(number, &user, &group) }
        var others = [gid_t](repeating: 0, count: 256)
        // Sound: at most `count` numbers are written. A client in more groups than that counts as in none.
        let count = unsafe others.withUnsafeMutableBufferPointer {
            unsafe clinux_peer_groups(number, $0.baseAddress, Int32($0.count))
        }
        return Credentials(user: user, group: group, otherGroups: Array(others.prefix(max(0, Int(count)))))
    }

    /// A stream socket of this kind. Corresponds to socket(2)
    private static func open() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try systemCall { socket(AF_UNIX, clinux_nonblocking_stream, 0) })
    }

    /// Calls `body` with the address of a path.
    private static func withAddress(
        of path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(Errno) {
        var address = sockaddr_un()
        // Sound: writes one address, and refuses a path that does not fit.
        try systemCall { unsafe clinux_local_address(&address, path) }
        // Sound: every kind of address begins with the fields of sockaddr, and its true length is passed too.
        _ = try unsafe withUnsafePointer(to: &address) { (pointer) throws(Errno) in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (generic) throws(Errno) in
                try systemCall { unsafe call(generic, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
        }
    }
}

/// The user and groups of a process (credentials(7)).
package struct Credentials: Hashable, Sendable {
    /// The user's number.
    package let user: UInt32
    /// The main group's number.
    package let group: UInt32
    /// The numbers of further groups.
    package let otherGroups: [UInt32]

    /// Creates credentials.
    package init(user: UInt32, group: UInt32, otherGroups: [UInt32] = []) {
        self.user = user
        self.group = group
        self.otherGroups = otherGroups
    }

    /// Those of this process. Corresponds to geteuid(2) and getegid(2).
    package static var own: Credentials { Credentials(user: geteuid(), group: getegid()) }
}

/// Operations on paths; each is one system call.
package enum FilePath {
    /// `path` as an absolute path: below the current folder if it is relative. Corresponds to getcwd(3).
    package static func fromRoot(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        var folder = [CChar](repeating: 0, count: 4096)
        // Sound: at most the array's count of octets is written, with a NUL at the end.
        guard unsafe getcwd(&folder, folder.count) != nil else { return path }
        let name = String(decoding: folder.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name + "/" + path
    }

    /// True if there is a socket at `path`, false for another file, nil for none. Corresponds to lstat(2).
    package static func isSocket(_ path: String) throws(Errno) -> Bool? {
        // Sound: the path is read during the call.
        let result = unsafe clinux_is_socket(path)
        if result >= 0 { return result == 1 }
        let error = Errno(code: clinux_errno())
        if error.code == ENOENT { return nil }
        throw error
    }

    /// Removes a file or socket. Corresponds to unlink(2).
    package static func remove(_ path: String) throws(Errno) {
        // Sound: the path is read during the call.
        try systemCall { unsafe unlink(path) }
    }

    /// Whether a folder was made.
    package enum Made {
        /// It is new.
        case new
        /// Something is there already.
        case earlier
    }

    /// Makes the folder `path` with mode 0755, unless something is there. Corresponds to mkdir(2).
    @discardableResult
    package static func makeFolder(_ path: String) throws(Errno) -> Made {
        do throws(Errno) {
            // Sound: the path is read during the call.
            try systemCall { unsafe mkdir(path, 0o755) }
            return .new
        } catch {
            guard error.code == EEXIST else { throw error }
            return .earlier
        }
    }

    /// Removes an empty folder. Corresponds to rmdir(2).
    package static func removeFolder(_ path: String) throws(Errno) {
        // Sound: the path is read during the call.
        try systemCall { unsafe rmdir(path) }
    }
}
