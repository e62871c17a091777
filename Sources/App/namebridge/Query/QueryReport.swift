import DNSWire
import DomainNames
import Forwarding
import IPAddressing

/// The result of `namebridge query`, step by step.
struct QueryReport {
    /// Such as `web.shop.svc.prod.cluster.local. A`.
    let question: String
    /// The client's address.
    let client: IPAddress
    /// The client's transport.
    let transport: Transport
    /// The view's name; nil if the client may not ask.
    var view: String?
    /// The route of the question.
    var route: RouteReport
    /// The questions to servers, in the order of sending.
    var exchanges: [Exchange] = []
    /// The reply that a client would get; empty if none came.
    var reply: [UInt8] = []
    /// From the question to the reply.
    var nanoseconds: Int64 = 0

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

/// The policy's route for a question, in words.
struct RouteReport {
    /// `cluster`, `bare-domain`, `reverse`, `upstream`, `local` or `refused`.
    let kind: String
    /// The suffix of the name that decided; nil if none did.
    var suffix: String?
    /// The clusters in the order in which they are asked, with their servers.
    var groups: [(name: String, servers: [Endpoint])] = []
    /// The outer and inner name; nil if they are the same.
    var mapping: (outer: String, inner: String)?
    /// Why no server is asked; nil if one is.
    var reason: String?

    init(_ route: Route, name: DomainName, policy: ForwardingPolicy) {
        switch route {
        case .ask(let target, let suffixStart):
            kind = Self.word(target.kind)
            groups = target.groups.map { index in
                let group = policy.groups[index]
                return (group.name, group.servers.map { policy.servers[$0] })
            }
            if !target.mapping.isIdentity {
                mapping = ("\(target.mapping.outer)", "\(target.mapping.inner)")
            }
            switch target.kind {
            case .clusterSuffix, .bareDomain: suffix = Self.ending(of: name, from: suffixStart)
            case .reverse, .upstream: break
            }
        case .answer(.refused(let error)):
            kind = "refused"
            reason = String(decoding: error.text, as: UTF8.self)
        case .answer(.zone(let zone, let start)):
            kind = "local"
            suffix = Self.ending(of: name, from: start)
            reason =
                switch zone.names {
                case .loopback: "this name is every host's own (RFC 6761)"
                case .denied, .empty, .withoutData:
                    zone.reason.map { String(decoding: $0.text, as: UTF8.self) }
                        ?? "a private reverse name that no cluster owns is answered here (RFC 6303)"
                }
        }
    }

    /// For a client that may not ask.
    static let clientRefused = RouteReport(refusedFor: "the client is in none of the prefixes of dns.clients")

    private init(refusedFor reason: String) {
        kind = "refused"
        self.reason = reason
    }

    /// The word for a kind of route.
    private static func word(_ kind: RouteTarget.Kind) -> String {
        switch kind {
        case .clusterSuffix: "cluster"
        case .bareDomain: "bare-domain"
        case .reverse: "reverse"
        case .upstream: "upstream"
        }
    }

    /// The end of a name from an offset on.
    private static func ending(of name: DomainName, from start: Int) -> String? {
        (try? DomainName(wire: Array(name.wire[start...])))?.description
    }
}
