import CLinux
import Glibc

/// Reports when files in folders are replaced or written. Corresponds to inotify(7).
package struct FolderWatch: ~Copyable, Sendable {
    /// The descriptor, to be watched for reading.
    package let descriptor: FileDescriptor

    /// Creates a folder watch.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try systemCall { inotify_init1(clinux_inotify_flags) })
    }

    /// Watches the folder at `path`; files that are already there are not reported.
    ///
    /// - Returns: A number for the folder: the same as long as it is the same folder.
    @discardableResult
    package func add(_ path: String) throws(Errno) -> Int32 {
        let number = descriptor.number
        let mask = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)
        // Sound: the path is read during the call.
        return try systemCall { unsafe inotify_add_watch(number, path, mask) }
    }

    /// The names of files that have changed since the last call; without their folders. Ends since each turn
    /// takes what is available.
    package func names() throws(Errno) -> [String] {
        var names: [String] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let number = descriptor.number
        while true {
            let count = try nonBlockingCall {
                // Sound: at most the buffer's count of octets is written into it.
                unsafe buffer.withUnsafeMutableBytes { unsafe read(number, $0.baseAddress, $0.count) }
            }
            guard let count, count > 0 else { return names }
            var start = 0
            while count - start >= 16 {  // each turn goes on by at least a header
                // struct inotify_event: watch, mask, cookie, length of the name that follows, each of 32 bits
                var length: UInt32 = 0
                for index in 0..<4 { length |= UInt32(buffer[start + 12 + index]) << UInt32(8 * index) }
                let size = min(Int(UInt32(littleEndian: length)), count - start - 16)
                let name = buffer[(start + 16)..<(start + 16 + size)].prefix { $0 != 0 }
                names.append(String(decoding: name, as: UTF8.self))
                start += 16 + size
            }
        }
    }
}
