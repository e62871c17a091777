package import IPAddressing

/// The addresses of this host.
package enum HostAddresses {
    /// True where the host has `address`: the kernel lets a socket be bound to it (bind(2), EADDRNOTAVAIL).
    ///
    /// Always false on a host that binds to any address (ip(7), ip_nonlocal_bind): there is no telling.
    package static func contains(_ address: IPAddress) -> Bool {
        canBind(address) && !canBind(documentation(address.family))
    }

    private static func canBind(_ address: IPAddress) -> Bool {
        let endpoint = Endpoint(address: address, port: 0)
        let socket = try? DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
        return socket != nil
    }

    /// An address that no host has: 192.0.2.1 (RFC 5737) or 2001:db8::1 (RFC 3849).
    private static func documentation(_ family: AddressFamily) -> IPAddress {
        family == .v4 ? IPAddress(v4: 0xC000_0201) : IPAddress(v6: 0x2001_0db8 << 96 | 1)
    }
}
