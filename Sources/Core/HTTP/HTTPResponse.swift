/// An answer to an HTTP request; the connection ends with it.
package struct HTTPResponse: Hashable, Sendable {
    /// The status code.
    package let status: Status
    /// The media type of the body.
    package let type: MediaType
    /// The body as text.
    package let body: String
    /// Lets the page's own style and script run (CSP); nil if there is none.
    package let nonce: String?

    /// Creates an HTTP response.
    package init(_ status: Status = .ok, _ type: MediaType, _ body: String, nonce: String? = nil) {
        self.status = status
        self.type = type
        self.body = body
        self.nonce = nonce
    }

    /// The response that reports a problem.
    package init(_ problem: HTTPProblem) {
        self.init(problem.status, .text, problem.text + "\n")
    }

    /// RFC 9110 section 15.
    package enum Status: Int, Sendable {
        case ok = 200
        case badRequest = 400
        case forbidden = 403
        case notFound = 404
        case methodNotAllowed = 405
        case requestTimeout = 408
        case contentTooLarge = 413
        case targetTooLong = 414
        case misdirected = 421
        case headTooLarge = 431
        case unavailable = 503
        case versionNotSupported = 505

        /// The reason phrase.
        fileprivate var reason: String {
            switch self {
            case .ok: "OK"
            case .badRequest: "Bad Request"
            case .forbidden: "Forbidden"
            case .notFound: "Not Found"
            case .methodNotAllowed: "Method Not Allowed"
            case .requestTimeout: "Request Timeout"
            case .contentTooLarge: "Content Too Large"
            case .targetTooLong: "URI Too Long"
            case .misdirected: "Misdirected Request"
            case .headTooLarge: "Request Header Fields Too Large"
            case .unavailable: "Service Unavailable"
            case .versionNotSupported: "HTTP Version Not Supported"
            }
        }
    }

    /// The media types that are served.
    package enum MediaType: String, Sendable {
        /// Plain text.
        case text = "text/plain; charset=utf-8"
        /// An HTML page.
        case page = "text/html; charset=utf-8"
        /// A JSON text.
        case json = "application/json"
        /// Prometheus text exposition format.
        case metrics = "text/plain; version=0.0.4; charset=utf-8"
    }

    /// What goes over the wire.
    ///
    /// - Parameter isHead: The body is left out, its length is not.
    package func octets(isHead: Bool) -> [UInt8] {
        let body = Array(body.utf8)
        let own =
            nonce.map { "style-src 'nonce-\($0)'; script-src 'nonce-\($0)'; connect-src 'self'; " } ?? ""
        var head = [
            "HTTP/1.1 \(status.rawValue) \(status.reason)",
            "Content-Type: \(type.rawValue)",
            "Content-Length: \(body.count)",
            "Connection: close",
            "Cache-Control: no-store",
            "Content-Security-Policy: default-src 'none'; \(own)base-uri 'none'; form-action 'none';"
                + " frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy: same-origin",
            "Referrer-Policy: no-referrer",
            "X-Content-Type-Options: nosniff",
        ]
        if status == .methodNotAllowed { head.append("Allow: GET, HEAD") }
        return Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (isHead ? [] : body)
    }
}
