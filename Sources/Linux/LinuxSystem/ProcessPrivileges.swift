import CLinux
import Glibc

/// The privileges of this process, and how it gives up those that it does not need.
package enum ProcessPrivileges {
    /// The privileges after `reduce`.
    package struct Left: Hashable, Sendable {
        /// True if it runs as the requested user.
        package var hasChangedUser: Bool
        /// Ports below 1024 can be bound when the configuration is read again.
        package var mayBindLowPorts: Bool
        /// True if the kernel keeps it from writing files (landlock(7)).
        package var isKeptFromWriting: Bool
    }

    /// True if it runs as root. Corresponds to geteuid(2).
    package static var isRoot: Bool { geteuid() == 0 }

    /// Makes every permitted capability effective. The program of a container image has CAP_NET_BIND_SERVICE
    /// as a permitted capability of its file only, so that it also starts where a container may not have it.
    package static func useAll() throws(Errno) {
        let permitted = try permitted()
        try systemCall { clinux_set_capabilities(permitted) }
    }

    /// Gives up every privilege except CAP_NET_BIND_SERVICE, if it has that. Call it before any thread is
    /// started, since capabilities and landlock rules belong to threads and are inherited.
    ///
    /// - Parameters:
    ///   - user: The user that root becomes, for good; nil: the user stays. If that is root it keeps
    /// CAP_DAC_READ_SEARCH too, so that it can read its configuration again anywhere.
    ///   - socketFolder: The only folder that sockets are made in and removed from afterwards.
    ///   - logFolders: The only folders that files are made in and written to afterwards.
    /// - Throws: EPERM if a privilege could not be given up; the result is checked.
    package static func reduce(
        to user: SystemUser?, socketFolder: String?, logFolders: [String] = []
    ) throws(Errno) -> Left {
        try systemCall { clinux_forbid_new_privileges() }
        try systemCall { clinux_forbid_core() }
        let isKeptFromWriting = try forbidWriting(except: socketFolder, logFolders)
        var kept = UInt64(1) << UInt64(clinux_capability_bind)
        if isRoot, user == nil { kept |= 1 << UInt64(clinux_capability_search) }
        // Needs CAP_SETPCAP: a process without it can't gain what is in the bounding set either.
        for capability in 0...clinux_capability_last where kept & 1 << UInt64(capability) == 0 {
            _ = clinux_drop_bounding(capability)
        }
        let becomes = isRoot ? user : nil
        if let becomes {
            try systemCall { clinux_keep_capabilities(1) }
            try systemCall { clinux_become(becomes.user, becomes.group) }
        }
        try systemCall { clinux_clear_ambient() }
        let left = try permitted() & kept
        try systemCall { clinux_set_capabilities(left) }
        if let becomes {
            try systemCall { clinux_keep_capabilities(0) }
            guard clinux_is(becomes.user, becomes.group) == 1, setuid(0) != 0 else {
                throw Errno(code: EPERM)
            }
        }
        guard try permitted() & ~kept == 0 else { throw Errno(code: EPERM) }
        return Left(
            hasChangedUser: becomes != nil, mayBindLowPorts: left & 1 << UInt64(clinux_capability_bind) != 0,
            isKeptFromWriting: isKeptFromWriting)
    }

    /// Writes a line to standard error when a fatal signal, such as the trap of a broken invariant, ends the
    /// process. Corresponds to sigaction(2).
    package static func reportFatalSignals() throws(Errno) {
        try systemCall { clinux_report_fatal_signals() }
    }

    /// The permitted capabilities, one bit each. Corresponds to capget(2)
    private static func permitted() throws(Errno) -> UInt64 {
        var set: UInt64 = 0
        // Sound: one number is written.
        try systemCall { unsafe clinux_get_capabilities(&set) }
        return set
    }

    /// False if the kernel has no landlock(7), or was started without it.
    private static func forbidWriting(
        except folder: String?, _ logFolders: [String]
    ) throws(Errno) -> Bool {
        let version = clinux_landlock_version()
        guard version >= 1 else { return false }
        let rights = clinux_landlock_write | (version >= 3 ? clinux_landlock_truncate : 0)
        let rules = FileDescriptor(owning: try systemCall { clinux_landlock_create(rights) })
        let number = rules.number
        if let folder {
            // Sound: the paths are read during the calls.
            try systemCall { unsafe clinux_landlock_allow(number, folder, clinux_landlock_socket) }
            let parent = FilePath.parent(of: folder)
            try systemCall { unsafe clinux_landlock_allow(number, parent, clinux_landlock_remove_folder) }
        }
        for folder in logFolders {
            // Sound: the path is read during the call.
            try systemCall { unsafe clinux_landlock_allow(number, folder, clinux_landlock_append) }
        }
        try systemCall { clinux_landlock_restrict(number) }
        return true
    }
}

/// A user of this host and its first group.
package struct SystemUser: Hashable, Sendable {
    /// The user's name.
    package let name: String
    /// The user's number.
    package let user: UInt32
    /// The number of its main group.
    package let group: UInt32

    package init(name: String, user: UInt32, group: UInt32) {
        self.name = name
        self.user = user
        self.group = group
    }

    /// Nil if /etc/passwd has none of that name. Corresponds to fgetpwent(3): for the main thread alone.
    package init?(named name: String) {
        var user = uid_t()
        var group = gid_t()
        // Sound: the name is read and one number is written to each during the call.
        guard unsafe clinux_find_user(name, &user, &group) == 1 else { return nil }
        self.name = name
        self.user = user
        self.group = group
    }
}

extension FilePath {
    /// The folder of `path`.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// True if there is a folder at `path`. Corresponds to opendir(3).
    package static func isFolder(_ path: String) -> Bool {
        // Sound: the path is read during the call; the folder is closed at once.
        guard let folder = unsafe opendir(path) else { return false }
        unsafe closedir(folder)
        return true
    }

    /// Gives the folder `path` to `user`; a symbolic link is not followed. Corresponds to fchownat(2).
    package static func give(_ path: String, to user: SystemUser) throws(Errno) {
        // Sound: the path is read during the call.
        try systemCall { unsafe fchownat(AT_FDCWD, path, user.user, user.group, AT_SYMLINK_NOFOLLOW) }
    }
}
