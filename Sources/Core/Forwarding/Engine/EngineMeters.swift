import DNSWire
package import Telemetry

/// The labelled counters of one engine.
///
/// Plain numbers in arrays of a fixed size: a reply costs one addition. The worker publishes copies.
package struct EngineMeters: Hashable, Sendable {
    /// Those of replies.
    var replies: ReplyMeters
    /// Those of servers.
    var servers: ServerMeters

    /// All zero, for the names of `policy`.
    package init(_ policy: ForwardingPolicy) {
        replies = ReplyMeters(policy)
        servers = ServerMeters(policy)
    }

    /// The counters of an engine's parts.
    init(_ replies: ReplyMeters, _ servers: ServerMeters) {
        self.replies = replies
        self.servers = servers
    }

    /// See `ReplyMeters.answers`.
    package var answers: AnswerCounts { replies.answers }
    /// See `ReplyMeters.lookups`.
    package var lookups: LatencyTable { replies.lookups }
    /// See `ReplyMeters.extendedErrors`.
    package var extendedErrors: CounterTable { replies.extendedErrors }
    /// See `ServerMeters.latency`.
    package var serverLatency: LatencyTable { servers.latency }
    /// See `ServerMeters.events`.
    package var serverEvents: CounterTable { servers.events }

    /// Changes to another policy: counters of names in both policies continue.
    package mutating func adopt(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        replies.adopt(policy, after: old)
        servers.adopt(policy, after: old)
    }

    /// Adds another worker's.
    package mutating func add(_ other: EngineMeters) {
        replies.add(other.replies)
        servers.add(other.servers)
    }
}

/// Replies by view, cluster, source and rcode; their latencies; Extended DNS Errors.
package struct ReplyMeters: Hashable, Sendable {
    /// Views as in `ForwardingPolicy.views`, plus one; clusters by `ServerGroup.number`.
    package var answers: AnswerCounts
    /// From the first client's question to the reply, of questions that servers were asked; rows
    /// by `ServerGroup.number`.
    package var lookups: LatencyTable
    /// Replies with an Extended DNS Error: one row, columns by code, the last one for codes above the known.
    package var extendedErrors = CounterTable(rows: 1, columns: Self.errorColumns)

    /// INFO-CODEs 0...31 and others (IANA: 0...30 are assigned).
    package static let errorColumns = 33

    /// All zero, for the names of `policy`.
    init(_ policy: ForwardingPolicy) {
        let clusters = policy.clusterNames.count
        answers = AnswerCounts(views: policy.views.count + 1, clusters: clusters)
        lookups = LatencyTable(rows: clusters)
    }

    /// Counts a reply.
    ///
    /// - Parameter prepared: The answer that its body refers to.
    mutating func count(_ draft: ReplyDraft, _ prepared: borrowing PreparedAnswer) {
        let view = draft.view.map { $0 + 1 } ?? 0
        answers.count(
            draft.source, rcode: draft.rcode(prepared), view: view, cluster: draft.cluster, replies: 1)
        let error: Int? =
            switch draft.body {
            case .prepared, .authoritative: prepared.extendedError?.code
            case .empty(_, let error): error?.code
            case .addressCheck: nil
            }
        guard let error else { return }
        extendedErrors.count(row: 0, column: min(error, Self.errorColumns - 1))
    }

    /// See `EngineMeters.adopt`.
    mutating func adopt(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        let views: [Int?] = policy.views.map { view in
            old.views.firstIndex { $0.name == view.name }.map { $0 + 1 }
        }
        // A policy made after another one contains all its clusters, under the same numbers.
        answers = answers.rearranged(views: [0] + views, clusters: policy.clusterNames.count)
        lookups = lookups.rearranged(policy.clusterNames.indices.map { $0 < lookups.rows ? $0 : nil })
    }

    /// Adds those of another engine.
    mutating func add(_ other: ReplyMeters) {
        answers.add(other.answers)
        lookups.add(other.lookups)
        extendedErrors.add(other.extendedErrors)
    }
}

/// Latencies and events of servers.
package struct ServerMeters: Hashable, Sendable {
    /// From a question to a server to its answer; rows as `ForwardingPolicy.servers`.
    package var latency: LatencyTable
    /// Rows as `ForwardingPolicy.servers`, columns by `ServerEvent`.
    package var events: CounterTable

    /// All zero, for the servers of `policy`.
    init(_ policy: ForwardingPolicy) {
        latency = LatencyTable(rows: policy.servers.count)
        events = CounterTable(rows: policy.servers.count, columns: ServerEvent.allCases.count)
    }

    /// Counts an event between us and a server.
    mutating func count(_ event: ServerEvent, _ server: Int) {
        events.count(row: server, column: event.rawValue)
    }

    /// See `EngineMeters.adopt`.
    mutating func adopt(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        let servers = policy.places(in: old)
        latency = latency.rearranged(servers)
        events = events.rearranged(servers)
    }

    /// Adds those of another engine.
    mutating func add(_ other: ServerMeters) {
        latency.add(other.latency)
        events.add(other.events)
    }
}

/// An event between us and one server.
package enum ServerEvent: Int, CaseIterable, Sendable {
    /// It was asked, over UDP or over TCP.
    case askedOverUDP
    /// It was asked over TCP.
    case askedOverTCP
    /// It gave a usable answer.
    case answered
    /// It answered SERVFAIL, REFUSED or the like.
    case declined
    /// Its answer could not be read or mapped.
    case malformed
    /// Its answer had an address outside the prefixes of its cluster.
    case straying
    /// No answer came; see `UpstreamFailure`.
    case refused
    /// There is no way to it.
    case unreachable
    /// It closed the connection.
    case closed
    /// It was silent.
    case timeout
    /// A question could not be sent; see `LocalFailure`.
    case unsent

    /// The event of a failure.
    init(_ failure: UpstreamFailure) {
        self =
            switch failure {
            case .refused: .refused
            case .unreachable: .unreachable
            case .closed: .closed
            case .timeout: .timeout
            }
    }
}
