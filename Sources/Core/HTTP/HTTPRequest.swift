/// The head of an HTTP/1.1 request as far as this server needs it (RFC 9112): no request here has a body.
package struct HTTPRequest: Hashable, Sendable {
    /// True for HEAD: the answer comes without its body.
    package let isHead: Bool
    /// The path of the target, beginning with `/`, without the query.
    package let path: String
    /// The query of the target, without its `?`; empty if there is none.
    package let query: String
    /// The Host field without its port, in lower case; nil if there is none (HTTP/1.0).
    package let host: String?

    /// The longest head that is read, in octets.
    package static let longestHead = 8192
    /// The longest target, in octets: longer than anything that is served here.
    private static let longestTarget = 1024

    /// Where the head ends in `octets`, the empty line included; nil if it goes on.
    package static func endOfHead(in octets: [UInt8]) -> Int? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard octets.count >= end.count else { return nil }
        return (end.count...octets.count).first { octets[($0 - end.count)..<$0].elementsEqual(end) }
    }

    /// Reads a head, which ends with its empty line.
    package init(parsing head: ArraySlice<UInt8>) throws(HTTPProblem) {
        // CR and LF inside lines, and all that is not ASCII, is refused below.
        let lines = Self.lines(of: head.dropLast(4))
        guard let first = lines.first else { throw .malformed }
        let parts = first.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        let version = String(decoding: parts[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else { throw .wrongVersion }
        switch String(decoding: parts[0], as: UTF8.self) {
        case "GET": isHead = false
        case "HEAD": isHead = true
        default: throw .wrongMethod
        }
        guard parts[1].count <= Self.longestTarget else { throw .targetTooLong }
        guard parts[1].first == UInt8(ascii: "/"), parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed
        }
        let path = parts[1].prefix { $0 != UInt8(ascii: "?") }
        self.path = String(decoding: path, as: UTF8.self)
        query = String(decoding: parts[1][path.endIndex...].dropFirst(), as: UTF8.self)
        host = try Self.readFields(lines.dropFirst())
        guard host != nil || version == "HTTP/1.0" else { throw .malformed }  // RFC 9112 section 3.2
    }

    /// The lines of a head, without their ends.
    private static func lines(of head: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = head.startIndex
        for index in head.indices where head[index] == 13 {
            guard index >= start, index + 1 < head.endIndex, head[index + 1] == 10 else { continue }
            lines.append(head[start..<index])
            start = index + 2
        }
        return lines + [head[start...]]
    }

    /// Checks the fields; gives the host.
    private static func readFields(_ lines: ArraySlice<ArraySlice<UInt8>>) throws(HTTPProblem) -> String? {
        var host: String?
        for line in lines {
            guard line.allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }),
                let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy(isTokenOctet)
            else { throw .malformed }
            let value = trimmed(line[(colon + 1)...])
            switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
            case "host":
                guard host == nil else { throw .malformed }
                guard let name = name(ofHost: value) else { throw .malformed }
                host = name
            case "transfer-encoding": throw .hasBody
            case "content-length": guard value.elementsEqual([UInt8(ascii: "0")]) else { throw .hasBody }
            default: break
            }
        }
        return host
    }

    /// A tchar of RFC 9110 section 5.6.2.
    private static func isTokenOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("!#$%&'*+-.^_`|~".utf8).contains(octet)
        }
    }

    /// A field value without the white space around it.
    private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var value = value
        while let first = value.first, first == 0x20 || first == 9 { value = value.dropFirst() }
        while let last = value.last, last == 0x20 || last == 9 { value = value.dropLast() }
        return value
    }

    /// `[::1]:9153` gives `[::1]`, `Relay:9153` gives `relay`; nil if it is no host with at most a port, such
    /// as `relay:80@evil` (RFC 9110 section 7.2).
    private static func name(ofHost value: ArraySlice<UInt8>) -> String? {
        let isBracketed = value.first == UInt8(ascii: "[")
        guard
            let end = isBracketed
                ? value.firstIndex(of: UInt8(ascii: "]")).map({ $0 + 1 })
                : value.firstIndex(of: UInt8(ascii: ":")) ?? value.endIndex
        else { return nil }
        let inner = isBracketed ? value[(value.startIndex + 1)..<(end - 1)] : value[..<end]
        let rest = value[end...]
        guard inner.allSatisfy({ isNameOctet($0) || (isBracketed && $0 == UInt8(ascii: ":")) }),
            rest.isEmpty || rest.first == UInt8(ascii: ":"), rest.dropFirst().allSatisfy(isDigit)
        else { return nil }
        return String(decoding: value[..<end], as: UTF8.self).lowercased()
    }

    /// True for an ASCII digit.
    private static func isDigit(_ octet: UInt8) -> Bool {
        octet >= UInt8(ascii: "0") && octet <= UInt8(ascii: "9")
    }

    /// A letter, digit, hyphen, underscore or dot: what host names and IPv4 addresses are made of.
    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: isDigit(octet)
        }
    }
}

/// Why a request gets no answer of its own, with the status that says so (RFC 9110 section 15).
package enum HTTPProblem: Error, Hashable, Sendable {
    /// Not HTTP/1.x.
    case malformed
    /// The Host field names another machine.
    case strangeHost
    /// The client's address may not read the pages.
    case notAllowed
    /// No such page.
    case notFound
    /// Neither GET nor HEAD.
    case wrongMethod
    /// The request did not come in time.
    case tooSlow
    /// The request has a body.
    case hasBody
    /// The target is longer than `longestTarget`.
    case targetTooLong
    /// The head is longer than `longestHead`.
    case headTooLong
    /// Another version of HTTP.
    case wrongVersion

    /// The status that is sent.
    package var status: HTTPResponse.Status {
        switch self {
        case .malformed: .badRequest
        case .strangeHost: .misdirected
        case .notAllowed: .forbidden
        case .notFound: .notFound
        case .wrongMethod: .methodNotAllowed
        case .tooSlow: .requestTimeout
        case .hasBody: .contentTooLarge
        case .targetTooLong: .targetTooLong
        case .headTooLong: .headTooLarge
        case .wrongVersion: .versionNotSupported
        }
    }

    /// What went wrong, and what to do about it.
    package var text: String {
        switch self {
        case .malformed: "This is no HTTP/1.1 request."
        case .strangeHost:
            "This name is not known here: use an address or the machine's own host name, or add the name to"
                + " admin.hosts. (A page of a foreign site must not read this one under a name of its own.)"
        case .notAllowed: "This address is not in admin.clients."
        case .notFound: "There is /, /metrics, /status.json, /names.json, /health and /ready."
        case .wrongMethod: "Only GET and HEAD are served."
        case .tooSlow: "The request did not come in time."
        case .hasBody: "No request here has a body."
        case .targetTooLong: "The path is too long."
        case .headTooLong: "The request's head is too long."
        case .wrongVersion: "Only HTTP/1.0 and HTTP/1.1 are spoken here."
        }
    }
}
