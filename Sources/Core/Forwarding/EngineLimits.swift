import DNSWire
import IPAddressing
package import Inventory

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
    /// True where the client has so many questions in flight that it gets no more.
    ///
    /// This host's own addresses are not limited: the office's resolver may run here.
    func hasTooMany(_ path: ClientPath, _ terms: ReplyTerms) -> Bool {
        guard terms.limit != ReplyTerms.nobody, !path.client.address.isLoopback else { return false }
        let isProven = path.transport == .tcp || terms.isProven
        return table.waiterCount(of: path.client.address, isProven: isProven) >= limits.waitersPerClient
    }

    /// True if a server of the group is not silent: only then is it worth a client's while to come again by
    /// TCP.
    func isAnswering(_ group: ServerGroup) -> Bool {
        group.servers.contains { !board.servers[$0].isDead && !servers[$0].isAvoided(at: currentTime) }
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

typealias ReplyAllowance = ResponseRateLimiter
typealias ProvenClients = ValidatedClients

extension ForwardingEngine {
    /// Charges the reply that was just put into the outbox, and cuts or drops it beyond the limit.
    ///
    /// - Parameter nameLength: Octets of the question's name; nil if the reply has no question.
    mutating func settle(_ terms: ReplyTerms, nameLength: Int?, in outbox: inout Outbox) {
        guard let reply = outbox.replies.last, reply.path.transport == .udp, !terms.isProven else { return }
        let verdict = charge(reply, nameLength: nameLength ?? 0, in: outbox)
        guard verdict != .send else { return }
        counters.withheld += 1
        outbox.replies.removeLast()
        guard verdict == .truncate, let nameLength else {
            outbox.octets.truncate(to: reply.start)
            return
        }
        outbox.octets.reduceReply(from: reply.start, nameLength: nameLength, terms)
        outbox.replies.append(
            Outbox.Reply(path: reply.path, start: reply.start, end: outbox.octets.count))
    }

    private mutating func charge(
        _ reply: Outbox.Reply, nameLength: Int, in outbox: borrowing Outbox
    ) -> ResponseRateLimiter.Verdict {
        let start = reply.start + MessageHeader.length
        return allowance.charge(
            outbox.octets.span.extracting(start..<(start + nameLength)), to: reply.path.client.address,
            policy.responseRateLimit, proven, at: currentTime)
    }
}
