import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Telemetry

/// The result of `namebridge query`, step by step.
struct QueryReport {
    /// Such as `web.shop.svc.prod.cluster.local. A`.
    let question: String
    /// The client whose question it is; nil if a server was asked directly.
    let client: IPAddress?
    /// The client's transport.
    let transport: Transport
    /// The view's name; nil if the client may not ask.
    var view: String?
    /// Nil before the question was asked.
    var route: RouteReport?
    var exchanges: [Exchange] = []
    /// The reply that a client would get; empty if none came.
    var reply: [UInt8] = []
    /// Outer addresses in the reply and what they stand for, such as `10.200.1.7` and `10.244.1.7 of prod`.
    var innerAddresses: [(outer: IPAddress, inner: IPAddress, cluster: String)] = []
    /// From the question to the reply.
    var nanoseconds: Int64 = 0
    /// What to ask instead, as sentences.
    var hints: [String] = []

    /// One question to one server, and its outcome.
    struct Exchange {
        /// The server.
        let server: Endpoint
        /// The cluster's key, or `upstream`.
        let group: String
        /// The transport.
        let transport: Transport
        /// As sent, such as `web.shop.svc.cluster.local. A`.
        let question: String
        /// Since the client's question.
        let sentNanoseconds: Int64
        /// Nil before the outcome.
        var outcome: Outcome?
    }

    /// A server's answer, or its absence; the time is counted from its question.
    enum Outcome {
        /// An answer came.
        case answer(rcode: String, records: Int, octets: Int, isTruncated: Bool, nanoseconds: Int64)
        /// No answer came.
        case failure(String, nanoseconds: Int64)
    }
}

/// What the engine decided when the question came in, in words.
struct RouteReport {
    let decision: Decision
    /// The ending of the name that decided; nil if none did.
    var suffix: String?
    /// The clusters in the order in which they are asked, with their servers.
    var groups: [(name: String, servers: [Endpoint])] = []
    /// The outer and inner name; nil if they are the same.
    var mapping: (outer: String, inner: String)?
    /// Why no server is asked; nil if one is.
    var reason: String?

    /// What becomes of a question; the words of the JSON member `kind`.
    enum Decision: String {
        /// Servers are asked, for the stated kind of name.
        case cluster
        case bareDomain = "bare-domain"
        case merged
        case clusterSet = "cluster-set"
        case privateZone = "private-zone"
        case reverse
        case upstream
        /// Answered here, from what every resolver knows.
        case local
        /// Answered here: no cluster can have the name.
        case denied
        /// Answered REFUSED.
        case refused
        /// Answered with another error without asking, such as SERVFAIL for a name that can't be asked.
        case failed
        /// Not answered at all (`dns.refuse: drop`).
        case dropped
    }

    /// - Parameters:
    ///   - outbox: What the engine wants sent after it has taken the question, and nothing else.
    ///   - route: Where the policy sends the question; nil if the client may not ask.
    init(_ outbox: borrowing Outbox, route: Route?, name: DomainName, policy: ForwardingPolicy) {
        let answer = outbox.replies.first.map { reply in
            let octets = outbox.octets.span
            return (reply.start..<reply.end).map { octets[$0] }
        }
        let isLocal = outbox.queryLog?.replies.first?.source == .local
        decision =
            outbox.questions.isEmpty ? Self.decision(answer, isLocal: isLocal, route) : Self.asking(route)
        if let answer, outbox.questions.isEmpty { reason = Self.reason(answer, decision, route) }
        switch route {
        case .ask(let target, let suffixStart):
            switch target.kind {
            case .clusterSuffix, .bareDomain, .merged, .clusterSet, .privateZone:
                suffix = Self.ending(of: name, from: suffixStart)
            case .reverse, .upstream: break
            }
            if !target.mapping.isIdentity {
                mapping = ("\(target.mapping.outer)", "\(target.mapping.inner)")
            }
            guard !outbox.questions.isEmpty else { return }
            groups = target.groups.map { index in
                let group = policy.groups[index]
                return (group.name, group.servers.map { policy.servers[$0] })
            }
        case .answer(.zone(_, let start)): suffix = Self.ending(of: name, from: start)
        case .answer(.refused), nil: break
        }
        if decision == .dropped { reason = "dns.refuse is drop, and this client is not in dns.clients" }
    }

    /// What the engine decided that asks no server.
    ///
    /// - Parameters:
    ///   - answer: Its reply; nil if there is none.
    ///   - isLocal: True if it counts the reply as one of its own.
    private static func decision(_ answer: [UInt8]?, isLocal: Bool, _ route: Route?) -> Decision {
        guard let answer, let header = try? MessageHeader(reading: answer.span) else { return .dropped }
        if isLocal {
            if case .ask = route { return .denied }
            return .local
        }
        return header.rcode == ResponseCode.refused.rawValue ? .refused : .failed
    }

    /// The kind of name that servers are asked for.
    private static func asking(_ route: Route?) -> Decision {
        guard case .ask(let target, _) = route else { return .failed }
        return switch target.kind {
        case .clusterSuffix: .cluster
        case .bareDomain: .bareDomain
        case .merged: .merged
        case .clusterSet: .clusterSet
        case .privateZone: .privateZone
        case .reverse: .reverse
        case .upstream: .upstream
        }
    }

    /// Why `answer` came without asking: as the client is told, or what the client has to know by itself.
    private static func reason(_ answer: [UInt8], _ decision: Decision, _ route: Route?) -> String? {
        if let error = ExtendedError.first(in: answer), !error.text.isEmpty {
            return String(decoding: error.text, as: UTF8.self)
        }
        guard decision == .local, case .answer(.zone(let zone, _)) = route else { return nil }
        return switch zone.names {
        case .loopback: "this name is every host's own (RFC 6761)"
        case .denied, .empty, .withoutData:
            "a private reverse name that no cluster owns is not asked (RFC 6303)"
        }
    }

    /// The end of a name from an offset on.
    private static func ending(of name: DomainName, from start: Int) -> String? {
        (try? DomainName(wire: Array(name.wire[start...])))?.description
    }
}
