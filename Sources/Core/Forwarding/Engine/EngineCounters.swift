/// The counters of an engine since its start.
package struct EngineCounters: Hashable, Sendable {
    /// Messages from clients.
    package var messages = 0
    /// Messages without a reply: too short, not questions, or from clients that `dns.refuse` drops.
    package var ignored = 0
    /// Messages from clients that were answered with an error of form or support.
    package var rejected = 0
    /// Questions that the policy refused.
    package var refused = 0
    /// Of these: since no prefix of `dns.clients` holds the client.
    package var strangers = 0
    /// Questions answered from built-in zones (RFC 6303).
    package var local = 0
    /// Questions answered from the cache.
    package var hits = 0
    /// Questions answered from the cache with an expired answer, because no server gave a new one.
    package var stale = 0
    /// Questions asked again before their cached answer expired.
    package var refreshed = 0
    /// Questions for names that no cluster can have, answered without asking.
    package var denied = 0
    /// Questions that waited for an identical one in flight.
    package var joined = 0
    /// Questions that were not asked because of the rate limit of their clients.
    package var limited = 0
    /// Of these: answered with TC, so that the client uses TCP.
    package var slipped = 0
    /// Questions refused because the tables were full, or because of the numbers below.
    package var overloaded = 0
    /// Of these: because the client had too many in flight.
    package var overloadedClients = 0
    /// Of these: because the cluster had too many in flight.
    package var overloadedGroups = 0
    /// Replies over UDP that the response rate limit cut to TC, or dropped.
    package var withheld = 0
    /// Questions of our own that came back to us.
    package var loops = 0
    /// Answers of servers without the cookie that they should have: asked for again over TCP.
    package var doubtfulCookies = 0
    /// Questions with a cookie of ours.
    package var cookiesGood = 0
    /// Questions with a server cookie that is not ours, or has expired.
    package var cookiesBad = 0
    /// Messages sent to servers.
    package var sent = 0
    /// Of these: sent over TCP because the UDP answer was truncated.
    package var askedOverTCP = 0
    /// Of these: sent because an earlier one got no answer.
    package var retried = 0
    /// Messages from servers that match no question: forged, or delivered twice.
    package var unmatched = 0
    /// Answers to questions that had been given up.
    package var late = 0
    /// Answers that came after their clients were told that there is none, and were cached.
    package var cachedLate = 0
    /// Messages from servers that could not be read or mapped.
    package var malformed = 0
    /// Records left out of answers: of another class, outside the cluster's domain, or of an owner that was
    /// not asked for.
    package var droppedRecords = 0
    /// Replies blocked because a foreign name led to an address inside a cluster.
    package var blocked = 0
    /// Replies withheld because no packets of the client reach the cluster.
    package var gated = 0
    /// Replies with an answer that a server gave.
    package var answered = 0
    /// Replies that say that no server answered.
    package var failed = 0

    /// All zero.
    package init() {}

    /// Adds the counters of another engine.
    mutating func add(_ other: EngineCounters) {
        messages += other.messages
        ignored += other.ignored
        rejected += other.rejected
        refused += other.refused
        strangers += other.strangers
        local += other.local
        hits += other.hits
        stale += other.stale
        refreshed += other.refreshed
        denied += other.denied
        joined += other.joined
        limited += other.limited
        slipped += other.slipped
        overloaded += other.overloaded
        overloadedClients += other.overloadedClients
        overloadedGroups += other.overloadedGroups
        withheld += other.withheld
        loops += other.loops
        doubtfulCookies += other.doubtfulCookies
        cookiesGood += other.cookiesGood
        cookiesBad += other.cookiesBad
        sent += other.sent
        askedOverTCP += other.askedOverTCP
        retried += other.retried
        unmatched += other.unmatched
        late += other.late
        cachedLate += other.cachedLate
        malformed += other.malformed
        droppedRecords += other.droppedRecords
        blocked += other.blocked
        gated += other.gated
        answered += other.answered
        failed += other.failed
    }
}
