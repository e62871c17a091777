import DNSWire
import IPAddressing
import Telemetry

/// Answers of clusters that no packets of the client reach; see `PathGates`.
extension ForwardingEngine {
    /// Answers a question at once if its answer would be withheld.
    mutating func stopAtGate(
        _ exchange: ClientExchange, _ target: RouteTarget, into outbox: inout Outbox
    ) -> ExchangeState {
        guard policy.gates.areBusy else { return .open }
        let number = policy.groups[target.groups[0]].number
        guard
            case .closed = policy.gates.position(of: exchange.recipient.path.client.address, cluster: number)
        else { return .open }
        // `deliver` gives it the reason.
        let draft = ReplyDraft(
            body: .empty(.serverFailure, nil), source: .refused, view: exchange.view, cluster: number)
        deliver(draft, to: exchange.recipient, into: &outbox)
        return .done
    }

    /// What goes out in place of `draft`, now that some gate is not open. To be called for every reply.
    ///
    /// Lowers the TTLs of `prepared` if the client's path to the cluster is changing.
    mutating func gated(_ draft: ReplyDraft, for client: IPAddress) -> ReplyDraft {
        // What is known here, such as that no cluster can have a name, is true whether packets arrive or not.
        guard draft.cluster > 0, draft.source != .local else { return draft }
        switch policy.gates.position(of: client, cluster: draft.cluster) {
        case .open:
            return draft
        case .changing:
            return shortened(draft)
        case .closed(let reason):
            counters.gated += 1
            return ReplyDraft(
                body: .empty(.serverFailure, reason), source: .refused, view: draft.view,
                cluster: draft.cluster)
        }
    }

    /// The same answer for a few seconds only: the client asks again once it is known what the path does.
    private mutating func shortened(_ draft: ReplyDraft) -> ReplyDraft {
        guard case .prepared(let freshness, let rotation) = draft.body else { return draft }
        switch freshness {
        case .age(let age):
            prepared.capTTLs(at: PathGates.changingSeconds + min(age, 1 << 30))
            return draft
        case .stale(let seconds):
            return ReplyDraft(
                body: .prepared(.stale(min(seconds, PathGates.changingSeconds)), rotation: rotation),
                source: draft.source, view: draft.view, cluster: draft.cluster, server: draft.server,
                sent: draft.sent, microseconds: draft.microseconds)
        }
    }
}
