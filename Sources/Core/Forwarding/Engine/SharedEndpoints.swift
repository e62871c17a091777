import DNSWire
import DomainNames
import IPAddressing

/// Addresses that several members of a cluster set have.
///
/// ```
/// address at                       is mapped by
/// <host>.<id>.<svc>.<ns>.svc       the member with the ID; of another ID it is left out
/// <svc>.<ns>.svc, a ClusterSetIP   the member that has answered
/// <svc>.<ns>.svc, endpoints        the member is asked for SRV, whose answer has the addresses at
///                                  the names of the endpoints
/// ```
extension AnswerPreparation {
    /// What is known of the owners of an answer's addresses.
    enum OwnerState {
        /// Each address is mapped by its owner, or left out.
        case resolved
        /// The names of the endpoints are to be asked for.
        case endpointsWanted
        /// No name tells whose addresses these are.
        case unknown
    }

    /// Maps the addresses of the prepared answer to `slot` by the members that they belong to, if members of
    /// its set share addresses.
    mutating func resolveOwners(
        _ slot: Int, _ target: RouteTarget, in table: inout TransactionTable
    ) -> OwnerState {
        guard let members = target.members, members.haveSharedAddresses else { return .resolved }
        let isFollowUp = table.asksForEndpoints(slot)
        let left =
            isFollowUp
            ? takeEndpoints(slot, target, members, in: table) : mapByName(slot, target, members, in: table)
        switch left {
        case .none: return .resolved
        case .additional:
            if !isFollowUp { prepared.removeAdditional() }
            prepared.extendedError = Refusals.unknownMembers
            return .resolved
        case .endpoints where !isFollowUp:
            table.transactions[slot].merged?.asksForEndpoints = true
            return .endpointsWanted
        case .endpoints, .answer: return .unknown
        }
    }

    /// The addresses of an answer whose owner is not known.
    private enum UnknownOwners {
        /// There are none.
        case none
        /// Some of the additional section, or some of the endpoints.
        case additional
        /// Those of a service: its endpoints may be asked for by name.
        case endpoints
        /// Those at another name that was asked for.
        case answer
    }

    /// Maps the addresses of the prepared answer by the names of their records.
    private mutating func mapByName(
        _ slot: Int, _ target: RouteTarget, _ members: ClusterSetMembers,
        in table: borrowing TransactionTable
    ) -> UnknownOwners {
        let place = table.transactions[slot].groupPosition
        let zone = target.answerNames.outer.folded.wire
        let services = policy.groups[target.groups[place]].services
        let asked = table.question(of: slot)
        let type = table.transactions[slot].question.type
        let isForAddress = type == RecordType.a || type == RecordType.aaaa
        var isService = false
        if case .service = members.owner(
            of: asked, suffixStart: table.transactions[slot].question.suffixStart)
        {
            isService = true
        }
        let length = table.transactions[slot].question.nameLength
        let name = [UInt8](copying: asked.extracting(first: length)).map(foldedOctet)
        var left = UnknownOwners.none
        prepared.replaceAddresses { owner, _, address in
            let map: PrefixMap?
            switch members.owner(of: owner, below: zone) {
            case .member(let place): map = target.addressMaps[place]
            case .unknown: map = nil
            // The address of a whole service is its member's.
            case .service: map = services?.contains(address) == true ? target.addressMaps[place] : nil
            }
            if let map { return map.outer(of: address) }
            if isForAddress, owner.isFolded(name) {
                left = isService ? .endpoints : .answer
            } else if left == .none {
                left = .additional
            }
            return nil
        }
        return left
    }

    /// Makes the addresses of the endpoints in the prepared answer to SRV those of the name that was asked
    /// for, each mapped by its owner.
    private mutating func takeEndpoints(
        _ slot: Int, _ target: RouteTarget, _ members: ClusterSetMembers,
        in table: borrowing TransactionTable
    ) -> UnknownOwners {
        let place = table.transactions[slot].groupPosition
        let zone = target.answerNames.outer.folded.wire
        let shape = table.transactions[slot].question
        let asked = [UInt8](copying: table.question(of: slot).extracting(first: shape.nameLength))
        let service = asked.map(foldedOctet)
        let family = shape.type == RecordType.a ? AddressFamily.v4 : .v6
        var records: [[UInt8]] = []
        var known: Set<[UInt8]> = []
        var lowest = UInt32.max
        var isComplete = true
        prepared.replaceAddresses { owner, ttl, address in
            guard address.family == family, owner.start(ofFoldedSuffix: service.span) != nil else {
                return nil
            }
            let map: PrefixMap
            switch members.owner(of: owner, below: zone) {
            case .member(let place): map = target.addressMaps[place]
            // SRV of a service with one address leads to its own name.
            case .service: map = target.addressMaps[place]
            case .unknown:
                isComplete = false
                return nil
            }
            let data = (map.outer(of: address) ?? address).octets
            if known.insert(data).inserted { records.append(data) }
            lowest = min(lowest, ttl)
            return nil
        }
        guard !records.isEmpty else { return .endpoints }
        table.begin(&prepared, for: slot, records: records, ttl: lowest)
        return isComplete ? .none : .additional
    }
}

extension ClusterSetMembers {
    /// The owner of a name of the zone, which is in lower case; a name outside of it is that of a service.
    fileprivate func owner(of name: FlatName, below zone: [UInt8]) -> Owner {
        guard let start = name.start(ofFoldedSuffix: zone.span) else { return .service }
        return owner(of: name.octets.span, suffixStart: start)
    }
}

extension FlatName {
    /// True if it is the name, in wire form and lower case.
    fileprivate func isFolded(_ name: [UInt8]) -> Bool { start(ofFoldedSuffix: name.span) == 0 }
}

extension TransactionTable {
    /// True if the members are asked for the names of the endpoints in place of what `slot` is about.
    func asksForEndpoints(_ slot: Int) -> Bool { transactions[slot].merged?.asksForEndpoints == true }

    /// The type that servers are asked for.
    func askedType(of slot: Int) -> Int {
        asksForEndpoints(slot) ? RecordType.srv : transactions[slot].question.type
    }
}
