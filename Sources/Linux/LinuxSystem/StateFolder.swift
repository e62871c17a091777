import CLinux
import Glibc

/// A folder of small files that outlive a process: each is there as a whole or not at all.
package struct StateFolder: Sendable {
    /// The folder's path.
    package let path: String

    /// Makes the folder if it is missing; its parent must exist. Users other than its owner can't list it,
    /// and can read only files that are written for all.
    package init(path: String) throws(Errno) {
        self.path = path
        // Sound: the path is read during the call.
        if unsafe mkdir(path, 0o700) != 0 {
            let code = clinux_errno()
            guard code == EEXIST else { throw Errno(code: code) }
        } else {
            // Sound: the path is read during the call. The mode is set explicitly, since mkdir(2)
            // applies umask(2).
            try systemCall { unsafe chmod(path, 0o711) }
        }
    }

    /// Makes the folder and its parent if they are missing; every user can list it.
    package init(forAll path: String) throws(Errno) {
        self.path = path
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/")
        if !parent.isEmpty { try FilePath.makeFolder(parent) }
        guard try FilePath.makeFolder(path) == .new else { return }
        // Sound: the path is read during the call. The mode is set explicitly, since mkdir(2) applies
        // umask(2).
        try systemCall { unsafe chmod(path, 0o755) }
    }

    /// The folder at `path`, which exists.
    package init(existing path: String) { self.path = path }

    /// The file of that name, whole; nil if there is none.
    package func read(_ name: String) throws(Errno) -> [UInt8]? {
        do throws(Errno) {
            return try FileContents.read("\(path)/\(name)")
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
    }

    /// Replaces the file of that name by `octets`; it is on the disk when this returns. A symbolic link of
    /// that name is replaced too, and none is followed.
    ///
    /// - Parameter isForAll: Every user may read the file, not only its owner.
    package func write(_ name: String, _ octets: [UInt8], isForAll: Bool = false) throws(Errno) {
        let new = "\(path)/\(name).new"
        // What another user of the folder may have put there, such as a link to a file, is not opened.
        // Sound: the paths are read during the calls.
        if unsafe unlink(new) != 0 {
            let code = clinux_errno()
            guard code == ENOENT else { throw Errno(code: code) }
        }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = FileDescriptor(owning: try systemCall { unsafe open(new, flags, 0o600) })
        try file.write(octets)
        // Sound: changes a file of our own.
        if isForAll { try systemCall { fchmod(file.number, 0o644) } }
        try systemCall { fsync(file.number) }
        try systemCall { unsafe rename(new, "\(path)/\(name)") }
        try synchronize()
    }

    /// Removes the file of that name, if there is one.
    package func remove(_ name: String) throws(Errno) {
        // Sound: the path is read during the call.
        if unsafe unlink("\(path)/\(name)") != 0 {
            let code = clinux_errno()
            guard code == ENOENT else { throw Errno(code: code) }
        }
        try synchronize()
    }

    /// Takes the lock of the file of that name. The lock is held until the descriptor is closed and every
    /// program that was started in the meantime has ended: what a killed process has begun is over before the
    /// next one gets the lock. Nil if another process has it. Corresponds to flock(2).
    package func lock(_ name: String) throws(Errno) -> FileDescriptor? {
        // Sound: the path is read during the call.
        let file = FileDescriptor(
            owning: try systemCall { unsafe open("\(path)/\(name)", O_RDWR | O_CREAT | O_NOFOLLOW, 0o600) })
        let isMine = try nonBlockingCall { flock(file.number, LOCK_EX | LOCK_NB) } != nil
        if isMine { return file }
        return nil
    }

    /// Writes the folder's list of files to the disk.
    private func synchronize() throws(Errno) {
        // Sound: the path is read during the call.
        let folder = FileDescriptor(
            owning: try systemCall { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        try systemCall { fsync(folder.number) }
    }
}

/// Whole files at once.
package enum FileContents {
    /// All octets of the file at `path`, which must not be larger than a few megaoctets.
    package static func read(_ path: String) throws(Errno) -> [UInt8] {
        // Sound: the path is read during the call.
        let file = FileDescriptor(owning: try systemCall { unsafe open(path, O_RDONLY | O_CLOEXEC) })
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {  // each turn reads something, or ends
            // Sound: at most the chunk's count of octets is written into it.
            let count = try systemCall {
                unsafe chunk.withUnsafeMutableBytes {
                    unsafe Glibc.read(file.number, $0.baseAddress, $0.count)
                }
            }
            if count == 0 { return octets }
            octets += chunk[..<count]
        }
    }

    /// Writes `text` to the file at `path` in one call, as the files of /proc/sys require.
    package static func write(_ text: String, to path: String) throws(Errno) {
        // Sound: the path is read during the call.
        let file = FileDescriptor(owning: try systemCall { unsafe open(path, O_WRONLY | O_CLOEXEC) })
        try file.write(Array(text.utf8))
    }

    /// The names in the folder at `path`, in no order; empty if there is none. Corresponds to readdir(3).
    package static func names(in path: String) -> [String] {
        // Sound: the path is read during the call; the folder is closed below.
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {  // ends with the folder
            // Sound: d_name is a C string in the entry, which lives until the next call, and is copied here.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

extension FileDescriptor {
    /// Writes all of `octets`. Corresponds to write(2).
    func write(_ octets: [UInt8]) throws(Errno) { try writeAll(octets, to: number) }
}
