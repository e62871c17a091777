import Glibc

/// An open file descriptor, owned once and closed at the end of its life.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The kernel's number, for calls that borrow it; do not store it.
    package let number: Int32

    /// Takes ownership of `number`.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // On Linux EINTR and EIO free the number as well (close(2)), so an error needs no handling.
        _ = close(number)
    }
}
