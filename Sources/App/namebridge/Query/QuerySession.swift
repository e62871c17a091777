import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import LDNSBridge

/// Asks one question with the forwarder's own policy and engine, and reports each decision on the way.
struct QuerySession: ~Copyable {
    /// The engine and its sockets.
    private var asking: AskingEngine
    /// The report so far.
    private var report: QueryReport
    /// The client's question.
    private let message: [UInt8]
    /// The client.
    private let client: IPAddress
    /// The record type that is asked for.
    private let type: UInt16
    /// The name that is asked for.
    private let name: DomainName
    /// Where the policy sends the question; nil if the client may not ask.
    private var route: Route?

    /// - Parameters:
    ///   - client: The client's address, which decides about permission and view.
    ///   - transport: The client's transport.
    init(
        _ name: DomainName, type: UInt16, policy: ForwardingPolicy, client: IPAddress, transport: Transport
    ) throws(WireError) {
        asking = AskingEngine(policy)
        message = asking.message(name, type: type)
        report = QueryReport(
            question: "\(name). \(Mnemonics.type(type))", client: client, transport: transport)
        self.name = name
        self.client = client
        self.type = type
        if let view = policy.view(of: client) {
            report.view = policy.views[view].name
            route = policy.route(message.span, try Question(reading: message.span), view: view)
        }
    }

    /// Asks, and waits until the engine has answered: at most for the deadlines of the servers' groups.
    mutating func run() -> QueryReport {
        let (name, route, policy) = (name, route, asking.policy)
        var decided: RouteReport?
        asking.ask(message, number: 0, from: client, over: report.transport) { outbox in
            decided = RouteReport(outbox, route: route, name: name, policy: policy)
        }
        asking.run()
        report.route = decided
        report.exchanges = asking.exchanges
        report.reply = asking.replies[0] ?? []
        report.nanoseconds = asking.elapsed
        report.innerAddresses = innerAddresses(in: report.reply)
        return report
    }

    /// What to ask instead of a question that found nothing; asks for the names that may exist.
    ///
    /// - Parameter otherCommand: The options that another command needs for the same configuration.
    func hints(otherCommand: String) -> [String] {
        guard let view = asking.policy.view(of: client), let answer = QueryAnswer(report.reply) else {
            return []
        }
        let hints = QueryHints(
            policy: asking.policy, client: client, view: view, otherCommand: otherCommand)
        return hints.hints(for: name, type: type, answer)
    }

    /// The outer addresses of `reply`, each once.
    private func innerAddresses(
        in reply: [UInt8]
    ) -> [(outer: IPAddress, inner: IPAddress, cluster: String)] {
        var mapper = AnswerMapper()
        var prepared = PreparedAnswer()
        guard let question = try? Question(reading: reply.span),
            (try? mapper.map(
                reply.span, question, to: reply.span.extracting(question.range),
                by: AnswerTerms(names: .identity), into: &prepared)) != nil
        else { return [] }
        var found: [(outer: IPAddress, inner: IPAddress, cluster: String)] = []
        _ = prepared.holdsAddress { outer in
            if let inner = asking.policy.innerAddress(of: outer),
                !found.contains(where: { $0.outer == outer })
            {
                found.append((outer, inner.address, inner.cluster))
            }
            return false
        }
        return found
    }
}
