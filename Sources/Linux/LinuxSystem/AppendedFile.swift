import Glibc

/// A file that lines are appended to, by any number of threads.
package final class AppendedFile: Sendable {
    /// The open file.
    private let descriptor: FileDescriptor

    /// Opens the file, which is made with mode 0640 if it is missing. Corresponds to open(2).
    ///
    /// A symbolic link is not followed: root may open the file in a folder of another user, who could make it
    /// write to any file of the host.
    package init(_ path: String) throws(Errno) {
        descriptor = FileDescriptor(
            // Sound: the path is read during the call.
            owning: try systemCall {
                unsafe open(
                    path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0o640)
            })
    }

    /// This process's standard error. Corresponds to fcntl(2) with F_DUPFD_CLOEXEC.
    package init() throws(Errno) {
        descriptor = FileDescriptor(
            owning: try systemCall { fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, Int32(3)) })
    }

    /// Appends `text`. Corresponds to write(2).
    package func append(_ text: String) throws(Errno) {
        try writeAll(Array(text.utf8), to: descriptor.number)
    }
}
