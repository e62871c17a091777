import Glibc

/// This process's standard output, for more text than `print` can write quickly.
package enum StandardOutput {
    /// Writes all of `octets`, after what was printed before. Corresponds to write(2).
    package static func write(_ octets: [UInt8]) throws(Errno) {
        fflush(nil)
        try writeAll(octets, to: STDOUT_FILENO)
    }
}

/// Writes all of `octets` to the descriptor of that number. Corresponds to write(2).
func writeAll(_ octets: [UInt8], to number: Int32) throws(Errno) {
    var rest = octets[...]
    while !rest.isEmpty {  // each turn writes something, or throws
        // Sound: the octets live during the call.
        let count = try systemCall {
            unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        }
        rest = rest.dropFirst(count)
    }
}
