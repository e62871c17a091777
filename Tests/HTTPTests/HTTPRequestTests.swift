import HTTP
import Testing

/// One request's head, and what is made of it.
struct HTTPCase: Sendable, CustomTestStringConvertible {
    let reason: String
    let head: String
    let expected: Result<Expected, HTTPProblem>

    struct Expected: Hashable, Sendable {
        let path: String
        let host: String?
        var isHead = false
    }

    var testDescription: String { reason }

    init(_ reason: String, _ head: String, _ expected: Result<Expected, HTTPProblem>) {
        self.reason = reason
        self.head = head
        self.expected = expected
    }
}

/// The heads of HTTP requests (RFC 9112).
@Suite struct HTTPRequestTests {
    @Test(arguments: [
        HTTPCase("plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .success(.init(path: "/", host: "a"))),
        HTTPCase(
            "port and case do not matter", "GET / HTTP/1.1\r\nhOST: Relay:9153\r\n\r\n",
            .success(.init(path: "/", host: "relay"))),
        HTTPCase("an IPv6 address", "GET / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", .success(.init(path: "/", host: "[::1]"))),
        HTTPCase(
            "a query is cut off", "HEAD /metrics?x=1 HTTP/1.1\r\nHost: \t a \r\nX: y\r\n\r\n",
            .success(.init(path: "/metrics", host: "a", isHead: true))),
        HTTPCase("1.0 needs no host", "GET /a HTTP/1.0\r\n\r\n", .success(.init(path: "/a", host: nil))),
        HTTPCase(
            "no body is fine", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            .success(.init(path: "/", host: "a"))),
        HTTPCase("a port and more", "GET / HTTP/1.1\r\nHost: localhost:80@evil\r\n\r\n", .failure(.malformed)),
        HTTPCase("a user", "GET / HTTP/1.1\r\nHost: evil@localhost\r\n\r\n", .failure(.malformed)),
        HTTPCase("more after an address", "GET / HTTP/1.1\r\nHost: [::1]evil\r\n\r\n", .failure(.malformed)),
        HTTPCase("an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .failure(.malformed)),
        HTTPCase("a list of hosts", "GET / HTTP/1.1\r\nHost: localhost, evil\r\n\r\n", .failure(.malformed)),
        HTTPCase("1.1 does", "GET / HTTP/1.1\r\n\r\n", .failure(.malformed)),
        HTTPCase("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .failure(.malformed)),
        HTTPCase("another method", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", .failure(.wrongMethod)),
        HTTPCase("a method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n", .failure(.wrongMethod)),
        HTTPCase("another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", .failure(.wrongVersion)),
        HTTPCase("a proxy's target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .failure(.malformed)),
        HTTPCase("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .failure(.malformed)),
        HTTPCase("an octet above ASCII in the target", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", .failure(.malformed)),
        HTTPCase("a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", .failure(.hasBody)),
        HTTPCase("a length written strangely", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", .failure(.hasBody)),
        HTTPCase("chunks", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .failure(.hasBody)),
        HTTPCase("a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", .failure(.malformed)),
        HTTPCase("a folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", .failure(.malformed)),
        HTTPCase("a bare line feed inside a value", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", .failure(.malformed)),
        HTTPCase("a bare carriage return", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", .failure(.malformed)),
        HTTPCase("a NUL", "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", .failure(.malformed)),
        HTTPCase("nothing", "\r\n\r\n", .failure(.malformed)),
        HTTPCase(
            "a long target", "GET /\(String(repeating: "a", count: 1024)) HTTP/1.1\r\nHost: a\r\n\r\n",
            .failure(.targetTooLong)),
    ])
    func `a head is read strictly`(_ test: HTTPCase) {
        var found: Result<HTTPCase.Expected, HTTPProblem>
        do throws(HTTPProblem) {
            let request = try HTTPRequest(parsing: Array(test.head.utf8)[...])
            found = .success(.init(path: request.path, host: request.host, isHead: request.isHead))
        } catch {
            found = .failure(error)
        }
        #expect(found == test.expected)
    }

    @Test func `a head ends with its first empty line`() {
        #expect(HTTPRequest.endOfHead(in: Array("a\r\nb\r\n\r\nc\r\n\r\n".utf8)) == 8)
        #expect(HTTPRequest.endOfHead(in: Array("a\r\n\r".utf8)) == nil)
        #expect(HTTPRequest.endOfHead(in: []) == nil)
    }

    @Test func `no sequence of octets makes it trap`() {
        var state: UInt64 = 42
        let alphabet = Array("GET / HTTP/1.1\r\n: \0hostX\u{7f}".utf8) + [0xFF, 13, 10]
        for _ in 0..<20_000 {
            var octets: [UInt8] = []
            for _ in 0..<(state % 60) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                octets.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            state = state &* 6_364_136_223_846_793_005 &+ 1
            octets += [13, 10, 13, 10]
            _ = try? HTTPRequest(parsing: octets[...])
        }
    }
}
