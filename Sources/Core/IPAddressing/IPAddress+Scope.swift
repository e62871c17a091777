extension IPAddress {
    /// True for an address that is not routed on the Internet: loopback, private (RFC 1918), shared (RFC
    /// 6598), unique local (RFC 4193) and link-local addresses of both families.
    @inlinable
    package var isPrivate: Bool {
        switch family {
        case .v4:
            bits >> 24 == 127 || bits >> 24 == 10 || bits >> 20 == 0xAC1 || bits >> 16 == 0xC0A8
                || bits >> 22 == 0x191 || bits >> 16 == 0xA9FE
        case .v6:
            bits == 1 || bits >> 121 == 0x7E || bits >> 118 == 0x3FA
        }
    }
}
