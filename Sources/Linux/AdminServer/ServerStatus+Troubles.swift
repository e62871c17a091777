package import Forwarding
import JSON

// What problems are concluded from.

// MARK: - This host

extension ServerStatus {
    /// Something that this host or process was short of, in the last five minutes.
    package struct Shortage: Hashable, Sendable {
        /// What was short.
        package var failure: LocalFailure
        /// How often, since `sinceSeconds` ago.
        package var count: Int
        /// Seconds since the first time.
        package var sinceSeconds: Int
        /// Seconds since the last time.
        package var secondsAgo: Int
        /// The server that the last question was for; nil if the shortage met clients.
        package var server: String?

        /// Creates a shortage.
        package init(
            _ failure: LocalFailure, count: Int, sinceSeconds: Int, secondsAgo: Int, server: String?
        ) {
            self.failure = failure
            self.count = count
            self.sinceSeconds = sinceSeconds
            self.secondsAgo = secondsAgo
            self.server = server
        }

        /// False for a buffer that is full for a moment: the question leaves a little later.
        var isProblem: Bool { failure != .buffer }

        /// What is missing, since when, and what to do about it.
        package var words: String {
            let met = server.map { "the last question to \($0)" } ?? "the last client's connection"
            let times = count == 1 ? "once" : "\(Figures.grouped(count)) times"
            return "this host is short of \(failure.subject): \(times) in"
                + " \(Figures.duration(seconds: sinceSeconds)), \(met)"
                + " \(Figures.duration(seconds: secondsAgo)) ago; \(failure.remedy)"
        }
    }
}

extension LocalFailure {
    /// In metrics and JSON.
    package var label: String {
        switch self {
        case .descriptors: "descriptors"
        case .memory: "memory"
        case .ports: "ports"
        case .buffer: "buffer"
        case .firewall: "firewall"
        }
    }

    /// What is short.
    fileprivate var subject: String {
        switch self {
        case .descriptors: "descriptors"
        case .memory: "memory for sockets"
        case .ports: "local ports"
        case .buffer: "room in send buffers"
        case .firewall: "permission to send"
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .descriptors:
            "raise LimitNOFILE= of namebridge.service (ulimit -n), or set fewer dns.workers or"
                + " dns.limits.connections"
        case .memory: "give the host or the unit (MemoryMax=) more memory, or end what takes it"
        case .ports:
            "widen net.ipv4.ip_local_port_range, end what holds so many ports, or give the host the address"
                + " that its routes name"
        case .buffer: "raise net.core.wmem_default"
        case .firewall: "look for an output rule or a route of type prohibit on this host: nft list ruleset"
        }
    }
}

// MARK: - Answers that match no question

extension ServerStatus {
    /// Messages in the name of servers that match no question, when there are more than a second.
    package struct UnmatchedAnswers: Hashable, Sendable {
        /// How many, since `sinceSeconds` ago.
        package var count: Int
        /// Seconds since the first time.
        package var sinceSeconds: Int
        /// Seconds since the last time.
        package var secondsAgo: Int
        /// In whose name, most first: addresses with ports.
        package var servers: [String]

        /// Creates unmatched answers.
        package init(count: Int, sinceSeconds: Int, secondsAgo: Int, servers: [String]) {
            self.count = count
            self.sinceSeconds = sinceSeconds
            self.secondsAgo = secondsAgo
            self.servers = servers
        }

        /// As many are named.
        private static let mostNamed = 3

        /// What comes, since when, and what to do about it.
        package var words: String {
            let named = servers.prefix(Self.mostNamed).joined(separator: ", ")
            let more = servers.count > Self.mostNamed ? " and \(servers.count - Self.mostNamed) more" : ""
            let from = servers.isEmpty ? "" : " in the name of \(named)\(more)"
            let filter = servers.first.flatMap(Self.filter) ?? "udp src port 53"
            return "\(Figures.grouped(count)) answers that match no question came\(from) in"
                + " \(Figures.duration(seconds: sinceSeconds)), the last"
                + " \(Figures.duration(seconds: secondsAgo)) ago: they are forged, or something on the way"
                + " delivers answers twice; find the sender (tcpdump -eni any '\(filter)'), and have the"
                + " routers drop source addresses that do not belong there"
        }

        /// For tcpdump(8): messages that claim to come from `server`, as in `10.0.0.10:53`, `[fd00::1]:53`.
        private static func filter(_ server: String) -> String? {
            guard let colon = server.lastIndex(of: ":") else { return nil }
            let host = server[..<colon].filter { $0 != "[" && $0 != "]" }
            return "src host \(host) and udp src port \(server[server.index(after: colon)...])"
        }
    }
}

// MARK: - JSON

extension ServerStatus.Shortage {
    var json: JSONValue {
        .object([
            ("reason", .string(failure.label)), ("count", .integer(count)),
            ("since-seconds", .integer(sinceSeconds)), ("seconds-ago", .integer(secondsAgo)),
            ("server", .optional(server)),
        ])
    }

    /// Nil for a reason that this program does not know.
    init?(json: JSONValue) {
        let label = json["reason"]?.string
        guard let failure = LocalFailure.allCases.first(where: { $0.label == label }) else { return nil }
        self.init(
            failure, count: json["count"]?.count ?? 0, sinceSeconds: json["since-seconds"]?.count ?? 0,
            secondsAgo: json["seconds-ago"]?.count ?? 0, server: json["server"]?.string)
    }
}

extension ServerStatus.UnmatchedAnswers {
    var json: JSONValue {
        .object([
            ("count", .integer(count)), ("since-seconds", .integer(sinceSeconds)),
            ("seconds-ago", .integer(secondsAgo)), ("servers", .array(servers.map { .string($0) })),
        ])
    }

    /// Nil if there are none.
    init?(json: JSONValue) {
        guard let count = json["count"]?.count else { return nil }
        self.init(
            count: count, sinceSeconds: json["since-seconds"]?.count ?? 0,
            secondsAgo: json["seconds-ago"]?.count ?? 0, servers: JSONValue.strings(json["servers"]))
    }
}
