import Glibc

/// A file that could not be read.
struct FileError: Error, CustomStringConvertible {
    /// The file's path.
    let path: String
    /// errno(3) of the call that failed; 0 if the file is too large, `notRegular` if it is none.
    let code: Int32
    /// The largest size that is read, in octets.
    var limit = largestFile

    /// The code of a folder, a link, a pipe or a device where a file must be.
    static let notRegular: Int32 = -1

    /// True if there is no such file.
    var isAbsent: Bool { code == ENOENT || code == ENOTDIR }

    var description: String { "\(path): \(reason)" }

    /// What is wrong with the file.
    var reason: String {
        if code == 0 { return "larger than \(limit >> 20) MiB" }
        if code == Self.notRegular { return "not a regular file" }
        // Sound: glibc's text is static or the thread's own, and is copied at once.
        return unsafe "cannot be read: \(String(cString: strerror(code)))"
    }
}

/// Larger than any configuration or zone file, in octets.
private let largestFile = 16 << 20

/// All octets of the file at `path`, at most 16 MiB.
func contents(ofFile path: String) throws(FileError) -> [UInt8] {
    // Sound: the path is read during the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path: path, code: errno) }
    defer { close(descriptor) }
    return try octets(of: descriptor, path, limit: largestFile)
}

/// All octets of the regular file at `path`: a link is not followed, and a pipe is not waited for.
///
/// - Parameter limit: The largest size, in octets.
func contents(ofRegularFile path: String, limit: Int) throws(FileError) -> [UInt8] {
    // Sound: the path is read during the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
        // With O_NOFOLLOW, open(2) fails with ELOOP at a link, and with ENXIO at a socket.
        let code = errno
        throw FileError(path: path, code: code == ELOOP || code == ENXIO ? FileError.notRegular : code)
    }
    defer { close(descriptor) }
    var status = stat()
    // Sound: the kernel writes one structure.
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileError(path: path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
        throw FileError(path: path, code: FileError.notRegular)
    }
    return try octets(of: descriptor, path, limit: limit)
}

/// All octets that an open file has.
private func octets(of descriptor: Int32, _ path: String, limit: Int) throws(FileError) -> [UInt8] {
    var octets: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while octets.count <= limit {  // each turn reads something, or ends
        // Sound: at most `count` octets are written into the chunk.
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            let code = errno
            guard code == EINTR else { throw FileError(path: path, code: code) }
        } else if count == 0 {
            return octets
        } else {
            octets += chunk[..<count]
        }
    }
    throw FileError(path: path, code: 0, limit: limit)
}
