/// An address and a port, as in `172.17.16.10:53` or `[fd00::10]:53`.
@usableFromInline
package struct Endpoint: Hashable, Sendable {
    /// The address.
    @usableFromInline package let address: IPAddress

    /// 0...65535; 0 for listening lets the kernel choose.
    @usableFromInline package let port: UInt16

    /// Creates an endpoint.
    @inlinable
    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `A.B.C.D`, `A.B.C.D:PORT`, `X::Y`, `[X::Y]` or `[X::Y]:PORT`; without a port, `defaultPort`.
    package init?(_ text: some StringProtocol, defaultPort: UInt16) {
        var host = Substring(text)
        var port = defaultPort
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return nil }
            let tail = host[host.index(after: close)...]
            if !tail.isEmpty {
                guard tail.hasPrefix(":"), let read = Self.readPort(tail.dropFirst()) else { return nil }
                port = read
            }
            host = host[host.index(after: host.startIndex)..<close]
            guard host.contains(":") else { return nil }
        } else if let colon = host.firstIndex(of: ":"),
            host[host.index(after: colon)...].firstIndex(of: ":") == nil
        {
            guard let read = Self.readPort(host[host.index(after: colon)...]) else { return nil }
            port = read
            host = host[..<colon]
        }
        guard let address = IPAddress(host) else { return nil }
        self.init(address: address, port: port)
    }

    /// True for an address with a number after its colon that is no port, such as `10.96.0.10:70000`.
    package static func hasWrongPort(_ text: some StringProtocol) -> Bool {
        guard let colon = text.lastIndex(of: ":") else { return false }
        let number = text[text.index(after: colon)...]
        guard !number.isEmpty, number.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        let isPort = UInt16(number).map { $0 > 0 } ?? false
        return !isPort && Endpoint(text[..<colon] + ":1", defaultPort: 1) != nil
    }

    /// A decimal port without leading zeros.
    private static func readPort(_ text: Substring) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt16(text)
    }
}

extension Endpoint: CustomStringConvertible {
    /// As it is shown to people.
    @usableFromInline
    package var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
