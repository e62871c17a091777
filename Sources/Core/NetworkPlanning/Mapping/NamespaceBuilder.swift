import IPAddressing
import Inventory
import NetworkModel

/// Puts together what is in the namespace of one cluster from what each path needs of it.
///
/// ```
/// client -> outer address -> | dnat by prefix -> inner address, source kept, mapped or masked | -> node
/// client <- outer address <- | snat by prefix <- inner address                                | <- node
/// ```
struct NamespaceBuilder {
    let mapped: MappedCluster
    let because: String
    private var families: Set<AddressFamily> = []
    private var incoming = DistinctRules()
    private var masks = DistinctRules()
    private var outgoing = DistinctRules()
    private var invalidIncoming = DistinctRules()
    private var invalidOutgoing = DistinctRules()
    private var segments: [SegmentPart] = []

    init(_ mapped: MappedCluster, because: String) {
        self.mapped = mapped
        self.because = because
    }

    /// What a path does with the sources of its packets.
    enum Sources {
        /// All have the namespace's own address, and the host's afterwards.
        case masked
        /// They stay, or those of `map` stand for them on the cluster's side.
        case kept(map: [PrefixTranslation])
    }

    /// Lets packets of one family through.
    ///
    /// - Parameters:
    ///   - near: Sources and outer destinations, as they come in from the near end.
    ///   - inner: What the path leads to in the cluster.
    ///   - own: Addresses of the host itself.
    mutating func pass(
        _ near: PathTraffic, inner: [IPPrefix], own: [IPAddress], sources: Sources, because: String
    ) {
        let family = near.family
        families.insert(family)
        let pairs = mapped.pairs(of: inner, family)
        let inside = PrefixSet(pairs.map(\.inner))
        let outside = PrefixSet(pairs.map(\.outer))
        guard !inside.isEmpty else { return }
        let toInner = joined(pairs.compactMap { PrefixTranslation(from: $0.outer, to: $0.inner) })
        let comment = FilterRule.comment(because)
        incoming.add([.destination(outside)], .translating(.destination, toInner), comment)

        // The host's own processes, and pods that use an outer address of their own cluster.
        let mask = FilterAction.sourceTranslation(to: mapped.ownAddress(family), isFullyRandom: true)
        let others = own.filter { $0.family == family }.map { IPPrefix(only: $0) }
        let hosts = PrefixSet([mapped.network(family)] + others + mapped.cluster.pods.of(family))
        masks.add([.source(hosts), .destination(inside)], mask, comment)
        switch sources {
        case .masked: masks.add([.source(near.sources), .destination(inside)], mask, comment)
        case .kept(let map):
            let seen = PrefixSet(map.map(\.to))
            turnSymmetrically(near.sources, to: toInner, comment)
            guard !map.isEmpty else { return }
            turnSymmetrically(inside, to: joined(map.compactMap(\.inverse)), seenAs: seen, comment)
        }
    }

    /// Lets the cluster's own pods reach `far`, each as its outer address, whichever end begins.
    ///
    /// - Parameters:
    ///   - pods: Inner addresses.
    ///   - nodes: Addresses without outer ones: they leave with `mask`.
    mutating func open(
        to far: PrefixSet, pods: [IPPrefix], nodes: [IPPrefix], mask: IPAddress, because: String
    ) {
        guard let family = far.family else { return }
        families.insert(family)
        let pairs = mapped.pairs(of: pods, family)
        let comment = FilterRule.comment(because)
        let toInner = joined(pairs.compactMap { PrefixTranslation(from: $0.outer, to: $0.inner) })
        if !nodes.isEmpty, mask.family == family {
            let mask = FilterAction.sourceTranslation(to: mask, isFullyRandom: true)
            masks.add([.source(PrefixSet(nodes)), .destination(far)], mask, comment)
        }
        turnSymmetrically(far, to: toInner, seenAs: PrefixSet(pairs.map(\.outer)), comment)
    }

    /// What a segment has in the namespace; each segment once.
    mutating func join(_ segment: SegmentPart) {
        if !segments.contains(where: { $0.link == segment.link }) { segments.append(segment) }
    }

    /// Translates destinations of packets from `sources`, and the sources of packets to them back, in both
    /// directions alike, whichever end opened the connection, and packets of unknown connections.
    ///
    /// - Parameter seen: What matches incoming packets besides their source; nil if a rule for them is there.
    private mutating func turnSymmetrically(
        _ sources: PrefixSet, to pairs: [PrefixTranslation], seenAs seen: PrefixSet? = nil, _ comment: String
    ) {
        if let seen {
            let action = FilterAction.translating(.destination, pairs)
            incoming.add([.source(sources), .destination(seen)], action, comment)
        }
        let back = pairs.compactMap(\.inverse)
        let inside = PrefixSet(back.map(\.from))
        outgoing.add(
            [.source(inside), .destination(sources)], .translating(.source, back), comment)
        for (from, action) in Self.stateless(pairs, .destination) {
            invalidIncoming.add([.source(sources), .destination(from)], action, comment)
        }
        for (from, action) in Self.stateless(back, .source) {
            invalidOutgoing.add([.source(from), .destination(sources)], action, comment)
        }
    }

