import DNSWire
import IPAddressing
import Time

/// The cookies between us and one server (RFC 7873 sections 5.1 and 5.3).
struct UpstreamCookie {
    /// Ours: the same for every question to the server, and another one for each server.
    let client: UInt64
    /// The server's latest cookie: 8...32 octets; empty while it has sent none.
    private(set) var server: [UInt8] = []
    /// Until this time it is asked without a cookie: it has shown that it does not support them.
    private var absentUntil = MonotonicTime(nanoseconds: 0)

    /// No cookie of the server is known.
    init(client: UInt64) {
        self.client = client
    }

    /// How long a server counts as one without cookies: it may be replaced by one that has them.
    private static let pauseMilliseconds = 3_600_000

    /// The result of checking the cookie in an answer.
    enum Verdict {
        /// The answer is accepted.
        case fine
        /// Possibly forged: the question is asked over TCP, which can't be forged this way.
        case doubtful
    }

    /// True if questions have a cookie.
    func isSent(at now: MonotonicTime) -> Bool { now >= absentUntil }

    /// The option's octets, code and length included.
    var optionLength: Int { 4 + 8 + server.count }

    /// Checks an answer to a question that had a cookie, and learns from it.
    ///
    /// - Parameter data: The answer's COOKIE option; nil if it has none.
    mutating func judge(
        _ data: Range<Int>?, in message: Span<UInt8>, over transport: Transport, at now: MonotonicTime
    ) -> Verdict {
        guard let data else {
            // Over TCP only the server can have answered: it no longer uses cookies, or never did.
            guard server.isEmpty || transport == .tcp else { return .doubtful }
            server = []
            absentUntil = now.advanced(milliseconds: Self.pauseMilliseconds)
            return .fine
        }
        // A cookie of an invalid length counts as a wrong one (section 5.3).
        guard data.count == 8 || (16...40).contains(data.count),
            (try? message.number64(at: data.lowerBound)) == client
        else {
            return transport == .tcp ? .fine : .doubtful
        }
        if data.count > 8 {
            server = (data.lowerBound + 8..<data.upperBound).map { message[$0] }
        } else if server.isEmpty {
            // Only ours came back: the server echoes unknown options.
            absentUntil = now.advanced(milliseconds: Self.pauseMilliseconds)
        }
        return .fine
    }
}

extension OctetBuffer {
    /// Appends the COOKIE option of a question.
    mutating func append(_ cookie: UpstreamCookie) {
        append16(EDNS.OptionCode.cookie)
        append16(cookie.optionLength - 4)
        append64(cookie.client)
        append(cookie.server)
    }
}
