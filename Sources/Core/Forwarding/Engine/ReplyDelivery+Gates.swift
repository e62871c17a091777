import AnswerCache
import DNSWire
import IPAddressing
import Telemetry

/// Answers of clusters that no packets of the client reach; see `PathGates`.
extension ReplyDelivery {
    /// What goes out in place of `draft`, if `gates.concernReplies`. To be called for every reply.
    ///
    /// Lowers the TTLs of `prepared` if the client's path to the cluster is changing, and gives its addresses
    /// the range of a relay that carries.
    mutating func gated(
        _ draft: ReplyDraft, _ prepared: inout PreparedAnswer, for client: IPAddress
    ) -> ReplyDraft {
        // What is known here, such as that no cluster can have a name, is true whether packets arrive or not.
        guard draft.cluster > 0, draft.source != .local else { return draft }
        switch policy.gates.position(of: client, cluster: draft.cluster) {
        case .open:
            return ranged(draft, &prepared, for: client)
        case .changing:
            return shortened(
                ranged(draft, &prepared, for: client), &prepared, to: PathGates.changingSeconds)
        case .closed(let reason), .skipped(let reason):
            counters.gated += 1
            return ReplyDraft(
                body: .empty(.serverFailure, reason), source: .refused, view: draft.view,
                cluster: draft.cluster)
        }
    }

    /// The same answer with addresses of the relays that carry, where each has a range of its own.
    private mutating func ranged(
        _ draft: ReplyDraft, _ prepared: inout PreparedAnswer, for client: IPAddress
    ) -> ReplyDraft {
        guard policy.gates.choosesRanges, case .prepared = draft.body else { return draft }
        let ranges = policy.gates.ranges(for: client)
        guard !ranges.isEmpty else { return draft }
        rangeDraws &+= 1
        // Mixed, so that a client which asks for A and AAAA in turn gets more than every second relay.
        let draw = (rangeDraws ^ hashKey).mixed
        guard prepared.replaceAddresses({ ranges.image(of: $0, draw: draw) }) > 0 else { return draft }
        return shortened(draft, &prepared, to: RangeChoice.seconds)
    }

    /// The same answer for a few seconds only: the client asks again once it is known what the path does.
    private func shortened(
        _ draft: ReplyDraft, _ prepared: inout PreparedAnswer, to seconds: UInt32
    ) -> ReplyDraft {
        guard case .prepared(let freshness, let rotation) = draft.body else { return draft }
        switch freshness {
        case .age(let age):
            prepared.capTTLs(at: seconds + min(age, 1 << 30))
            return draft
        case .stale(let left):
            return ReplyDraft(
                body: .prepared(.stale(min(left, seconds)), rotation: rotation),
                source: draft.source, view: draft.view, cluster: draft.cluster, server: draft.server,
                sent: draft.sent, microseconds: draft.microseconds)
        }
    }
}

extension UInt64 {
    /// Each bit depends on all bits of the number (Steele, Lea and Flood 2014, SplitMix64).
    fileprivate var mixed: UInt64 {
        var bits = self
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
