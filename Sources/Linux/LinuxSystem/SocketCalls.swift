import CLinux
import Glibc
package import IPAddressing

// Calls on any socket.

extension FileDescriptor {
    /// Corresponds to setsockopt(2) with an int.
    func setOption(_ level: some BinaryInteger, _ option: some BinaryInteger, _ value: Int32) throws(Errno) {
        var value = value
        // Sound: the kernel reads four octets.
        try systemCall { unsafe setsockopt(number, Int32(level), Int32(option), &value, 4) }
    }

    /// Has close(2) send a reset and keep nothing in the kernel. Corresponds to setsockopt(2) with SO_LINGER.
    func resetOnClose() throws(Errno) {
        var value = linger(l_onoff: 1, l_linger: 0)
        // Sound: the kernel reads one linger structure.
        try systemCall {
            unsafe setsockopt(number, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// Gives its packets a mark, which rules of routing see; 0 changes nothing. Corresponds to setsockopt(2)
    /// with SO_MARK, which needs CAP_NET_ADMIN.
    func setMark(_ mark: UInt32) throws(Errno) {
        if mark != 0 { try setOption(SOL_SOCKET, SO_MARK, Int32(bitPattern: mark)) }
    }

    /// Gives its packets a source address; the port is chosen when it is connected (ip(7),
    /// IP_BIND_ADDRESS_NO_PORT), so that ports towards different servers do not run short.
    func bindAddress(_ address: IPAddress) throws(Errno) {
        try setOption(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        try bind(to: Endpoint(address: address, port: 0))
    }

    /// Sets a size with `forced`, which needs CAP_NET_ADMIN and exceeds the host's limit, else with `option`.
    func tryOption(_ level: some BinaryInteger, _ option: Int32, forced: Int32, to value: Int32) {
        do throws(Errno) {
            try setOption(level, forced, value)
        } catch {
            // Best effort: the socket works with the host's usual size, too.
            do throws(Errno) { try setOption(level, option, value) } catch {}
        }
    }

    /// Corresponds to bind(2).
    ///
    /// - Parameter absent: The host need not have the address yet: the socket can be reached once it has
    ///   (ip(7), IP_FREEBIND).
    func bind(to endpoint: Endpoint, absent: Bool = false) throws(Errno) {
        if absent {
            if endpoint.address.family == .v6 {
                try setOption(IPPROTO_IPV6, IPV6_FREEBIND, 1)
            } else {
                try setOption(IPPROTO_IP, IP_FREEBIND, 1)
            }
        }
        // Sound: the address lives during the call.
        try systemCall {
            unsafe SocketAddress.withAddress(of: endpoint) { unsafe Glibc.bind(number, $0, $1) }
        }
    }

    /// Corresponds to connect(2).
    func connect(to endpoint: Endpoint) throws(Errno) {
        // Sound: the address lives during the call.
        try systemCall {
            unsafe SocketAddress.withAddress(of: endpoint) { unsafe Glibc.connect(number, $0, $1) }
        }
    }

    /// The local endpoint of this socket, with the port that the kernel chose. Corresponds to getsockname(2).
    package func localEndpoint() throws(Errno) -> Endpoint {
        let read = try unsafe SocketAddress.readAddress { (address, length) throws(Errno) in
            // Sound: the kernel writes at most `length` octets.
            try systemCall { unsafe getsockname(number, address, &length) }
        }
        guard let read else { throw Errno(code: EAFNOSUPPORT) }
        return read.endpoint
    }

    /// Takes the pending error of this socket; nil for none. Corresponds to getsockopt(2) with SO_ERROR.
    package func pendingError() -> Errno? {
        var code: Int32 = 0
        var length = socklen_t(4)
        // Sound: the kernel writes four octets.
        let result = unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length)
        if result != 0 { return Errno(code: clinux_errno()) }
        return code == 0 ? nil : Errno(code: code)
    }
}
