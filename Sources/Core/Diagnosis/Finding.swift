/// The result of one check.
package struct Finding: Hashable, Sendable {
    package var severity: Severity

    /// The object of the check, such as `resolver 172.16.0.1:53`.
    package var subject: String

    /// The check, for programs that read the output.
    package var check: Check

    /// The result, in one line.
    package var summary: String

    /// The consequence for names and clients; empty if nothing is wrong.
    package var meaning: String

    /// What would repair it; several if the software is unknown.
    package var remedies: [Remedy]

    package enum Severity: String, Hashable, Sendable, CaseIterable {
        case ok
        /// It works, but not always or not for everything.
        case warning
        case problem
    }

    package init(
        _ severity: Severity, _ subject: String, _ check: Check, _ summary: String, _ meaning: String = "",
        remedies: [Remedy] = []
    ) {
        self.severity = severity
        self.subject = subject
        self.check = check
        self.summary = summary
        self.meaning = meaning
        self.remedies = remedies
    }
}

/// The checks; their raw values are part of the output for programs and do not change.
package enum Check: String, Hashable, Sendable, CaseIterable {
    case resolverList = "resolver-list"
    case searchList = "search-list"
    case multicast
    case programs
    case reachable
    case forwarded
    case validation
    case rebinding
    case noData = "no-data"
    case manyRecords = "many-records"
    case stream = "tcp"
    case extensions = "edns"
    case packetSize = "packet-size"
    case reverse
    case time
    case listening
    case agreement
    case routes
    case conntrack
    case reversePath = "reverse-path"
    case descriptors
}

/// Lines to add, and where.
package struct Remedy: Hashable, Sendable {
    /// The program whose file it is, such as `dnsmasq`.
    package var software: String

    /// The file, and the lines around the new ones if their place matters.
    package var file: String
    package var lines: [String]

    /// The command that applies the lines; nil if none is needed.
    package var command: String?

    package init(_ software: String, _ file: String, _ lines: [String], then command: String? = nil) {
        self.software = software
        self.file = file
        self.lines = lines
        self.command = command
    }
}
