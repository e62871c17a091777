import Glibc

/// A file that could not be read.
struct FileError: Error, CustomStringConvertible {
    /// The file's path.
    let path: String
    /// errno(3) of the call that failed; 0 if the file is too large.
    let code: Int32

    /// True if there is no such file.
    var isAbsent: Bool { code == ENOENT || code == ENOTDIR }

    var description: String {
        guard code != 0 else { return "\(path): larger than \(largestFile >> 20) MiB" }
        // Sound: glibc's text is static or the thread's own, and is copied at once.
        return unsafe "\(path): cannot be read: \(String(cString: strerror(code)))"
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
    var octets: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while octets.count <= largestFile {  // each turn reads something, or ends
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
    throw FileError(path: path, code: 0)
}
