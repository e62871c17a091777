import AnswerCache
import DNSWire
import Telemetry
import Time

/// A reply from the cache.
struct CachedReply {
    /// The reply, of the prepared answer.
    let draft: ReplyDraft
    /// True if the question is to be asked again, so that the next client gets a fresh answer.
    let wantsRefresh: Bool
}

/// Cached answers.
extension AnswerPreparation {
    /// Prepares the cached answer to a question; nil if there is none that may be given.
    mutating func loadCached(_ exchange: ClientExchange) -> CachedReply? {
        if policy.goesAroundPaths, policy.gates.areBusy,
            policy.mustAskAroundPaths(exchange, policy.route(exchange))
        {
            return nil
        }
        guard let hit = cache.load(exchange, into: &prepared) else { return nil }
        var freshness = AnswerFreshness.age(hit.age)
        if !hit.isFresh || hit.isFailure {
            guard case .ask(let target, _) = policy.route(exchange),
                !isRevived(target, since: hit.failedAt)
            else { return nil }
            if !hit.isFresh {
                freshness = target.staleFreshness
                if exchange.recipient.terms.hasEDNS { prepared.extendedError = staleError(target) }
            }
        }
        // A cached failure is counted as a failure.
        if hit.isFailure {
            counters.failed += 1
        } else if hit.isFresh {
            counters.hits += 1
        } else {
            counters.stale += 1
        }
        let draft = ReplyDraft(
            body: .prepared(freshness, rotation: hit.rotation), source: hit.isFresh ? .hit : .stale,
            view: exchange.view, cluster: Int(hit.owner))
        return CachedReply(draft: draft, wantsRefresh: hit.wantsRefresh)
    }

    /// True if a server of the target's groups was dead and has been found alive since: a question that
    /// failed then may succeed now.
    private func isRevived(_ target: RouteTarget, since time: MonotonicTime) -> Bool {
        target.groups.contains { group in
            policy.groups[group].servers.contains { board.servers[$0].revivedAt >= time }
        }
    }

    /// The error with a stale answer whose question failed less than a second ago.
    private func staleError(_ target: RouteTarget) -> ExtendedError {
        let names = target.groups.map { policy.groups[$0].name }.joined(separator: ", ")
        return ExtendedError(.staleAnswer, "\(names): no server answered a moment ago")
    }
}
