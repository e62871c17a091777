import CLinux
import Glibc
package import IPAddressing

/// TCP sockets; all of them non-blocking, closed on exec, and sending at once (TCP_NODELAY).
package enum StreamSocket {
    /// A socket that accepts connections on `endpoint`.
    ///
    /// - Parameter absent: The host need not have the address yet.
    package static func listen(
        on endpoint: Endpoint, sharesPort: Bool, absent: Bool = false
    ) throws(Errno) -> FileDescriptor {
        let socket = try open(endpoint.address.family)
        // A restarted server binds its port again although old connections linger (socket(7), SO_REUSEADDR).
        try socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { try socket.setOption(SOL_SOCKET, SO_REUSEPORT, 1) }
        if endpoint.address.family == .v6 { try socket.setOption(IPPROTO_IPV6, IPV6_V6ONLY, 1) }
        try socket.bind(to: endpoint, absent: absent)
        try systemCall { Glibc.listen(socket.number, 1024) }
        return socket
    }

    /// A connection that was accepted.
    package struct Accepted: ~Copyable {
        /// The connection.
        package let descriptor: FileDescriptor
        /// The client's address and port.
        package let client: Endpoint

        /// Gives up ownership of the socket.
        package consuming func takeDescriptor() -> FileDescriptor { descriptor }
    }

    /// The next connection; nil if none is waiting. Corresponds to accept4(2).
    package static func accept(from listener: borrowing FileDescriptor) throws(Errno) -> Accepted? {
        var accepted: Int32? = nil
        let number = listener.number
        let read = try unsafe SocketAddress.readAddress { (address, length) throws(Errno) in
            // Sound: the kernel writes at most `length` octets.
            accepted = try nonBlockingCall {
                unsafe clinux_accept4(number, address, &length, clinux_accept_flags)
            }
        }
        guard let accepted else { return nil }
        let descriptor = FileDescriptor(owning: accepted)
        guard let read else { throw Errno(code: EAFNOSUPPORT) }
        // Without it answers wait for the acknowledgement of the one before; an error here does no harm.
        do throws(Errno) { try descriptor.setOption(IPPROTO_TCP, TCP_NODELAY, 1) } catch {}
        return Accepted(descriptor: descriptor, client: read.endpoint)
    }

    /// Begins a connection to `server`; it is established, or has failed, when the socket becomes writable:
    /// see `pendingError`.
    package static func connect(to server: Endpoint) throws(Errno) -> FileDescriptor {
        let socket = try open(server.address.family)
        try socket.setOption(IPPROTO_TCP, TCP_NODELAY, 1)
        do throws(Errno) {
            try socket.connect(to: server)
        } catch {
            guard error.code == EINPROGRESS else { throw error }
        }
        return socket
    }

    /// As `connect`, for a connection that is only to show that it can be made: closing it sends a reset.
    ///
    /// - Parameters:
    ///   - source: The address that its packets come from; nil: the kernel's choice.
    ///   - mark: Of its packets, for rules of routing; 0: none. Needs CAP_NET_ADMIN.
    package static func probe(
        _ server: Endpoint, from source: IPAddress? = nil, mark: UInt32 = 0
    ) throws(Errno) -> FileDescriptor {
        let socket = try open(server.address.family)
        try socket.setMark(mark)
        if let source { try socket.bindAddress(source) }
        // The answer to the first packet is all that is to be seen: the reset follows it, instead of a packet
        // that makes it a connection, which the far end would have to accept.
        try socket.setOption(IPPROTO_TCP, TCP_QUICKACK, 0)
        do throws(Errno) {
            try socket.connect(to: server)
        } catch {
            guard error.code == EINPROGRESS else { throw error }
        }
        try socket.resetOnClose()
        return socket
    }

    /// The result of a read.
    package enum Received: Hashable, Sendable {
        /// So many octets were read.
        case octets(Int)
        /// Nothing has come yet.
        case nothing
        /// The other side sends no more.
        case end
    }

    /// Reads available octets into `buffer`. Corresponds to recv(2).
    package static func receive(
        from socket: borrowing FileDescriptor, into buffer: inout MutableSpan<UInt8>
    ) throws(Errno) -> Received {
        let number = socket.number
        let count = try unsafe buffer.withUnsafeMutableBufferPointer { (target) throws(Errno) -> Int? in
            // Sound: the kernel writes at most `count` octets there.
            try nonBlockingCall { unsafe recv(number, target.baseAddress, target.count, 0) }
        }
        guard let count else { return .nothing }
        return count == 0 ? .end : .octets(count)
    }

    /// Sends as much of `octets` as the kernel accepts; the number sent, 0 if none.
    package static func send(_ octets: Span<UInt8>, on socket: borrowing FileDescriptor) throws(Errno) -> Int
    {
        let number = socket.number
        return try unsafe octets.withUnsafeBufferPointer { (source) throws(Errno) -> Int in
            // Sound: the kernel reads `count` octets.
            try nonBlockingCall {
                unsafe Glibc.send(number, source.baseAddress, source.count, Int32(MSG_NOSIGNAL))
            }
                ?? 0
        }
    }

    /// Closes the sending direction; the other side may still send. Corresponds to shutdown(2).
    package static func endSending(on socket: borrowing FileDescriptor) throws(Errno) {
        let number = socket.number
        try systemCall { shutdown(number, Int32(SHUT_WR)) }
    }

    /// A socket of the family. Corresponds to socket(2)
    private static func open(_ family: AddressFamily) throws(Errno) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall {
                Glibc.socket(
                    family == .v4 ? AF_INET : AF_INET6, clinux_nonblocking_stream, Int32(IPPROTO_TCP))
            })
    }
}
