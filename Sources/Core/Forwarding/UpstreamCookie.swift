import DNSWire
import IPAddressing
import Telemetry

/// What passes between us and one server as cookies (RFC 7873 sections 5.1 and 5.3).
struct UpstreamCookie {
    /// Ours: the same for every question to the server, and another one for each server.
    let client: UInt64
    /// The server's, as it gave it last: 8...32 octets; empty while it has given none.
    private(set) var server: [UInt8] = []
    /// Until then it is asked without cookie: it has shown that it knows none.
    private var absentUntil = MonotonicTime(nanoseconds: 0)

    init(client: UInt64) {
        self.client = client
    }

    /// How long a server counts as one without cookies: it may be replaced by one that has them.
    private static let pauseMilliseconds = 3_600_000

    /// What the cookie in an answer says.
    enum Verdict {
        case fine
        /// Not an answer to us, as far as one can see: it is asked for over TCP, which can't be forged so.
        case doubtful
    }

    func isSent(at now: MonotonicTime) -> Bool { now >= absentUntil }

    /// The option's octets, code and length included.
    var optionLength: Int { 4 + 8 + server.count }

    /// Judges an answer to a question that had a cookie, and learns from it.
    ///
    /// - Parameter data: The answer's COOKIE option; nil where it has none.
    mutating func judge(
        _ data: Range<Int>?, in message: Span<UInt8>, over transport: Transport, at now: MonotonicTime
    ) -> Verdict {
        guard let data else {
            // Over TCP nobody else can have answered: it has lost its cookies, or never had any.
            guard server.isEmpty || transport == .tcp else { return .doubtful }
            server = []
            absentUntil = now.advanced(milliseconds: Self.pauseMilliseconds)
            return .fine
        }
        // A length that no cookie has counts as a wrong one (section 5.3).
        guard data.count == 8 || (16...40).contains(data.count),
            (try? message.number64(at: data.lowerBound)) == client
        else {
            return transport == .tcp ? .fine : .doubtful
        }
        if data.count > 8 {
            server = (data.lowerBound + 8..<data.upperBound).map { message[$0] }
        } else if server.isEmpty {
            // Ours came back alone: a server that echoes what it does not know.
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
