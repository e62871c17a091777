package import IPAddressing
package import NetworkModel

extension Machine {
    /// A service that a rule of the machine translates.
    package struct Service: Hashable, Sendable {
        /// Its address.
        package var address: IPAddress
        /// Its port; nil if the rule names none.
        package var port: Int?
        /// As nft calls it; nil if the rule names none.
        package var transport: String?
    }

    /// Services within `prefixes` that rules of NAT name, in the order of the rules, at most `most`.
    package func services(in prefixes: PrefixSet, most: Int) -> [Service] {
        var found: [Service] = []
        for table in walk.rules.tables {
            let inMaps = table.sets.keys.sorted().flatMap { elements(of: table.sets[$0]) }
                .filter { $0.verdict != nil }.map(\.patterns)
            let inRules = table.chains.keys.sorted().flatMap { table.chains[$0]?.rules ?? [] }
                .filter(\.leadsOn).map(\.patterns)
            for patterns in inMaps + inRules {
                guard let service = Service(patterns), prefixes.contains(service.address),
                    !found.contains(service)
                else { continue }
                found.append(service)
                if found.count >= most { return found }
            }
        }
        return found
    }

    /// The elements of a set that is known.
    private func elements(of set: RuleSet?) -> [RuleSet.Element] {
        guard case .elements(let elements)? = set else { return [] }
        return elements
    }
}

extension Machine.Service {
    /// The service of a condition on address, port and transport; nil without one address.
    fileprivate init?(_ patterns: [Pattern]) {
        var address: IPAddress?
        for pattern in patterns {
            switch pattern {
            case .prefix(let prefix) where prefix.length == prefix.family.bitWidth: address = prefix.address
            case .numbers(let range) where range.lowerBound == range.upperBound:
                port = Int(exactly: range.lowerBound)
            case .word(let word) where ["tcp", "udp", "sctp"].contains(word): transport = word
            default: break
            }
        }
        guard let address else { return nil }
        self.address = address
    }
}

extension PacketRule {
    /// True if the rule translates, or continues in another chain.
    fileprivate var leadsOn: Bool {
        statements.contains { statement in
            switch statement {
            case .verdict(.translate), .verdict(.jump), .verdict(.goto): true
            default: false
            }
        }
    }

    /// The values of the rule's conditions on destinations.
    fileprivate var patterns: [Pattern] {
        statements.flatMap { statement -> [Pattern] in
            guard case .condition(let condition) = statement, !condition.isNegated, condition.keys.count == 1,
                case .elements(let elements) = condition.set, elements.count == 1
            else { return [] }
            switch condition.keys[0] {
            case .address(.destination, _), .port(.destination, _), .transport: return elements[0].patterns
            default: return []
            }
        }
    }
}
