import CLinux
import Glibc

/// Receives the kernel's events. Corresponds to netlink(7).
package struct NetlinkSocket: ~Copyable, Sendable {
    /// The descriptor, to be watched for reading.
    package let descriptor: FileDescriptor

    /// The result of reading.
    package enum Reading: Sendable {
        /// No datagram waits.
        case none
        /// One datagram of the kernel. `namespace` is the number that this process's network namespace has
        /// for the one that it is of; nil: this one.
        case datagram([UInt8], namespace: Int?)
        /// Datagrams were lost for lack of room, so any event may have been missed (ENOBUFS).
        case overrun
    }

    /// NETLINK_ROUTE and NETLINK_NETFILTER.
    package enum Part: Int32, Sendable {
        /// Rtnetlink(7)
        case route = 0
        /// Nf_tables and connection tracking.
        case netfilter = 12
    }

    /// - Parameters:
    ///   - groups: Numbers of multicast groups, 1 and up, as the kernel's headers give them.
    ///   - includesNamespaces: True for events of every network namespace that has a number in this one, as
    ///     those have which a pair of devices leads to. Needs CAP_NET_BROADCAST: without it there are none.
    /// - Throws: EPERM if the process may not join a group.
    package init(_ part: Part, groups: [Int32], includesNamespaces: Bool = false) throws(Errno) {
        descriptor = try Self.open(part, groups)
        // SOL_NETLINK, NETLINK_LISTEN_ALL_NSID.
        if includesNamespaces { do throws(Errno) { try descriptor.setOption(270, 8, 1) } catch {} }
    }

    /// A socket that has joined the groups.
    private static func open(_ part: Part, _ groups: [Int32]) throws(Errno) -> FileDescriptor {
        let opened = FileDescriptor(
            owning: try systemCall { socket(AF_NETLINK, clinux_netlink_type, part.rawValue) })
        opened.tryOption(SOL_SOCKET, SO_RCVBUF, forced: SO_RCVBUFFORCE, to: 4 << 20)
        // An unbound socket receives no events that the kernel causes by itself.
        try systemCall { clinux_bind_netlink(opened.number) }
        for group in groups { try opened.setOption(270, 1, group) }  // SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        return opened
    }

    /// Takes the next datagram, without waiting. Corresponds to recvmsg(2).
    package func receive() throws(Errno) -> Reading {
        var buffer = [UInt8](repeating: 0, count: Self.largestDatagram)
        let number = descriptor.number
        do throws(Errno) {
            var namespace: Int32 = -1
            let count = try nonBlockingCall {
                // Sound: at most the buffer's count of octets is written into it, and one number.
                unsafe buffer.withUnsafeMutableBytes {
                    unsafe clinux_receive_netlink(number, $0.baseAddress, $0.count, &namespace)
                }
            }
            guard let count else { return .none }
            return .datagram(Array(buffer[..<count]), namespace: namespace < 0 ? nil : Int(namespace))
        } catch {
            if error.code == ENOBUFS { return .overrun }
            throw error
        }
    }

    /// The largest datagram of an event, in octets.
    private static let largestDatagram = 65_536
}

/// The devices of this host.
package enum NetworkDevices {
    /// The kernel's number of the device `name`; nil if there is none. Corresponds to if_nametoindex(3).
    package static func index(of name: String) -> Int? {
        // Sound: the name is read during the call.
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : Int(index)
    }
}
