import CLinux
import Glibc

/// The error of a system call. Corresponds to errno(3).
package struct Errno: Error, Hashable, Sendable {
    /// The number, never 0.
    package let code: Int32

    /// Creates an error.
    package init(code: Int32) {
        self.code = code
    }

    /// EADDRINUSE.
    package static let addressInUse = Errno(code: EADDRINUSE)
    /// EADDRNOTAVAIL.
    package static let addressNotAvailable = Errno(code: EADDRNOTAVAIL)
    /// EACCES.
    package static let permissionDenied = Errno(code: EACCES)
    /// ECONNREFUSED.
    package static let connectionRefused = Errno(code: ECONNREFUSED)
    /// ENOENT.
    package static let noSuchFile = Errno(code: ENOENT)
    /// Of open(2) with O_NOFOLLOW, if there is a symbolic link.
    package static let symbolicLink = Errno(code: ELOOP)
    /// ECONNRESET.
    package static let connectionReset = Errno(code: ECONNRESET)
    /// EPIPE.
    package static let brokenPipe = Errno(code: EPIPE)
    /// EHOSTUNREACH.
    package static let hostUnreachable = Errno(code: EHOSTUNREACH)
    /// ENETUNREACH.
    package static let networkUnreachable = Errno(code: ENETUNREACH)
    /// ETIMEDOUT.
    package static let timedOut = Errno(code: ETIMEDOUT)
    /// ENOMEM.
    package static let noMemory = Errno(code: ENOMEM)
    /// ENOBUFS.
    package static let noBuffers = Errno(code: ENOBUFS)
    /// EMSGSIZE.
    package static let messageTooLong = Errno(code: EMSGSIZE)
    /// EMFILE.
    package static let tooManyDescriptors = Errno(code: EMFILE)
    /// ENFILE.
    package static let tooManyDescriptorsInSystem = Errno(code: ENFILE)
    /// Of a call that would have to wait; also of connect(2), if no local port is free.
    package static let tryAgain = Errno(code: EAGAIN)
    /// Of sendmsg(2), if this host's firewall drops the packet.
    package static let notPermitted = Errno(code: EPERM)
    /// ENETDOWN.
    package static let networkDown = Errno(code: ENETDOWN)

    /// The name of the constant, such as `EADDRINUSE`.
    package var name: String {
        // Sound: glibc's string is static, or NULL for an unknown number.
        unsafe clinux_errno_name(code).map { unsafe String(cString: $0) } ?? "errno \(code)"
    }

    /// strerror(3)'s text in English, such as `Address already in use`.
    package var text: String {
        // Sound: glibc's string is static, or NULL for an unknown number.
        unsafe clinux_errno_text(code).map { unsafe String(cString: $0) } ?? "unknown error"
    }
}

extension Errno: CustomStringConvertible {
    /// The number.
    package var description: String { "\(text) (\(name))" }
}

/// Makes a system call until it is not interrupted; nil if it would block.
///
/// EBADF and EFAULT are our own bugs, and trap.
@inline(__always)
func nonBlockingCall<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result? {
    // Ends: EINTR means that a signal came, and workers have all signals blocked.
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = clinux_errno()
        switch code {
        case EINTR: continue
        case EAGAIN: return nil
        default:
            precondition(code != EBADF && code != EFAULT, "a system call was given what we do not own")
            throw Errno(code: code)
        }
    }
}

/// Makes a system call until it is not interrupted; throws EAGAIN like any error.
@inline(__always)
@discardableResult
func systemCall<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    guard let result = try nonBlockingCall(call) else { throw Errno(code: EAGAIN) }
    return result
}
