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
    /// How long a client's connection may be idle, in units of 100 ms (RFC 7828 section 3.1): it is told so.
    package var keepalive: UInt16 = 100

    /// The part of `most` that is open to everybody: half. The other half is for clients whose address is not
    /// forged.
    ///
    /// By default one such client may have 1,024 questions in flight, and a cluster 4,096: a flood from
    /// forged addresses and a client that joins it over TCP leave room for another one.
    static func open(_ most: Int) -> Int { most - most / 2 }

    /// Clients that wait for the same question; the next one has it asked again, so that nobody can keep
    /// others from a name by asking for it often.
    static let mostWaitersPerTransaction: Int32 = 512

    package init() {}

    package init(_ limits: DNSLimits) {
        transactions = limits.questions
        transactionsPerGroup = limits.questionsPerCluster
        waiters = 2 * limits.questions
        waitersPerClient = limits.questionsPerClient
        keepalive = UInt16(clamping: Int(limits.idleTime / .milliseconds(100)))
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

    /// True where the sender's address is not forged: it came over TCP, with a good cookie, or from this
    /// host.
    func isProven(_ path: ClientPath, _ terms: ReplyTerms) -> Bool {
        path.transport == .tcp || terms.isProven || path.client.address.isLoopback
    }

    /// No place is left for the question: its client is told so, or, where places are kept for those whose
    /// address is not forged, to show that its own is not.
    mutating func denyRoom(
        _ message: Span<UInt8>, _ query: ClientQuery, _ path: ClientPath, _ terms: ReplyTerms,
        into outbox: inout Outbox
    ) {
        guard terms.limit != ReplyTerms.nobody, !isProven(path, terms), table.hasRoom else {
            overloaded(message, query, path, terms, into: &outbox)
            return
        }
        counters.overloaded += 1
        sendToTCP(message, query, path, into: &outbox)
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
