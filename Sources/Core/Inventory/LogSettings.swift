package import DomainNames
package import IPAddressing

/// What the server logs, and how.
package struct LogSettings: Hashable, Sendable {
    /// The form of lines. Default: text.
    package var format = LogFormat.text

    /// Which answers are logged one by one; nil: none. Default: nil.
    package var queries: QueryLogSettings?

    /// Creates log settings.
    package init() {}
}

/// The form of a line of the log.
package enum LogFormat: String, Hashable, Sendable, CaseIterable {
    /// `event key=value key="value with spaces"`.
    case text
    /// One JSON object (RFC 8259).
    case json
}

/// Which answers are logged: those that meet all conditions.
package struct QueryLogSettings: Hashable, Sendable {
    /// The share of matching answers that is logged, chosen at random: above 0, at most 1. Default: all.
    package var sample = 1.0

    /// The clients' addresses; empty: all.
    package var clients: [IPPrefix] = []

    /// The names asked, and what is below them; empty: all.
    package var names: [DomainName] = []

    /// The response codes; empty: all.
    package var responseCodes: [LoggedResponseCode] = []

    /// The output. Default: standard error.
    package var output = LogOutput.standardError

    /// Creates query log settings.
    package init() {}
}

/// Where the query log goes.
package enum LogOutput: Hashable, Sendable {
    /// This process's standard error stream.
    case standardError
    /// Appended to; an absolute path.
    case file(String)
}

/// A response code by its name (IANA, DNS RCODEs).
package enum LoggedResponseCode: String, Hashable, Sendable, CaseIterable {
    case noError = "NOERROR"
    case formatError = "FORMERR"
    case serverFailure = "SERVFAIL"
    case nameError = "NXDOMAIN"
    case notImplemented = "NOTIMP"
    case refused = "REFUSED"

    /// The code in a message.
    package var number: Int {
        switch self {
        case .noError: 0
        case .formatError: 1
        case .serverFailure: 2
        case .nameError: 3
        case .notImplemented: 4
        case .refused: 5
        }
    }
}
