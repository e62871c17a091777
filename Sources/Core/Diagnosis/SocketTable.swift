package import IPAddressing

/// The sockets of a host that receive questions, read from /proc/net/udp, udp6, tcp and tcp6 (proc(5)).
package struct SocketTable: Hashable, Sendable {
    /// All sockets that were read.
    package var sockets: [ListeningSocket] = []

    /// Creates a socket table.
    package init() {}

    /// Adds the sockets in a file of one transport; unknown lines are skipped.
    ///
    /// ```
    ///   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
    ///   22: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 12345 ...
    /// ```
    package mutating func read(_ text: String, isStream: Bool) {
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            guard words.count > 9, let endpoint = Self.endpoint(words[1]), let inode = Int(words[9]) else {
                continue
            }
            // 0A is TCP_LISTEN, 07 a datagram socket that is not connected (include/net/tcp_states.h).
            guard words[3] == (isStream ? "0A" : "07") else { continue }
            sockets.append(ListeningSocket(endpoint: endpoint, isStream: isStream, inode: inode))
        }
    }

    /// Sockets that may receive questions to `endpoint`, or keep others from being bound there.
    package func sockets(at endpoint: Endpoint, isStream: Bool) -> [ListeningSocket] {
        sockets.filter { socket in
            guard socket.isStream == isStream, socket.endpoint.port == endpoint.port else { return false }
            let own = socket.endpoint.address
            if own == endpoint.address { return true }
            // `::` receives IPv4 too, unless the socket is restricted to IPv6, which /proc does not show.
            if own.isUnspecified { return own.family == endpoint.address.family || own.family == .v6 }
            return endpoint.address.isUnspecified && endpoint.address.family == own.family
        }
    }

    /// `0100007F:0035`: words of 32 bits in the host's order, then the port.
    private static func endpoint(_ text: Substring) -> Endpoint? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var digits = parts[0]
        var bits: UInt128 = 0
        guard digits.utf8.count == 8 || digits.utf8.count == 32 else { return nil }
        let family: AddressFamily = digits.utf8.count == 8 ? .v4 : .v6
        while !digits.isEmpty {  // ends: takes eight digits each turn
            guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
            bits = bits << 32 | UInt128(UInt32(bigEndian: word))
            digits = digits.dropFirst(8)
        }
        return Endpoint(address: IPAddress(family: family, bits: bits).unmapped, port: port)
    }
}

/// A socket that receives datagrams or connections.
package struct ListeningSocket: Hashable, Sendable {
    /// Where it is bound.
    package var endpoint: Endpoint
    /// True for TCP, false for UDP.
    package var isStream: Bool

    /// The number by which a process's descriptors are matched with the socket.
    package var inode: Int

    /// Creates a listening socket.
    package init(endpoint: Endpoint, isStream: Bool, inode: Int) {
        self.endpoint = endpoint
        self.isStream = isStream
        self.inode = inode
    }
}
