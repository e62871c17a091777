import DNSWire
import IPAddressing
package import Inventory

/// How much one engine keeps in flight.
package struct EngineLimits: Hashable, Sendable {
    /// Questions in flight, 1...32768. Beyond it new questions are answered SERVFAIL at once.
    package var transactions = 16_384
    /// Of these: to one group of servers; beyond it the group counts as failed for new ones.
    package var transactionsPerGroup = 4_096
    /// Clients waiting for them.
    package var waiters = 32_768
    /// Of these: questions of one client, an IPv4 address or an IPv6 /64; not those of this host. Those whose
    /// sender may be forged are counted apart, so that who forges them takes nothing from the client.
    package var waitersPerClient = 1_024

    /// Clients that wait for the same question; the next one has it asked again, so that nobody can keep
    /// others from a name by asking for it often.
    static let mostWaitersPerTransaction: Int32 = 512

    package init() {}

    package init(_ limits: DNSLimits) {
        transactions = limits.questions
        transactionsPerGroup = limits.questionsPerCluster
        waiters = 2 * limits.questions
        waitersPerClient = limits.questionsPerClient
    }
}

extension ForwardingEngine {
    /// True where the client has so many questions in flight that it gets no more.
    ///
    /// This host's own addresses are not limited: the office's resolver may run here.
    func hasTooMany(_ path: ClientPath, _ terms: ReplyTerms) -> Bool {
        guard terms.limit != ReplyTerms.nobody, !path.client.address.isLoopback else { return false }
        let isProven = path.transport == .tcp || terms.isProven
        return table.waiterCount(of: path.client.address, isProven: isProven) >= limits.waitersPerClient
    }

    /// Tells a client that has too many questions in flight so: SERVFAIL where they are its own, TC where
    /// somebody else may have sent them in its name, since over TCP it has room of its own.
    mutating func turnAway(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ terms: ReplyTerms,
        into outbox: inout Outbox
    ) {
        counters.overloadedClients += 1
        guard path.transport == .udp, !terms.isProven else {
            overloaded(message, query, path, terms, Refusals.clientOverload, into: &outbox)
            return
        }
        counters.overloaded += 1
        sendToTCP(message, query, path, into: &outbox)
    }
}
