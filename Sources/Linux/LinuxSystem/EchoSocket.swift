import CLinux
import Glibc
package import IPAddressing

/// Sockets that send echo requests, as ping(8) does; non-blocking and closed on exec.
package enum EchoSocket {
    /// A socket that sends to `address` and receives only from it.
    ///
    /// The kernel's own echo sockets need no right where `net.ipv4.ping_group_range` (icmp(7)) allows them;
    /// elsewhere a raw socket needs CAP_NET_RAW. Packets are not fragmented on their way.
    ///
    /// - Parameter source: The address that its packets come from; nil: the kernel's choice.
    package static func connect(
        to address: IPAddress, from source: IPAddress? = nil
    ) throws(Errno) -> FileDescriptor {
        let socket = try open(address.family)
        if address.family == .v6 {
            try socket.setOption(IPPROTO_IPV6, IPV6_MTU_DISCOVER, 2)  // IPV6_PMTUDISC_DO
            try socket.setOption(IPPROTO_IPV6, IPV6_RECVERR, 1)
        } else {
            try socket.setOption(IPPROTO_IP, IP_MTU_DISCOVER, 2)  // IP_PMTUDISC_DO
            try socket.setOption(IPPROTO_IP, IP_RECVERR, 1)
        }
        if let source { try socket.bind(to: Endpoint(address: source, port: 0)) }
        try socket.connect(to: Endpoint(address: address, port: 0))
        return socket
    }

    /// Corresponds to socket(2).
    private static func open(_ family: AddressFamily) throws(Errno) -> FileDescriptor {
        let (domain, transport) = family == .v4 ? (AF_INET, IPPROTO_ICMP) : (AF_INET6, IPPROTO_ICMPV6)
        do throws(Errno) {
            return FileDescriptor(
                owning: try systemCall {
                    Glibc.socket(domain, clinux_nonblocking_datagram, Int32(transport))
                })
        } catch {
            guard error.code == EACCES || error.code == EPERM else { throw error }
        }
        return FileDescriptor(
            owning: try systemCall { Glibc.socket(domain, clinux_nonblocking_raw, Int32(transport)) })
    }

    /// An echo request (RFC 792, RFC 4443 section 4.1); the kernel adds the sum of IPv6.
    ///
    /// - Parameters:
    ///   - token: By which the reply is recognised.
    ///   - size: Of the packet in octets, with the header of IP; as small as possible at least.
    package static func request(to family: AddressFamily, token: UInt64, size: Int) -> [UInt8] {
        let header = family == .v4 ? 20 : 40
        var message: [UInt8] = [family == .v4 ? 8 : 128, 0, 0, 0]
        message += [UInt8(truncatingIfNeeded: token >> 8), UInt8(truncatingIfNeeded: token), 0, 1]
        message += octets(of: token)
        message += [UInt8](repeating: 0, count: max(0, min(size, 65_535) - header - message.count))
        guard family == .v4 else { return message }
        let sum = checksum(message)
        message[2] = UInt8(sum >> 8)
        message[3] = UInt8(sum & 0xFF)
        return message
    }

    /// True for the reply to the request with this token. A raw socket of IPv4 gives the header of IP too.
    package static func isReply(_ packet: Span<UInt8>, to family: AddressFamily, token: UInt64) -> Bool {
        var start = 0
        if family == .v4, packet.count >= 20, packet[0] >> 4 == 4 { start = Int(packet[0] & 0xF) * 4 }
        guard packet.count - start >= 16, packet[start] == (family == .v4 ? 0 : 129) else { return false }
        let expected = octets(of: token)
        return (0..<8).allSatisfy { packet[start + 8 + $0] == expected[$0] }
    }

    /// The octets of a token, the highest first.
    private static func octets(of token: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: token >> UInt64(56 - 8 * $0)) }
    }

    /// The Internet checksum (RFC 1071) of a message with an even number of octets or one more.
    private static func checksum(_ message: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0  // at most 32,768 times 0xFFFF: no overflow
        for index in stride(from: 0, to: message.count, by: 2) {
            let low = index + 1 < message.count ? UInt32(message[index + 1]) : 0
            sum += UInt32(message[index]) << 8 | low
        }
        let folded = (sum & 0xFFFF) + (sum >> 16)
        return ~UInt16(truncatingIfNeeded: (folded & 0xFFFF) + (folded >> 16))
    }
}
