import CLinux
import Glibc
package import IPAddressing

/// A listening socket that the service manager has made for this process. Corresponds to sd_listen_fds(3).
package struct InheritedSocket: Hashable, Sendable {
    /// Its descriptor, which `adopt` takes ownership of.
    private let number: Int32
    /// Where it is bound.
    package let endpoint: Endpoint
    /// True for TCP, false for UDP.
    package let isStream: Bool

    /// The first descriptor that is passed on (SD_LISTEN_FDS_START).
    private static let first: Int32 = 3

    /// Those of the `count` (LISTEN_FDS) descriptors passed on that are sockets for UDP or TCP over IP.
    package static func all(count: Int) -> [InheritedSocket] {
        (0..<Int32(clamping: min(max(count, 0), 1024))).compactMap { InheritedSocket(number: first + $0) }
    }

    /// Nil for a descriptor that is not open, or is neither a UDP socket nor a TCP socket that listens.
    package init?(number: Int32) {
        guard fcntl(number, F_GETFD) >= 0, let kind = Self.option(number, SOL_SOCKET, SO_TYPE)
        else { return nil }
        let isListening = Self.option(number, SOL_SOCKET, SO_ACCEPTCONN) == 1
        isStream = kind == Int32(SOCK_STREAM.rawValue)
        guard isStream ? isListening : kind == Int32(SOCK_DGRAM.rawValue) else { return nil }
        let read = try? unsafe SocketAddress.readAddress { (address, length) throws(Errno) in
            // Sound: the kernel writes at most `length` octets.
            try systemCall { unsafe getsockname(number, address, &length) }
        }
        guard let read else { return nil }
        endpoint = read.endpoint
        self.number = number
    }

    /// True for a socket for `[::]` that takes IPv4 as well, which stays so once it is bound (ipv6(7)).
    package var takesBothFamilies: Bool {
        endpoint.address.family == .v6 && endpoint.address.isUnspecified
            && Self.option(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 0
    }

    /// Takes ownership of the socket and sets its options as for our own; call it once.
    package func adopt() throws(Errno) -> FileDescriptor {
        let socket = FileDescriptor(owning: number)
        let number = number
        try systemCall { fcntl(number, F_SETFD, FD_CLOEXEC) }
        try systemCall { fcntl(number, F_SETFL, O_RDWR | O_NONBLOCK) }
        if !isStream {
            try DatagramSocket.prepare(
                socket, endpoint.address.family, reportsLocalAddress: endpoint.address.isUnspecified)
        }
        return socket
    }

    /// The value of an option that is an int; nil for a descriptor that is not a socket. Corresponds
    /// to getsockopt(2).
    private static func option(_ number: Int32, _ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(4)
        // Sound: the kernel writes four octets.
        return unsafe getsockopt(number, level, name, &value, &length) == 0 ? value : nil
    }
}
