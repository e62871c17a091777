import DNSWire
import IPAddressing
package import Inventory
import Telemetry

/// How much one engine keeps in flight.
package struct EngineLimits: Hashable, Sendable {
    /// Questions in flight, 1...32768. Beyond it new questions are answered SERVFAIL at once.
    package var transactions = 16_384
    /// Of these: to one group of servers; beyond it the group counts as failed for new ones.
    package var transactionsPerGroup = 16_384
    /// Clients waiting for them.
    package var waiters = 32_768
    /// Of these: questions of one client, an IPv4 address or an IPv6 /64; not those of this host. Those whose
    /// sender may be forged are counted apart, so that who forges them takes nothing from the client.
    package var waitersPerClient = 16_384
    /// How long a client's connection may be idle, in units of 100 ms (RFC 7828 section 3.1): it is told so.
    package var keepalive: UInt16 = 100

    /// The part of `most` that is open to everybody: three quarters. The last quarter is for clients whose
    /// address is not forged.
    static func open(_ most: Int) -> Int { most - most / 4 }

    /// Clients that wait for one transaction; the next one begins another, which follows the first: lists
    /// stay short.
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
    /// True if the client has so many questions in flight that it gets no more.
    ///
    /// This host's own addresses are not limited: the office's resolver may run here.
    func hasTooMany(_ recipient: Recipient) -> Bool {
        let client = recipient.path.client.address
        guard recipient.wantsReply, !client.isLoopback else { return false }
        return table.waiterCount(of: client, isProven: recipient.isAddressValidated)
            >= limits.waitersPerClient
    }

    /// True if a server of the group is not silent: only then is it worth a client's while to come again by
    /// TCP.
    func isAnswering(_ group: ServerGroup, at now: MonotonicTime) -> Bool {
        group.servers.contains { !board.servers[$0].isDead && !servers[$0].isAvoided(at: now) }
    }

    /// No place is left for the question: its client is told so, or, if places are kept for validated
    /// addresses, to show that its own is one.
    mutating func denyRoom(_ exchange: ClientExchange, into outbox: inout Outbox) {
        let recipient = exchange.recipient
        guard recipient.wantsReply, !recipient.isAddressValidated, table.hasRoom else {
            return overloaded(exchange, into: &outbox)
        }
        counters.overloaded += 1
        checkAddress(exchange, into: &outbox)
    }

    /// Tells a client that has too many questions in flight so: SERVFAIL if they are its own, TC if another
    /// host may have sent them in its name, since over TCP it has room of its own.
    mutating func turnAway(_ exchange: ClientExchange, into outbox: inout Outbox) {
        counters.overloadedClients += 1
        guard !exchange.recipient.isAddressValidated else {
            return overloaded(exchange, Refusals.clientOverload, into: &outbox)
        }
        counters.overloaded += 1
        checkAddress(exchange, into: &outbox)
    }
}
