import Glibc

/// An open file descriptor, owned once and closed at the end of its life.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The kernel's number, for calls that borrow it; never kept.
    package let number: Int32

    /// Takes ownership of `number`.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // EINTR and EIO free the number as well on Linux (close(2)), so there is nothing to do about an
        // error.
        _ = close(number)
    }
}
