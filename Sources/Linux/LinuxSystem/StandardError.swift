import Glibc

/// This process's standard error.
package enum StandardError {
    /// True if standard error is the file that `stream` names by its device and number, as JOURNAL_STREAM
    /// does (systemd.exec(5)). Corresponds to fstat(2).
    package static func isStream(_ stream: String) -> Bool {
        var status = stat()
        // Sound: one structure is written.
        guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}
