import CLinux
import Glibc
package import IPAddressing

/// UDP sockets; all of them non-blocking and closed on exec.
package enum DatagramSocket {
    /// The size of the kernel's buffer, in octets; the kernel may grant less (socket(7), SO_RCVBUF).
    private static let bufferSize: Int32 = 4 * 1024 * 1024

    /// A socket that receives from all clients on `endpoint`.
    ///
    /// - Parameters:
    ///   - sharesPort: Other sockets of ours may have the same endpoint; the kernel distributes clients.
    ///   - reportsLocalAddress: Each datagram comes with the address that it was sent to; needed where
    ///     `endpoint` is unspecified and the host has several.
    ///   - absent: The host need not have the address yet.
    package static func listen(
        on endpoint: Endpoint, sharesPort: Bool, reportsLocalAddress: Bool, absent: Bool = false
    ) throws(Errno) -> FileDescriptor {
        let socket = try open(endpoint.address.family)
        if sharesPort { try socket.setOption(SOL_SOCKET, SO_REUSEPORT, 1) }
        if endpoint.address.family == .v6 { try socket.setOption(IPPROTO_IPV6, IPV6_V6ONLY, 1) }
        try prepare(socket, endpoint.address.family, reportsLocalAddress: reportsLocalAddress)
        try socket.bind(to: endpoint, absent: absent)
        return socket
    }

    /// Sets the options that a socket for questions needs, whether this process has made it or inherited it.
    static func prepare(
        _ socket: borrowing FileDescriptor, _ family: AddressFamily, reportsLocalAddress: Bool
    ) throws(Errno) {
        grantBuffers(socket)
        try ignorePathMTU(socket, family)
        guard reportsLocalAddress else { return }
        if family == .v6 {
            try socket.setOption(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        } else {
            try socket.setOption(IPPROTO_IP, IP_PKTINFO, 1)
        }
    }

    /// Lets large datagrams be fragmented instead of failing: the path MTU depends on ICMP, which any
    /// host can forge.
    private static func ignorePathMTU(
        _ socket: borrowing FileDescriptor, _ family: AddressFamily
    ) throws(Errno) {
        if family == .v6 {
            try socket.setOption(IPPROTO_IPV6, IPV6_MTU_DISCOVER, clinux_ipv6_pmtu_omit)
        } else {
            try socket.setOption(IPPROTO_IP, IP_MTU_DISCOVER, clinux_ipv4_pmtu_omit)
        }
    }

    /// A socket that sends to `server` and receives only from it, on a random port of the kernel's choice.
    ///
    /// It also reports ICMP errors of routers and the server's host (ip(7), IP_RECVERR): after an error,
    /// `discardErrors` empties the queue of details. Such a report proves nothing: a sender who knows both
    /// ports can forge it.
    ///
    /// - Parameters:
    ///   - source: The address that its packets come from; nil: the kernel's choice.
    ///   - mark: Of its packets, for rules of routing; 0: none.
    package static func connect(
        to server: Endpoint, from source: IPAddress? = nil, mark: UInt32 = 0
    ) throws(Errno) -> FileDescriptor {
        let socket = try open(server.address.family)
        try socket.setMark(mark)
        if let source { try socket.bindAddress(source) }
        grantBuffers(socket)
        try ignorePathMTU(socket, server.address.family)
        if server.address.family == .v6 {
            try socket.setOption(IPPROTO_IPV6, IPV6_RECVERR, 1)
        } else {
            try socket.setOption(IPPROTO_IP, IP_RECVERR, 1)
        }
        try socket.connect(to: server)
        return socket
    }

    /// Empties the queue of ICMP errors, whose summary a call has already returned. While it holds one, epoll
    /// reports the socket.
    package static func discardErrors(of socket: borrowing FileDescriptor) {
        var octet: UInt8 = 0
        // Ends: each turn takes one error from the queue; the bound is there for a host that is flooded
        // with them.
        for _ in 0..<1024 {
            // Sound: one octet of the datagram that failed is written; the rest is cut off.
            let count = unsafe recv(socket.number, &octet, 1, Int32(MSG_ERRQUEUE | MSG_DONTWAIT))
            guard count >= 0 else { return }
        }
    }

    /// A socket of the family. Corresponds to socket(2)
    private static func open(_ family: AddressFamily) throws(Errno) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall {
                Glibc.socket(
                    family == .v4 ? AF_INET : AF_INET6, clinux_nonblocking_datagram, Int32(IPPROTO_UDP))
            })
    }

    /// Asks for `bufferSize` in both directions.
    private static func grantBuffers(_ socket: borrowing FileDescriptor) {
        socket.tryOption(SOL_SOCKET, SO_RCVBUF, forced: SO_RCVBUFFORCE, to: bufferSize)
        socket.tryOption(SOL_SOCKET, SO_SNDBUF, forced: SO_SNDBUFFORCE, to: bufferSize)
    }
}
