import Glibc

/// A client's or a fake server's socket on a loopback address; every wait has a deadline.
final class TestSocket: Sendable {
    enum Kind { case udp, tcp }

    let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// A socket connected to a server: the kernel drops what comes from another address or port.
    init(_ kind: Kind, connectedTo address: String, port: Int, from source: String? = nil) throws {
        descriptor = try Self.open(kind, address)
        if let source { try Self.bind(descriptor, source, 0) }
        // The address that is passed on is valid during the call.
        try unsafe Self.call("connect", descriptor, address, port) { unsafe connect($0, $1, $2) }
    }

    /// A socket that waits for questions or connections.
    init(_ kind: Kind, boundTo address: String, port: Int) throws {
        descriptor = try Self.open(kind, address)
        var on: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        try Self.bind(descriptor, address, port)
        if kind == .tcp, listen(descriptor, 64) != 0 { throw TestFailure("listen: \(errno)") }
    }

    private static func open(_ kind: Kind, _ address: String) throws -> Int32 {
        let type = kind == .udp ? SOCK_DGRAM : SOCK_STREAM
        let family = address.contains(":") ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("socket: \(errno)") }
        return descriptor
    }

    private static func bind(_ descriptor: Int32, _ address: String, _ port: Int) throws {
        // The address that is passed on is valid during the call.
        try unsafe call("bind", descriptor, address, port) { unsafe Glibc.bind($0, $1, $2) }
    }

    /// Calls `body` with the socket address of `address` and `port`.
    private static func call(
        _ name: String, _ descriptor: Int32, _ address: String, _ port: Int,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws {
        let result: Int32
        if address.contains(":") {
            var storage = sockaddr_in6()
            storage.sin6_family = sa_family_t(AF_INET6)
            storage.sin6_port = in_port_t(UInt16(port).bigEndian)
            unsafe inet_pton(AF_INET6, address, &storage.sin6_addr)
            // The rebound memory is the structure that lives until the end of the closure.
            result = unsafe withUnsafePointer(to: &storage) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        } else {
            var storage = sockaddr_in()
            storage.sin_family = sa_family_t(AF_INET)
            storage.sin_port = in_port_t(UInt16(port).bigEndian)
            unsafe inet_pton(AF_INET, address, &storage.sin_addr)
            // As above.
            result = unsafe withUnsafePointer(to: &storage) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        guard result == 0 else { throw TestFailure("\(name) \(address) \(port): errno \(errno)") }
    }

    // MARK: - Octets

    /// Sends all octets, or throws.
    func send(_ octets: [UInt8]) throws {
        var sent = 0
        while sent < octets.count {
            // The buffer outlives the call, and `sent` is inside of it.
            let count = unsafe octets.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), octets.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw TestFailure("send: errno \(errno)") }
            sent += count
        }
    }

    /// The next octets, `most` at most; empty at the end of the stream, nil if nothing comes in time.
    func receive(most: Int = 65_535, within milliseconds: Int) -> [UInt8]? {
        guard isReadable(within: milliseconds) else { return nil }
        var octets = [UInt8](repeating: 0, count: most)
        // The buffer has `most` octets.
        let count = unsafe octets.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, most, 0) }
        guard count >= 0 else { return count < 0 && errno == ECONNREFUSED ? nil : [] }
        return Array(octets[..<count])
    }

    /// True once there is something to read or to accept.
    func isReadable(within milliseconds: Int) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, Int32(milliseconds)) > 0
    }

    /// A connection that a client has opened; nil if none comes in time.
    func accept(within milliseconds: Int) -> TestSocket? {
        guard isReadable(within: milliseconds) else { return nil }
        let accepted = Glibc.accept(descriptor, nil, nil)
        return accepted < 0 ? nil : TestSocket(descriptor: accepted)
    }

    /// Says that no more will be sent; answers may still come.
    func shutdownSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Answers each datagram by what `answer` makes of it, until none has come for `milliseconds`.
    func answerDatagram(within milliseconds: Int, _ answer: ([UInt8]) -> [UInt8]?) {
        guard isReadable(within: milliseconds) else { return }
        var octets = [UInt8](repeating: 0, count: 65_535)
        var from = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // Both buffers have the sizes that are given, and live until the end of the closures.
        unsafe withUnsafeMutablePointer(to: &from) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let count = unsafe octets.withUnsafeMutableBytes {
                    unsafe recvfrom(descriptor, $0.baseAddress, 65_535, 0, address, &length)
                }
                guard count > 0, let reply = answer(Array(octets[..<count])) else { return }
                _ = unsafe reply.withUnsafeBytes { unsafe sendto(descriptor, $0.baseAddress, $0.count, 0, address, length) }
            }
        }
    }

    // MARK: - Messages over TCP

    /// Sends a message with its length in front.
    func sendFramed(_ message: [UInt8]) throws { try send(Self.framed(message)) }

    /// A message with its length in front (RFC 1035 section 4.2.2).
    static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
    }

    /// The next message; nil if the stream ends or nothing comes in time.
    func receiveFramed(within milliseconds: Int) -> [UInt8]? {
        let deadline = Deadline(milliseconds)
        guard let prefix = receiveExactly(2, deadline) else { return nil }
        return receiveExactly(Int(prefix[0]) << 8 | Int(prefix[1]), deadline)
    }

    private func receiveExactly(_ count: Int, _ deadline: Deadline) -> [UInt8]? {
        var octets: [UInt8] = []
        while octets.count < count {
            guard let more = receive(most: count - octets.count, within: deadline.left), !more.isEmpty else { return nil }
            octets += more
        }
        return octets
    }
}

/// Ports that no server uses.
enum FreePort {
    /// A port that is free for UDP and TCP on the addresses, below the range that the kernel takes for clients.
    static func next(on addresses: [String] = ["127.0.0.1", "::1"]) throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 10_000..<32_000)
            let isFree = addresses.allSatisfy { address in
                (try? TestSocket(.udp, boundTo: address, port: port)) != nil
                    && (try? TestSocket(.tcp, boundTo: address, port: port)) != nil
            }
            if isFree { return port }
        }
        throw TestFailure("no free port on \(addresses)")
    }
}
