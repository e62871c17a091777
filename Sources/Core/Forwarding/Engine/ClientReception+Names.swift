import AnswerCache
import DNSWire
import DomainNames
import Telemetry

/// Names that no cluster can have.
extension ClientReception {
    /// NXDOMAIN for a name that no cluster can have; nil if one may have it.
    mutating func denyImpossibleName(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int,
        by preparation: inout AnswerPreparation
    ) -> ReplyDraft? {
        guard isImpossible(exchange, target, suffixStart: suffixStart, key: preparation.nameKey),
            let domain = policy.groups[target.groups[0]].domain
        else { return nil }
        // Of a cluster set's zone no SOA is known.
        let template =
            target.kind == .clusterSet
            ? NameDenial.message(below: target.mapping.inner)
            : board.noSuchName(group: target.groups[0]) ?? NameDenial.message(below: domain)
        guard let denied = try? Question(reading: template.span) else { return nil }
        do throws(MappingError) {
            try preparation.mapper.map(
                template.span, denied, to: exchange.recipient.question,
                by: AnswerTerms(names: target.answerNames), into: &preparation.prepared)
        } catch {
            return nil
        }
        preparation.prepared.capTTLs(at: target.cacheLimits.negativeSeconds)
        preparation.prepared.extendedError = Refusals.noSuchName
        if NameHints.mayHelp(exchange.recipient.question.extracting(first: suffixStart)) {
            preparation.prepared.extendedError = withHint(Refusals.noSuchName, exchange)
        }
        counters.denied += 1
        return ReplyDraft(
            body: .prepared(), source: .local, view: exchange.view,
            cluster: policy.groups[target.groups[0]].number)
    }

    /// `reason` with the name that the client most likely meant, for clients that get reasons.
    func withHint(_ reason: ExtendedError, _ exchange: ClientExchange) -> ExtendedError {
        let recipient = exchange.recipient
        guard recipient.terms.hasEDNS, let view = exchange.view,
            let name = try? DomainName(
                wire: [UInt8](copying: recipient.question.extracting(first: recipient.nameLength)))
        else { return reason }
        return NameHints(policy, view: view).adding(to: reason, for: name)
    }

    /// True if no cluster of the target can have the name, and none has named it.
    ///
    /// - Parameter key: That of learned names.
    private func isImpossible(
        _ exchange: ClientExchange, _ target: RouteTarget, suffixStart: Int, key: UInt64
    ) -> Bool {
        guard target.hasOnlyKubernetesNames || target.kind == .clusterSet else { return false }
        let name = exchange.message.extracting(droppingFirst: Question.nameStart)
        if target.kind == .clusterSet {
            return ClusterSetMembers.mustNotExist(name, suffixStart: suffixStart)
        }
        guard !policy.schema.canExist(name, suffixStart: suffixStart) else { return false }
        let learned = board.learnedNames
        let labels = name.extracting(first: suffixStart)
        return learned.isEmpty
            || !target.groups.contains {
                learned.contains(labels, group: policy.groups[$0].number, key: key)
            }
    }
}
