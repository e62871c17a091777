import DNSWire
package import Telemetry

/// The labelled counters of one engine: replies by view, cluster, source and rcode; latencies; events of
/// servers; Extended DNS Errors.
///
/// Plain numbers in arrays of a fixed size: a reply costs one addition. The worker publishes copies.
package struct EngineMeters: Hashable, Sendable {
    /// Views as in `ForwardingPolicy.views`, plus one; clusters by `ServerGroup.number`.
    package var answers: AnswerCounts
    /// From the first client's question to the reply, of questions that servers were asked; rows
    /// by `ServerGroup.number`.
    package var lookups: LatencyTable
    /// From a question to a server to its answer; rows as `ForwardingPolicy.servers`.
    package var serverLatency: LatencyTable
    /// Rows as `ForwardingPolicy.servers`, columns by `ServerEvent`.
    package var serverEvents: CounterTable
    /// Replies with an Extended DNS Error: one row, columns by code, the last one for codes above the known.
    package var extendedErrors = CounterTable(rows: 1, columns: Self.errorColumns)

    /// INFO-CODEs 0...31 and others (IANA: 0...30 are assigned).
    package static let errorColumns = 33

    /// All zero, for the names of `policy`.
    package init(_ policy: ForwardingPolicy) {
        let clusters = policy.clusterNames.count
        answers = AnswerCounts(views: policy.views.count + 1, clusters: clusters)
        lookups = LatencyTable(rows: clusters)
        serverLatency = LatencyTable(rows: policy.servers.count)
        serverEvents = CounterTable(rows: policy.servers.count, columns: ServerEvent.allCases.count)
    }

    /// Counts a reply.
    ///
    /// - Parameters:
    ///   - view: Index into `ForwardingPolicy.views`; nil if the client has none.
    ///   - cluster: A `ServerGroup.number`; 0 for replies that come from no cluster.
    ///   - error: The code of its Extended DNS Error; nil if it has none.
    mutating func count(
        _ source: AnswerSource, rcode: Int, view: Int?, cluster: Int, _ error: Int?
    ) {
        answers.count(source, rcode: rcode, view: view.map { $0 + 1 } ?? 0, cluster: cluster, replies: 1)
        guard let error else { return }
        extendedErrors.count(row: 0, column: min(error, Self.errorColumns - 1))
    }

    /// Changes to another policy: counters of names in both policies continue.
    package mutating func adopt(_ policy: ForwardingPolicy, after old: ForwardingPolicy) {
        let views: [Int?] = policy.views.map { view in
            old.views.firstIndex { $0.name == view.name }.map { $0 + 1 }
        }
        // A policy made after another one contains all its clusters, under the same numbers.
        answers = answers.rearranged(views: [0] + views, clusters: policy.clusterNames.count)
        lookups = lookups.rearranged(policy.clusterNames.indices.map { $0 < lookups.rows ? $0 : nil })
        let servers = policy.places(in: old)
        serverLatency = serverLatency.rearranged(servers)
        serverEvents = serverEvents.rearranged(servers)
    }

    /// Adds another worker's.
    package mutating func add(_ other: EngineMeters) {
        answers.add(other.answers)
        lookups.add(other.lookups)
        serverLatency.add(other.serverLatency)
        serverEvents.add(other.serverEvents)
        extendedErrors.add(other.extendedErrors)
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
