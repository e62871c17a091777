import Glibc
package import IPAddressing

/// The addresses of this host.
package enum HostAddresses {
    /// True if the host has `address`: the kernel lets a socket be bound to it (bind(2), EADDRNOTAVAIL).
    ///
    /// False for the addresses of services that kube-proxy keeps on `kube-ipvs0`: packets to them go to pods
    /// before any socket of the host sees them.
    ///
    /// Always false on a host that binds to any address (ip(7), ip_nonlocal_bind): there the kernel
    /// can't tell.
    package static func contains(_ address: IPAddress) -> Bool {
        canBind(address) && !canBind(documentation(address.family)) && !isService(address)
    }

    /// True for an address that is loopback's or the host's: what has it runs here.
    package static func isLocal(_ address: IPAddress) -> Bool { address.isLoopback || contains(address) }

    /// True if IPVS takes the packets to `address`.
    private static func isService(_ address: IPAddress) -> Bool {
        guard let ip = ChildProcess.path(of: "ip") else { return false }
        let arguments = ["-o", "addr", "show", "dev", "kube-ipvs0", "to", address.description]
        do throws(Errno) {
            let result = try ChildProcess.run(ip, arguments, timeout: 5_000)
            return result.ending == .exit(status: 0) && !result.output.isEmpty
        } catch {
            return false
        }
    }

    /// False if the host certainly does not have `address`.
    package static func mayHave(_ address: IPAddress) -> Bool {
        do throws(Errno) {
            _ = try bound(to: address)
            return true
        } catch {
            return error != .addressNotAvailable
        }
    }

    /// The addresses of all interfaces, but for loopback and link-local ones; empty if the kernel tells none.
    /// Corresponds to getifaddrs(3).
    package static func all() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var addresses: [IPAddress] = []
        var next = unsafe first
        // Sound: the list ends with nil, and lives until it is freed above. An address of these families has
        // as many octets as its form.
        while let entry = unsafe next {
            if let address = unsafe address(at: entry.pointee.ifa_addr), !address.isLoopback,
                !address.isLinkLocal
            {
                addresses.append(address)
            }
            unsafe next = entry.pointee.ifa_next
        }
        return addresses
    }

    /// Nil for another family than IPv4 and IPv6, and for an interface without an address.
    @unsafe
    private static func address(at source: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
        guard let source = unsafe source else { return nil }
        let length: socklen_t
        switch unsafe Int32(source.pointee.sa_family) {
        case AF_INET: length = socklen_t(MemoryLayout<sockaddr_in>.size)
        case AF_INET6: length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        default: return nil
        }
        return unsafe SocketAddress.load(UnsafeRawPointer(source), length: length)?.endpoint.address
    }

    /// True if a socket can be bound to the address.
    private static func canBind(_ address: IPAddress) -> Bool {
        do throws(Errno) {
            _ = try bound(to: address)
            return true
        } catch {
            return false
        }
    }

    /// A socket that is bound to the address. Corresponds to bind(2)
    private static func bound(to address: IPAddress) throws(Errno) -> FileDescriptor {
        let endpoint = Endpoint(address: address, port: 0)
        return try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
    }

    /// An address that no host has: 192.0.2.1 (RFC 5737) or 2001:db8::1 (RFC 3849).
    private static func documentation(_ family: AddressFamily) -> IPAddress {
        family == .v4 ? IPAddress(v4: 0xC000_0201) : IPAddress(v6: 0x2001_0db8 << 96 | 1)
    }
}
