import IPAddressing
import NetworkModel
import PacketPath

/// Packets of connections that another relay has carried so far.
///
/// The namespaces of clusters translate them without memory (their chains `invalid-in` and `invalid-out`),
/// so that connections live on when routes move from one relay to another. Connection tracking of the host
/// itself calls such packets INVALID, which many firewalls drop: then a FIN or a SYN-ACK as the first packet
/// here is the end of its connection.
struct UnknownConnections {
    /// Clients and the addresses that they use, of paths that keep or map sources.
    private let legs: [(source: IPPrefix, destination: IPPrefix)]

    /// A packet of each, and its answer, as INVALID ones.
    private let flows: [PlannedFlow]

    /// - Parameter requests: The first packets of the plan's connections.
    init(_ plan: ResolvedPlan, _ requests: [PlannedFlow]) {
        // A single relay takes over nothing.
        let translated = plan.hasOtherRelays ? plan.statelessPairs : []
        let kept =
            translated.isEmpty
            ? []
            : requests.filter { planned in
                planned.accept.value.ends.map { ends in
                    translated.contains { pair in
                        pair.0.overlaps(ends.source) && pair.1.overlaps(ends.destination)
                            || pair.1.overlaps(ends.source) && pair.0.overlaps(ends.destination)
                    }
                } ?? false
            }
        var legs: [(source: IPPrefix, destination: IPPrefix)] = []
        for ends in kept.compactMap(\.accept.value.ends) where !legs.contains(where: { $0 == ends }) {
            legs.append(ends)
        }
        self.legs = legs
        flows = kept.flatMap { planned in
            [planned.flow, planned.flow.reply].map { PlannedFlow(flow: $0, accept: planned.accept) }
        }
    }

    /// The rules that drop these packets alone.
    ///
    /// - Parameter others: The rules that drop packets of known connections, too: those are reported already.
    func conflicts(_ walk: PacketWalk, besides others: Set<RulePlace>) -> [Conflict] {
        var order: [RulePlace] = []
        var examples: [RulePlace: Packet] = [:]
        for (place, planned) in blocked(by: walk, as: .invalid) where !others.contains(place) {
            if examples[place] == nil { order.append(place) }
            examples[place] = examples[place] ?? planned.flow.packet
        }
        guard !order.isEmpty else { return [] }
        let accepts = acceptLines(walk, besides: others)
        return order.map { place in
            let example = examples[place].map { " (\($0))" } ?? ""
            return Conflict(
                "\(place): drops INVALID packets\(example): connections that another relay has begun end when"
                    + " they come to this one: exclude the paths from connection tracking, which this host"
                    + " itself does not need for them",
                remedy: untrackedLines(for: place) + accepts)
        }
    }

    /// The rules that drop these packets if connection tracking says `state` of them.
    private func blocked(by walk: PacketWalk, as state: ConnectionState) -> [(RulePlace, PlannedFlow)] {
        flows.flatMap { planned in
            var flow = planned.flow
            flow.state = state
            // No address is translated without a connection.
            flow.inside = flow.packet
            flow.leaving = flow.packet
            return walk.trace(flow).steps.filter { $0.action == .drop }.map { ($0.rule, planned) }
        }
    }

    // MARK: - Remedies

    /// The commands that exclude the paths from connection tracking, with the program that has the rule.
    private func untrackedLines(for place: RulePlace) -> [String] {
        let both = legs.flatMap { [($0.source, $0.destination), ($0.destination, $0.source)] }
            .filter { place.family == .inet || place.family == ($0.0.family == .v4 ? .ip : .ip6) }
        switch place.owner {
        case .iptables(let program):
            return both.map { "\(program) -t raw -I PREROUTING 1 -s \($0) -d \($1) -j CT --notrack" }
        case .nft:
            return [
                "nft add table inet relay-untracked",
                "nft 'add chain inet relay-untracked prerouting"
                    + " { type filter hook prerouting priority raw; }'",
            ]
                + both.map { source, destination in
                    let family = source.family == .v4 ? "ip" : "ip6"
                    return "nft add rule inet relay-untracked prerouting \(family) saddr \(source)"
                        + " \(family) daddr \(destination) notrack"
                }
        }
    }

    /// The commands that accept what is not tracked, in firewalls that accept answers of known connections
    /// alone.
    private func acceptLines(_ walk: PacketWalk, besides others: Set<RulePlace>) -> [String] {
        var seen: Set<String> = []
        return blocked(by: walk, as: .untracked).filter { !others.contains($0.0) }.compactMap {
            place, planned in
            guard let ends = planned.accept.value.ends else { return nil }
            let (from, to) =
                planned.flow.isReply ? (ends.destination, ends.source) : (ends.source, ends.destination)
            let family = from.family == .v4 ? "ip" : "ip6"
            switch place.owner {
            case .nft:
                return "nft 'insert rule \(place.family.rawValue) \(place.table) \(place.baseChain) \(family)"
                    + " saddr \(from) \(family) daddr \(to) ct state untracked accept'"
            case .iptables(let program):
                return "\(program) -t \(place.table) -I \(place.baseChain) 1 -s \(from) -d \(to)"
                    + " -m conntrack --ctstate UNTRACKED -j ACCEPT"
            }
        }.filter { seen.insert($0).inserted }
    }
}

extension ResolvedPlan {
    /// True if other hosts carry a path as well.
    fileprivate var hasOtherRelays: Bool { !plan.protectedAddresses.isEmpty }

    /// The sources and destinations of packets that namespaces translate without memory.
    fileprivate var statelessPairs: [(IPPrefix, IPPrefix)] {
        namespaces.flatMap(\.value.content.table.chains)
            .filter { $0.name == NamespaceBuilder.invalidIn || $0.name == NamespaceBuilder.invalidOut }
            .flatMap(\.rules).flatMap { rule in
                let sources = rule.matches.sources
                return rule.matches.destinations.flatMap { to in sources.map { ($0, to) } }
            }
    }
}

extension [FilterMatch] {
    /// The source prefixes that are matched.
    fileprivate var sources: [IPPrefix] {
        flatMap { match in if case .source(let set) = match { set.prefixes } else { [IPPrefix]() } }
    }

    /// The destination prefixes that are matched.
    fileprivate var destinations: [IPPrefix] {
        flatMap { match in if case .destination(let set) = match { set.prefixes } else { [IPPrefix]() } }
    }
}

extension ForwardAccept {
    /// The direction in which connections are opened; nil for answers.
    fileprivate var ends: (source: IPPrefix, destination: IPPrefix)? {
        switch match {
        case .pair(let source, let destination), .originalPair(let source, let destination):
            (source, destination)
        case .answers: nil
        }
    }
}
