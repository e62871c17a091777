import DNSWire
import DomainNames
import IPAddressing
import Time

/// Answers of several members: of a merged suffix, or of a cluster set.
extension AnswerPreparation {
    /// Takes in the prepared answer of the current group of `slot`, and puts the whole answer into its place
    /// once every member has been asked.
    ///
    /// A member with one address for the whole service, an alias or another type is not joined: the first
    /// one is the answer, unless there are endpoints already.
    mutating func join(
        _ slot: Int, _ target: RouteTarget, in table: inout TransactionTable, askedAt time: MonotonicTime
    ) -> UnionStep {
        if target.kind == .clusterSet { return weigh(slot, target, in: &table) }
        guard target.union != nil else { return .complete }
        let merged = table.transactions[slot].merged ?? MergedAnswer()
        let position = table.transactions[slot].groupPosition
        let type = table.transactions[slot].question.type
        if let set = joinableSet(type, target.groups[position]) {
            merged.add(set.data, ttl: set.ttl, of: position, askedAt: time)
        } else if prepared.answerCount > 0 {
            if merged.records.isEmpty { return .complete }
        } else if prepared.rcode == ResponseCode.noError.rawValue {
            merged.hasName = true
        }
        table.transactions[slot].merged = merged
        guard table.isLastMember(slot, target) else { return .nextMember }
        return completeUnion(slot, target, in: table)
    }

    /// Leaves the current member of a union out, as one that failed.
    mutating func withoutMember(
        _ slot: Int, _ target: RouteTarget, because reason: ExtendedError,
        in flight: inout QuestionsInFlight, at now: MonotonicTime
    ) -> Outcome {
        let position = flight.table.transactions[slot].groupPosition
        let name = policy.groups[target.groups[position]].name
        flight.table.transactions[slot].noteFailure(Array("\(name): ".utf8) + reason.text)
        guard flight.table.isLastMember(slot, target) else { return .asksNextGroup }
        return .ending(end(slot, target, in: &flight, at: now))
    }

    /// Puts the joined records of `slot` into `prepared`, which is the last member's answer, or its denial.
    private mutating func completeUnion(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable
    ) -> UnionStep {
        guard let merged = table.transactions[slot].merged else { return .complete }
        guard !merged.records.isEmpty else {
            // A no is what every member has said.
            guard table.transactions[slot].failure == nil, merged.skipped.isEmpty else {
                return .incomplete
            }
            if merged.hasName { prepared.becomeNoData() }
            return .complete
        }
        return prepareUnion(slot, target, in: table)
    }

    /// Prepares the joined records of `slot`: `.incomplete` if there are none, or a silent member may have
    /// more.
    mutating func prepareUnion(
        _ slot: Int, _ target: RouteTarget, in table: borrowing TransactionTable
    ) -> UnionStep {
        guard let union = target.union, let merged = table.transactions[slot].merged,
            !merged.records.isEmpty,
            union.isPartial || table.transactions[slot].failure == nil
        else { return .incomplete }
        table.begin(
            &prepared, for: slot, records: merged.records, ttl: merged.ttl)
        return .complete
    }

    /// The records of the prepared answer that can be joined with those of other members: the endpoints of a
    /// headless service, or its services of type SRV.
    private func joinableSet(_ type: Int, _ group: Int) -> (ttl: UInt32, data: [[UInt8]])? {
        switch type {
        case RecordType.srv: break
        case RecordType.a, RecordType.aaaa:
            // A ClusterIP stands for the whole service of its cluster.
            guard let services = policy.groups[group].services else { break }
            if !prepared.holdsAddress({ !services.contains($0) }) { return nil }
        default: return nil
        }
        return prepared.wholeSet(type: type)
    }

    /// Weighs the prepared answer of the current member of a cluster set.
    ///
    /// CoreDNS denies a name whose namespace it does not have, although another member exports it: a no is
    /// believed once the next member agrees. A no without the zone's own SOA comes from a member that does
    /// not serve the zone.
    private func weigh(
        _ slot: Int, _ target: RouteTarget, in table: inout TransactionTable
    ) -> UnionStep {
        guard prepared.isNameError else { return .complete }
        let position = table.transactions[slot].groupPosition
        let isLast = table.isLastMember(slot, target)
        guard prepared.hasSOA else {
            let name = policy.groups[target.groups[position]].name
            table.transactions[slot].noteFailure(
                Array("\(name) does not serve \(target.mapping.inner)".utf8))
            return isLast ? .incomplete : .nextMember
        }
        table.transactions[slot].merged?.denials += 1
        let isAgreed = (table.transactions[slot].merged?.denials ?? 0) > 1
        return isAgreed || isLast ? .complete : .nextMember
    }

    /// Prepares the answer that an error of Lighthouse stands for; see `TransactionTable.meaning`.
    mutating func prepare(
        _ meaning: ResponseCode, of answer: ServerAnswer, for slot: Int, in flight: inout QuestionsInFlight,
        at now: MonotonicTime
    ) -> Outcome {
        guard let target = flight.table.transactions[slot].target, target.kind == .clusterSet else {
            return .none
        }
        flight.table.begin(
            &prepared, for: slot, LocalZone(names: meaning == .noError ? .withoutData : .denied))
        prepared.capTTLs(at: target.cacheLimits.negativeSeconds)
        return joined(answer, to: slot, target, in: &flight, at: now)
    }
}
