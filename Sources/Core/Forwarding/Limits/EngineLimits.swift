import DNSWire
import IPAddressing
package import Inventory
import Time

/// The most that one engine has in flight.
package struct EngineLimits: Hashable, Sendable {
    /// Questions in flight, 1...32768. Beyond it new questions are answered SERVFAIL at once.
    package var transactions = 16_384
    /// Of these: to one group of servers; beyond it the group counts as failed for new ones.
    package var transactionsPerGroup = 16_384
    /// Clients waiting for them.
    package var waiters = 32_768
    /// Of these: questions of one client, an IPv4 address or an IPv6 /64; not those of this host. Those whose
    /// sender may be forged are counted separately, so that forged questions take nothing from the client.
    package var waitersPerClient = 16_384
    /// How long a client's connection may be idle, in units of 100 ms (RFC 7828 section 3.1); the client is
    /// informed of it.
    package var keepalive: UInt16 = 100

    /// How long a client waits at most before it gets SERVFAIL or an expired answer, in milliseconds.
    package var answerMilliseconds = 4_500

    /// Questions to one group with which its only usable server may have the rest of the client's time.
    var slowTransactions: Int { transactions / 16 }

    /// How long an answer is listened for once its clients were told that there is none, in milliseconds.
    package var lateMilliseconds = 5_000
    /// Questions without clients for which that is done; a sixteenth of all, so that they take no room from
    /// those with clients.
    var lateTransactions: Int { transactions / 16 }

    /// The part of `most` that is open to all clients: three quarters. The last quarter is reserved for
    /// clients with validated addresses.
    static func open(_ most: Int) -> Int { most - most / 4 }

    /// The most clients that wait for one transaction; the next one starts another, which follows the first:
    /// lists stay short.
    static let mostWaitersPerTransaction: Int32 = 512

    /// The defaults.
    package init() {}

    /// The limits of a configuration.
    package init(_ limits: DNSLimits) {
        transactions = limits.questions
        transactionsPerGroup = limits.questionsPerCluster
        waiters = 2 * limits.questions
        waitersPerClient = limits.questionsPerClient
        keepalive = UInt16(clamping: Int(limits.idleTime / .milliseconds(100)))
        answerMilliseconds = Int(limits.answerTime / .milliseconds(1))
        lateMilliseconds = Int(limits.lateAnswers / .milliseconds(1))
    }
}