    /// The fewest rules that translate single packets: nft takes no map here, and a rule for each of very
    /// many prefixes costs seconds. One rule serves all pairs whose prefixes differ in the same bits.
    private static func stateless(
        _ pairs: [PrefixTranslation], _ end: TranslatedEnd
    ) -> [(from: PrefixSet, action: FilterAction)] {
        var order: [IPAddress] = []
        var groups: [IPAddress: [PrefixTranslation]] = [:]
        for pair in pairs {
            if groups[pair.differingBits] == nil { order.append(pair.differingBits) }
            groups[pair.differingBits, default: []].append(pair)
        }
        return order.flatMap { bits -> [(from: PrefixSet, action: FilterAction)] in
            let group = groups[bits] ?? []
            // A pair of its own is easier to read as what is put in.
            guard group.count > 1, bits.bits != 0 else {
                return group.map { (PrefixSet([$0.from]), .rewrite(end, $0)) }
            }
            return [(PrefixSet(group.map(\.from)), .invert(end, bits: bits))]
        }
    }

    // MARK: - Result

    var plan: NamespacePlan {
        let addresses = ordered.map(mapped.ownAddress)
        let host = LocatedHost(
            place: mapped.cluster.key, host: Host(name: mapped.namespace, addresses: addresses),
            podPrefixes: [], isNode: false)
        var content = HostPlan(host: host)
        let peer = PlannedLink(
            Link(name: VethLink.peer, kind: .other("veth"), alias: Ownership.tag), mtu: .largest)
        content.links = [Desired(peer, because: because)]
        for family in ordered {
            let network = mapped.network(family)
            content.addresses.append(
                Desired(
                    InterfaceAddress(
                        device: VethLink.peer, address: mapped.ownAddress(family), length: network.length),
                    because: because))
            if let all = IPPrefix(around: IPAddress(family: family, bits: 0), length: 0) {
                let hop = NextHop(gateway: mapped.hostAddress(family), device: VethLink.peer)
                content.routes.append(Desired(Route(destination: all, nextHops: [hop]), because: because))
            }
            content.settings += settings(family)
        }
        for segment in segments { segment.add(to: &content) }
        content.table.chains = chains.filter { !$0.rules.isEmpty }
        return NamespacePlan(name: mapped.namespace, content: content)
    }

    private var ordered: [AddressFamily] { AddressFamily.allCases.filter(families.contains) }

    /// Packets come in by the device that they leave by: that needs no redirection, and no reverse path.
    private func settings(_ family: AddressFamily) -> [Desired<PlannedSetting>] {
        var values: [(KernelSetting.Name, String, Int)] = [(.forwarding, "all", 1)]
        if family == .v4 {
            for device in ["all", VethLink.peer] + segments.map(\.link.name) {
                values += [(.reversePathFilter, device, 0), (.sendRedirects, device, 0)]
            }
        }
        return values.map { name, device, value in
            let setting = PlannedSetting.Subject(family: family, device: .named(device), name: name)
            return Desired(PlannedSetting(setting, value), because: because)
        }
    }

    /// The chain for destinations of packets of unknown connections.
    static let invalidIn = "invalid-in"
    /// The chain for their sources.
    static let invalidOut = "invalid-out"

    private var chains: [FilterChain] {
        // Packets of known connections, which are nearly all, pass one rule, however many prefixes there are.
        let known = FilterRule(
            [.connectionState(["established", "new", "related", "untracked"])], .accept,
            comment: FilterRule.comment(because))
        func invalid(_ name: String, _ hook: FilterHook, _ rules: DistinctRules) -> FilterChain {
            chain(name, hook, rules.rules.isEmpty ? [] : [known] + rules.rules)
        }
        func chain(_ name: String, _ hook: FilterHook, _ rules: [FilterRule]) -> FilterChain {
            FilterChain(name: name, hook: hook, rules: rules)
        }
        let afterNAT = FilterHook(type: .filter, point: .prerouting, priority: -90)
        let lastOfAll = FilterHook(type: .filter, point: .postrouting, priority: 110)
        return [
            chain("prerouting", FilterHook(type: .nat, point: .prerouting, priority: -100), incoming.rules),
            invalid(Self.invalidIn, afterNAT, invalidIncoming),
            chain(
                "postrouting", FilterHook(type: .nat, point: .postrouting, priority: 100),
                masks.rules + outgoing.rules),
            invalid(Self.invalidOut, lastOfAll, invalidOutgoing),
            chain(
                "clamp", FilterHook(type: .filter, point: .forward, priority: -150), segments.map(\.clamp)),
        ]
    }
}

/// Rules in their order, each once.
private struct DistinctRules {
    private(set) var rules: [FilterRule] = []
    private var known: Set<FilterRule> = []

    /// Adds a rule unless it is there, whatever its comment, or has nothing to do.
    mutating func add(_ matches: [FilterMatch], _ action: FilterAction?, _ comment: String) {
        guard let action, known.insert(FilterRule(matches, action)).inserted else { return }
        rules.append(FilterRule(matches, action, comment: comment))
    }
}
