import Glibc
package import IPAddressing

/// Endpoints in the kernel's form and back: sockaddr_in and sockaddr_in6, by the offsets that
/// CLinux.c asserts.
enum SocketAddress {
    /// Octets that hold either form.
    static let capacity = 28
    /// Octets of sockaddr_in.
    private static let length4: socklen_t = 16
    /// Octets of sockaddr_in6.
    private static let length6: socklen_t = 28

    /// Writes `endpoint` to `target`, which has room for `capacity` octets; the length of what was written.
    ///
    /// - Parameter scope: The interface's index, used for an IPv6 link-local address alone (RFC 4007 section
    ///   6).
    @inline(__always)
    @unsafe
    static func store(_ endpoint: Endpoint, scope: UInt32, to target: UnsafeMutableRawPointer) -> socklen_t {
        let isV4 = endpoint.address.family == .v4
        unsafe target.storeBytes(of: sa_family_t(isV4 ? AF_INET : AF_INET6), as: sa_family_t.self)
        unsafe target.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
        if isV4 {
            let address = UInt32(truncatingIfNeeded: endpoint.address.bits).bigEndian
            unsafe target.storeBytes(of: address, toByteOffset: 4, as: UInt32.self)
            unsafe target.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            return length4
        }
        unsafe target.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        unsafe store6(endpoint.address, to: target + 8)
        unsafe target.storeBytes(
            of: endpoint.address.isLinkLocal ? scope : 0, toByteOffset: 24, as: UInt32.self)
        return length6
    }

    /// Reads the endpoint at `source`, of which `length` octets were written by the kernel; nil for
    /// another family.
    ///
    /// - Returns: The scope is the interface's index for a link-local address, else 0.
    @inline(__always)
    @unsafe
    static func load(_ source: UnsafeRawPointer, length: socklen_t) -> (endpoint: Endpoint, scope: UInt32)? {
        guard length >= length4 else { return nil }
        let port = unsafe UInt16(bigEndian: source.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch Int32(unsafe source.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            return unsafe (Endpoint(address: load4(source + 4), port: port), 0)
        case AF_INET6 where length >= length6:
            let scope = unsafe source.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
            return unsafe (Endpoint(address: load6(source + 8), port: port), scope)
        default:
            return nil
        }
    }

    /// The IPv4 address in the 4 octets at `source`.
    @inline(__always)
    @unsafe
    static func load4(_ source: UnsafeRawPointer) -> IPAddress {
        IPAddress(v4: UInt32(bigEndian: unsafe source.loadUnaligned(as: UInt32.self)))
    }

    /// The IPv6 address in the 16 octets at `source`.
    @inline(__always)
    @unsafe
    static func load6(_ source: UnsafeRawPointer) -> IPAddress {
        let high = UInt64(bigEndian: unsafe source.loadUnaligned(as: UInt64.self))
        let low = UInt64(bigEndian: unsafe source.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        return IPAddress(v6: UInt128(high) << 64 | UInt128(low))
    }

    /// Writes an IPv6 address to the 16 octets at `target`.
    @inline(__always)
    @unsafe
    static func store6(_ address: IPAddress, to target: UnsafeMutableRawPointer) {
        let high = UInt64(truncatingIfNeeded: address.bits >> 64).bigEndian
        let low = UInt64(truncatingIfNeeded: address.bits).bigEndian
        unsafe target.storeBytes(of: high, as: UInt64.self)
        unsafe target.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
    }
}

extension SocketAddress {
    /// Calls `body` with `endpoint` as a sockaddr.
    static func withAddress<Result>(
        of endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var storage = sockaddr_storage()
        // Sound: sockaddr_storage is larger than `capacity` and aligned for every kind of address.
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let length = unsafe store(endpoint, scope: 0, to: UnsafeMutableRawPointer(pointer))
            return unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, length)
            }
        }
    }

    /// The endpoint that `body` makes the kernel write; nil for a family that is not IP.
    static func readAddress(
        _ body: (UnsafeMutablePointer<sockaddr>, inout socklen_t) throws(Errno) -> Void
    ) throws(Errno) -> (endpoint: Endpoint, scope: UInt32)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // Sound: the kernel writes at most `length` octets, and says how many.
        return try unsafe withUnsafeMutablePointer(to: &storage) {
            (pointer) throws(Errno) -> (endpoint: Endpoint, scope: UInt32)? in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (address) throws(Errno) in
                try unsafe body(address, &length)
            }
            return unsafe load(UnsafeRawPointer(pointer), length: length)
        }
    }
}

extension IPAddress {
    /// True for `fe80::/10`, which has a meaning only together with an interface (RFC 4291 section 2.5.6).
    @inline(__always)
    package var isLinkLocal: Bool { family == .v6 && bits >> 118 == 0b11_1111_1010 }
}
