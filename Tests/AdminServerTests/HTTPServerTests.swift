import AdminServer
import HTTP
import IPAddressing
import LinuxSystem
import Testing

/// A client that sends what it likes over TCP.
private final class WebClient {
    private let socket: FileDescriptor
    private let epoll: Epoll

    init(_ server: Endpoint) throws {
        let socket = try StreamSocket.connect(to: server)
        let epoll = try Epoll()
        try epoll.add(socket, .readable, token: 0)
        self.socket = socket
        self.epoll = epoll
    }

    func send(_ text: String) throws {
        _ = try StreamSocket.send(Array(text.utf8).span, on: socket)
    }

    /// The octets received until the connection ends; nil if `milliseconds` pass without any.
    func readToEnd(milliseconds: Int32 = 8000) throws -> String? {
        var events = EpollEvents(capacity: 1)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var text: [UInt8] = []
        while try epoll.wait(into: &events, milliseconds: milliseconds) > 0 {
            var span = buffer.mutableSpan
            guard let received = try? StreamSocket.receive(from: socket, into: &span) else { break }
            switch received {
            case .octets(let count): text += buffer[..<count]
            case .nothing: continue
            case .end: return String(decoding: text, as: UTF8.self)
            }
        }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }
}

@Suite struct HTTPServerTests {
    private static let loopback = Endpoint(address: IPAddress(v4: 0x7F00_0001), port: 0)

    private static func start(
        clients: String = "127.0.0.0/8", respond: @escaping HTTPServer.Responder = { .init(.ok, .text, "you asked \($0.path)\n") }
    ) throws -> HTTPServer {
        let access = HTTPServer.Access(clients: [try IPPrefix(parsing: clients)], hosts: ["Relay1.example.com"])
        return try HTTPServer(listen: [loopback], access: access, respond: respond)
    }

    private static func ask(_ server: HTTPServer, _ request: String) throws -> String {
        let client = try WebClient(try #require(server.endpoints.first))
        try client.send(request)
        return try #require(try client.readToEnd())
    }

    @Test func `a path is answered, again and again`() throws {
        let server = try Self.start()
        defer { server.stop() }
        for _ in 0..<100 {
            let answer = try Self.ask(server, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nyou asked /metrics\n"))
        }
    }

    @Test func `HEAD has the length and no body`() throws {
        let server = try Self.start()
        defer { server.stop() }
        let answer = try Self.ask(server, "HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        #expect(answer.contains("Content-Length: 12\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: ["127.0.0.1", "localhost:9153", "[::1]", "RELAY1.example.com:80"])
    func `the machine is known by its addresses and names`(_ host: String) throws {
        let server = try Self.start()
        defer { server.stop() }
        #expect(try Self.ask(server, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
    }

    @Test(arguments: ["evil.example", "relay1.example.com.evil.example", "127.0.0.1.evil.example", "", "[evil]"])
    func `a request with another host's name is refused`(_ host: String) throws {
        let server = try Self.start()
        defer { server.stop() }
        #expect(try Self.ask(server, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").hasPrefix("HTTP/1.1 421 "))
    }

    @Test func `a refused client gets the reason, and nothing else`() throws {
        let server = try Self.start(clients: "10.0.0.0/8")
        defer { server.stop() }
        let answer = try Self.ask(server, "")
        #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
        #expect(answer.contains("admin.clients"))
    }

    @Test func `a missing page is 404, a malformed request 400, a too long one 431`() throws {
        let server = try Self.start { _ in nil }
        defer { server.stop() }
        #expect(try Self.ask(server, "GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        #expect(try Self.ask(server, "\u{16}\u{3}\u{1}\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
        let long = "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 9000)
        #expect(try Self.ask(server, long).hasPrefix("HTTP/1.1 431 "))
    }

    @Test func `a page larger than any buffer arrives whole`() throws {
        let body = String(repeating: "0123456789abcdef", count: 1 << 18)
        let server = try Self.start { _ in HTTPResponse(.ok, .text, body) }
        defer { server.stop() }
        let answer = try Self.ask(server, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        #expect(answer.utf8.count > body.utf8.count)
        #expect(answer.hasSuffix("0123456789abcdef"))
    }

    @Test func `clients that ask nothing do not block others`() throws {
        let server = try Self.start()
        defer { server.stop() }
        let endpoint = try #require(server.endpoints.first)
        let idle = try (0..<60).map { _ in try WebClient(endpoint) }
        try idle.last?.send("GET / HT")
        #expect(try Self.ask(server, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
    }

    @Test func `a port in use is reported with its key`() throws {
        let server = try Self.start()
        defer { server.stop() }
        let endpoint = try #require(server.endpoints.first)
        let access = HTTPServer.Access(clients: [], hosts: [])
        let error = #expect(throws: HTTPServerError.self) {
            try HTTPServer(listen: [endpoint], access: access) { _ in nil }
        }
        #expect(error?.description.contains("admin.listen") == true)
    }
}
