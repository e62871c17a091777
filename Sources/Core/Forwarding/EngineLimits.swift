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
