import DNSWire
import DomainNames
import IPAddressing
import Telemetry

// What is written down: replies in the query log, and the last failures.

extension ForwardingEngine {
    /// What is known of a reply beside its question.
    struct ReplyFacts {
        let source: AnswerSource
        let rcode: Int
        /// A `ServerGroup.number`; 0: nobody's answer.
        var cluster = 0
        /// Index into `ForwardingPolicy.servers`; -1: none.
        var server = -1
        /// What was asked of a server, and where in the name its suffix begins; nil: nothing.
        var target: RouteTarget?
        var suffixStart = 0
        /// See `LoggedReply.microseconds`.
        var microseconds = -1
    }

    /// Has a reply written down where the query log wants it: one comparison where there is none.
    ///
    /// - Parameter question: Begins with the name as it was asked.
    @inline(__always)
    func log(
        _ question: Span<UInt8>, nameLength: Int, type: Int, _ path: ClientPath,
        into outbox: inout Outbox, _ facts: @autoclosure () -> ReplyFacts
    ) {
        guard outbox.queryLog != nil else { return }
        write(question, nameLength, type, path, facts(), into: &outbox)
    }

    @inline(never)
    private func write(
        _ question: Span<UInt8>, _ nameLength: Int, _ type: Int, _ path: ClientPath, _ facts: ReplyFacts,
        into outbox: inout Outbox
    ) {
        guard let draw = outbox.queryLog?.draw(),
            outbox.queryLog?.filter.isChosen(
                question, nameLength: nameLength, client: path.client.address, rcode: facts.rcode, draw: draw)
                == true
        else { return }
        let name = Self.copy(question, nameLength)
        var sent: [UInt8] = []
        if let target = facts.target {
            sent =
                target.rewritesQuestion
                ? Array(name[..<facts.suffixStart]) + target.mapping.inner.wire : name
        }
        let isKnown = facts.cluster > 0 && policy.clusterNames.indices.contains(facts.cluster)
        outbox.queryLog?.replies.append(
            LoggedReply(
                client: path.client, transport: path.transport, name: name, type: type, sent: sent,
                cluster: isKnown ? policy.clusterNames[facts.cluster] : "",
                server: facts.server >= 0 ? policy.servers[facts.server] : nil, source: facts.source,
                rcode: facts.rcode, microseconds: facts.microseconds))
    }

    /// What is known of a reply to who waited for `slot`.
    func facts(
        _ slot: Int, _ target: RouteTarget, _ source: AnswerSource, at now: MonotonicTime
    ) -> ReplyFacts {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        // Where all servers are down, nothing was sent, and the reply leaves at once.
        let wasSent = answeringServer >= 0 || table.transactions[slot].attemptCount > 0
        let elapsed = Int(now.nanoseconds(since: table.transactions[slot].started) / 1000)
        return ReplyFacts(
            source: source, rcode: prepared.rcode, cluster: group.number, server: answeringServer,
            target: wasSent ? target : nil, suffixStart: table.transactions[slot].question.suffixStart,
            microseconds: elapsed > 0 ? elapsed : -1)
    }

    /// Keeps why the clients of `slot` get no answer: what stands in `prepared`.
    mutating func noteFailure(_ slot: Int, _ target: RouteTarget, at now: MonotonicTime) {
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        let shape = table.transactions[slot].question
        let name = Self.copy(table.question(of: slot), shape.nameLength)
        failures.note(
            FailureTable.Entry(
                cluster: group.name, reason: prepared.extendedError?.text ?? [], name: name,
                type: shape.type, count: 1, last: now))
    }

    private static func copy(_ octets: Span<UInt8>, _ count: Int) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in 0..<count { copy.append(octets[index]) }
        return copy
    }
}
