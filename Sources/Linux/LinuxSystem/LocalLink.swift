import CLinux
import Glibc
package import IPAddressing

/// Whether this host's own link works, as far as it knows.
package enum LocalLink {
    /// What keeps this host from sending anything towards `target`; nil if nothing is known. Sends nothing.
    ///
    /// - Parameter mark: Of the packets, for rules of routing; 0: none.
    package static func fault(towards target: Endpoint, mark: UInt32 = 0) -> String? {
        do throws(Errno) {
            // The kernel chooses the route and the address of a datagram socket when it is connected.
            let socket = try DatagramSocket.connect(to: target, mark: mark)
            let address = try socket.localEndpoint().address
            let links = NetworkInterfaces.all.filter { $0.address == address }
            guard let link = links.first, !links.contains(where: \.isRunning) else { return nil }
            return "the link \(link.name) of this host is down"
        } catch {
            switch error {
            case .networkUnreachable, .hostUnreachable, .networkDown:
                return "this host has no route to \(target.address)"
            default: return nil
            }
        }
    }
}

/// The addresses of this host's interfaces.
package enum NetworkInterfaces {
    /// A neighbour.
    package struct Entry: Hashable, Sendable {
        /// As in `eth0`.
        package let name: String
        /// Its address.
        package let address: IPAddress
        /// It is up, and its cable is in (IFF_UP, IFF_RUNNING).
        package let isRunning: Bool
    }

    /// One entry for each address; empty if the kernel does not tell. Corresponds to getifaddrs(3).
    package static var all: [Entry] {
        var list: UnsafeMutablePointer<ifaddrs>?
        // Sound: the list is glibc's until it is freed below.
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var entries: [Entry] = []
        var next = unsafe list
        while let entry = unsafe next {  // ends: glibc's list has an end
            unsafe next = entry.pointee.ifa_next
            guard let address = unsafe entry.pointee.ifa_addr else { continue }
            // Sound: glibc gives each address in its family's own form.
            let family = unsafe Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let length = socklen_t(family == AF_INET ? 16 : 28)
            guard let read = unsafe SocketAddress.load(UnsafeRawPointer(address), length: length) else {
                continue
            }
            let wanted = UInt32(IFF_UP | IFF_RUNNING)
            unsafe entries.append(
                Entry(
                    name: String(cString: entry.pointee.ifa_name), address: read.endpoint.address,
                    isRunning: entry.pointee.ifa_flags & wanted == wanted))
        }
        return entries
    }
}
