/// The result of one check.
package struct Finding: Hashable, Sendable {
    /// How bad it is.
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

    /// How bad a finding is.
    package enum Severity: String, Hashable, Sendable, CaseIterable {
        /// It works.
        case ok
        /// It works, but not always or not for everything.
        case warning
        /// It does not work.
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
    /// The servers in resolv.conf.
    case resolverList = "resolver-list"
    /// The search list and routing domains.
    case searchList = "search-list"
    /// Multicast DNS before DNS.
    case multicast
    /// The C library's result.
    case programs
    /// An answer over UDP.
    case reachable
    /// Answers for the suffix.
    case forwarded
    /// DNSSEC validation.
    case validation
    /// Private addresses in answers.
    case rebinding
    /// Answers without data.
    case noData = "no-data"
    /// Names with many records.
    case manyRecords = "many-records"
    /// An answer over TCP.
    case stream = "tcp"
    /// EDNS.
    case extensions = "edns"
    /// Large packets.
    case packetSize = "packet-size"
    /// Reverse names.
    case reverse
    /// The time for an answer.
    case time
    /// The server's sockets.
    case listening
    /// Servers of one cluster that agree.
    case agreement
    /// Routes and rules as planned.
    case routes
    /// A path that carries packets.
    case path
    /// Room in the connection table.
    case conntrack
    /// Reverse path filters.
    case reversePath = "reverse-path"
    /// The limit of descriptors.
    case descriptors
}

/// Lines to add, and where.
package struct Remedy: Hashable, Sendable {
    /// The program whose file it is, such as `dnsmasq`.
    package var software: String

    /// The file, and the lines around the new ones if their place matters.
    package var file: String
    /// The lines to add.
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
