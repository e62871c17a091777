package import DNSWire
import DomainNames
package import IPAddressing
package import Inventory

/// Which clients may ask, and where each question is sent: the inventory's names as tables.
///
/// Immutable: workers share one and replace it as a whole.
package final class ForwardingPolicy: Sendable {
    /// Every name server that may be asked.
    package let servers: [Endpoint]

    /// The clusters' servers in the order of the file; last the servers of `dns.upstream`, if there are any.
    package let groups: [ServerGroup]

    /// The names of all groups in this and earlier policies: counters stay under the same number, whatever
    /// the order. The first, empty, is for replies without a group.
    package let clusterNames: [String]

    /// Which clients get no answers of which clusters now; set by the watch of paths.
    package let gates: PathGates

    /// The targets of all suffixes.
    package let targets: [RouteTarget]

    /// For each target, and each of its groups, how an answer becomes one for clients.
    let terms: [[AnswerTerms]]

    /// For each server the group it belongs to.
    package let groupOfServer: [Int]

    /// `views[0]` is for all clients that no view names.
    package let views: [ViewPolicy]

    /// The largest UDP reply, in octets.
    package let maximumUDPSize: Int

    /// A view: clients with the same names.
    package struct ViewPolicy: Sendable {
        /// The view's name.
        package let name: String
        /// For each suffix that clusters share the index of its target; nil if no cluster answers it for
        /// these clients.
        var sharedTargets: [Int?]
        /// The groups whose inner addresses these clients see.
        let inside: Set<Int>
        /// What these clients may ask; nil: everything.
        var access: ViewAccess?
    }

    /// The pods and services of all clusters, and their outer ranges; nil if the file has none.
    let clusterAddresses: IPPrefixTable<Bool>?

    /// Outer ranges that no route leads to yet; nil if there are none.
    let awaitedAddresses: IPPrefixTable<Bool>?

    /// The pods, services and outer ranges, and `dns.allow-rebinding`, for comparison: they decide about
    /// answers from `dns.upstream`.
    let guarded: Guarded

    /// The parts that decide about answers from `dns.upstream`.
    struct Guarded: Hashable, Sendable {
        /// The pods and services of all clusters.
        let prefixes: [IPPrefix]
        /// `dns.allow-rebinding`.
        let exceptions: [DomainName]
    }

    /// The rate limit of questions to servers; nil: no limit.
    let rateLimit: RateLimit?

    /// The most that clients may have in flight.
    package let limits: EngineLimits

    /// The response rate limit over UDP.
    let responseRateLimit: ResponseRateLimit

    /// True if a client that may not ask gets no reply.
    let dropsStrangers: Bool

    /// Which names clusters can have.
    let schema: KubernetesSchema

    /// The names of `dns.allow-rebinding`.
    private let rebindingNames: SuffixMap<Bool>
    /// Who may ask, and in which view.
    private let clients: ClientViews
    /// The use of each suffix.
    private let suffixes: SuffixMap<SuffixUse>
    /// Finds the owner of a reverse name.
    private let reverse: ReverseRouting
    /// The group that each outer range belongs to; nil if no cluster has a map.
    let outerOwners: IPPrefixTable<Int>?
    /// The target of other names; nil without `dns.upstream`.
    private let upstreamTarget: RouteTarget?
    /// The refusal of each shared suffix, for clients without a cluster there.
    private let sharedRefusals: [ExtendedError]
    /// True if clusters may be passed over for clients whose packets do not reach them.
    let goesAroundPaths: Bool

    /// The meaning of a suffix.
    enum SuffixUse: Sendable {
        /// A cluster's suffix: index of its target.
        case cluster(target: Int)
        /// A suffix of a cluster without DNS servers.
        case noServers(cluster: String)
        /// A suffix that clusters share: index into `ViewPolicy.sharedTargets`.
        case shared(Int)
        /// `in-addr.arpa` or `ip6.arpa`, or a private zone below one of them.
        case reverse(AddressFamily, isPrivate: Bool)
        /// A name that we answer ourselves.
        case special(SpecialName)
    }

    /// - Parameters:
    ///   - inventory: Checked: `Inventory.check` found no error in it.
    ///   - old: The policy that this one replaces.
    ///   - hostAddresses: This host's own: they say inside of which clusters it stands.
    package init(
        _ inventory: Inventory, after old: ForwardingPolicy? = nil, hostAddresses: [IPAddress] = []
    ) {
        let standings = ClientStandings(inventory, hostAddresses: hostAddresses)
        var builder = PolicyBuilder(
            inventory.dns.cache, standings, clusterNames: old?.clusterNames ?? [""])
        builder.addClusters(of: inventory)
        builder.addViews(inventory)
        builder.addUpstream(inventory.dns.upstream)
        builder.addSpecialNames(asking: inventory.dns.specialUpstream)
        builder.addReverseZones()
        terms = zip(builder.targets, builder.bailiwicks()).map { target, bailiwick in
            target.groups.indices.map { target.answerTerms(ofGroupAt: $0, bailiwick) }
        }
        servers = builder.servers
        groups = builder.groups
        clusterNames = builder.clusterNames
        gates = PathGates(inventory, clusterNames: builder.clusterNames)
        groupOfServer = builder.groups.indices.flatMap { group in
            builder.groups[group].servers.map { _ in group }
        }
        targets = builder.targets
        views = builder.views
        maximumUDPSize = inventory.dns.maximumUDPSize
        rateLimit = inventory.dns.rateLimit.perSecond > 0 ? inventory.dns.rateLimit : nil
        limits = EngineLimits(inventory.dns.limits)
        responseRateLimit = inventory.dns.responseRateLimit
        dropsStrangers = inventory.dns.refuse == .drop
        clients = ClientViews(clients: inventory.dns.clients, views: builder.viewByClient)
        suffixes = SuffixMap(builder.suffixes)
        let clusterPrefixes = inventory.clusters.flatMap {
            $0.pods + $0.services + $0.outerRanges
        }
        clusterAddresses = IPPrefixTable(containing: clusterPrefixes)
        awaitedAddresses = IPPrefixTable(containing: inventory.clusters.flatMap(\.awaitedRanges))
        guarded = Guarded(prefixes: clusterPrefixes, exceptions: inventory.dns.allowRebinding)
        schema = KubernetesSchema(extraLabels: inventory.dns.extraLabels)
        rebindingNames = SuffixMap(inventory.dns.allowRebinding.map { ($0, true) })
        reverse = ReverseRouting(
            builder.reverse, outer: builder.outerReverse, upstream: inventory.dns.reverseUpstream)
        let owners = builder.groups.enumerated().flatMap { group, cluster in
            cluster.ranges.pairs.map { ($0.outer, group) }
        }
        outerOwners = owners.isEmpty ? nil : IPPrefixTable(owners)
        upstreamTarget = builder.upstreamTarget
        goesAroundPaths =
            !inventory.merges.isEmpty || !inventory.clusterSets.isEmpty
            || inventory.paths.contains { $0.health.onDown == .next }
        let clusters = inventory.clusters
        let examples = FirstPlaces(clusters.map(\.domain))
        sharedRefusals = builder.sharedSuffixes.map { shared in
            let example = examples[shared.name].flatMap { clusters[$0].names.first }
            let hint = example.map { "; ask below a cluster's own name, such as \($0)" } ?? ""
            return ExtendedError(
                .notAuthoritative, "no cluster answers plain \(shared.name) for this client\(hint)")
        }
    }

    /// The view of a client; nil if it may not ask.
    package func view(of client: IPAddress) -> Int? { clients.view(of: client) }

    /// True if the clients of a view may ask the cluster for anything.
    package func mayAsk(cluster: String, view: Int) -> Bool {
        views[view].access?.permits(cluster: cluster) ?? true
    }

    /// True if the name asked in `message` may have addresses inside a cluster, although it is not a
    /// cluster's name: `dns.allow-rebinding`.
    func mayLeadInside(_ message: Span<UInt8>) -> Bool {
        rebindingNames.longestMatch(message, at: Question.nameStart) != nil
    }

    /// True if the name asked in `message` is at or below a suffix of a cluster.
    func isClusterName(_ message: Span<UInt8>) -> Bool {
        switch suffixes.longestMatch(message, at: Question.nameStart)?.value {
        case .cluster, .noServers, .shared: true
        case .reverse, .special, nil: false
        }
    }

    /// Where the suffix of a cluster begins that has no names but those of Kubernetes; nil if `name` has no
    /// such suffix.
    ///
    /// - Parameter name: In wire form, uncompressed.
    func startOfKubernetesSuffix(_ name: Span<UInt8>) -> Int? {
        guard let match = suffixes.longestMatch(name, at: 0) else { return nil }
        switch match.value {
        case .cluster(let target): return targets[target].hasOnlyKubernetesNames ? match.suffixStart : nil
        case .shared: return match.suffixStart
        case .noServers, .reverse, .special: return nil
        }
    }

    /// The route of the question in `message`.
    ///
    /// - Parameter view: Index into `views`.
    package func route(_ message: Span<UInt8>, _ question: Question, view: Int) -> Route {
        guard let match = suffixes.longestMatch(message, at: Question.nameStart) else {
            return routeUpstream()
        }
        let suffixStart = match.suffixStart - Question.nameStart
        switch match.value {
        case .cluster(let target):
            return askByName(
                seen(targets[target], view), message, question, suffixStart: suffixStart, view: view)
        case .noServers(let cluster):
            if let access = views[view].access, !access.permits(cluster: cluster) {
                return .answer(.refused(Refusals.view))
            }
            return .answer(
                .refused(ExtendedError(.notAuthoritative, "cluster \(cluster) has no dns servers")))
        case .shared(let index):
            guard let target = views[view].sharedTargets[index] else {
                // The usual text gives another cluster's name as an example.
                return .answer(.refused(views[view].access == nil ? sharedRefusals[index] : Refusals.view))
            }
            return askByName(targets[target], message, question, suffixStart: suffixStart, view: view)
        case .reverse(let family, let isPrivate):
            switch reverse.owner(
                of: message, nameLength: question.nameLength, family: family, inside: views[view].inside,
                isPermitted: { views[view].access?.permits(cluster: groups[$0].name) ?? true })
            {
            case .cluster(let target):
                return askByAddress(seen(targets[target], view), message, question, view: view)
            case .shared(let clusters):
                return .answer(.zone(sharedAddress(clusters, view), start: suffixStart))
            case .aboveCluster where isPrivate:
                return .answer(.zone(LocalZone(names: .empty(isOnTheWay: true)), start: suffixStart))
            case .unowned where isPrivate:
                return .answer(.zone(LocalZone(names: .empty(isOnTheWay: false)), start: suffixStart))
            case .upstream, .aboveCluster, .unowned:
                return routeUpstream()
            }
        case .special(let name):
            // The parent zone answers for DS (RFC 4035 section 3.1.4.1).
            if suffixStart == 0, question.type == RecordType.ds, upstreamTarget != nil, name == .home {
                return routeUpstream()
            }
            return .answer(.zone(name.zone, start: suffixStart))
        }
    }

    /// The target as clients of the view have it: with inner addresses if they stand inside of its cluster.
    private func seen(_ target: RouteTarget, _ view: Int) -> RouteTarget {
        guard let twin = target.innerTwin, views[view].inside.contains(target.groups[0]) else {
            return target
        }
        return targets[twin]
    }

    /// Asks `target` for a name below a suffix.
    private func askByName(
        _ target: RouteTarget, _ message: Span<UInt8>, _ question: Question, suffixStart: Int, view: Int
    ) -> Route {
        let route = permitted(target, message, suffixStart: suffixStart, view: view)
        guard outerOwners != nil, target.kind != .privateZone, case .ask = route,
            let other = targetOfOuterPodName(target, message, question, suffixStart: suffixStart)
        else { return route }
        return .ask(other, suffixStart: 0)
    }

    /// Asks `target` for a reverse name.
    private func askByAddress(
        _ target: RouteTarget, _ message: Span<UInt8>, _ question: Question, view: Int
    ) -> Route {
        if let access = views[view].access, !access.permitsAllNamespaces {
            return .answer(.refused(Refusals.view))
        }
        // Of a name that is asked otherwise the part before the zone stays.
        let kept = target.rewritesQuestion ? target.mapping.outer.wire.count : 1
        return permitted(
            target, message, suffixStart: question.nameLength - kept, view: view, isReverse: true)
    }

    /// Asks `target` if the view's clients may ask all its clusters, and the name's namespace.
    private func permitted(
        _ target: RouteTarget, _ message: Span<UInt8>, suffixStart: Int, view: Int,
        isReverse: Bool = false
    ) -> Route {
        guard let access = views[view].access else { return .ask(target, suffixStart: suffixStart) }
        // Names outside of the schema have no namespace.
        let isInNamespace =
            target.kind == .privateZone
            ? access.permitsAllNamespaces : isReverse || access.permits(message, suffixStart: suffixStart)
        guard isInNamespace, target.groups.allSatisfy({ access.permits(cluster: groups[$0].name) }) else {
            return .answer(.refused(Refusals.view))
        }
        return .ask(target, suffixStart: suffixStart)
    }

    /// The route of a name of no cluster.
    private func routeUpstream() -> Route {
        guard let upstreamTarget else { return .answer(.refused(Self.noUpstream)) }
        return .ask(upstreamTarget, suffixStart: 0)
    }

    /// The refusal without `dns.upstream`.
    static let noUpstream = ExtendedError(
        .notAuthoritative, "this name belongs to no cluster, and no dns.upstream is configured")
}

extension IPPrefixTable where Value == Bool {
    /// The set of addresses inside `prefixes`; nil if there are none.
    init?(containing prefixes: [IPPrefix]) {
        guard !prefixes.isEmpty else { return nil }
        self.init(prefixes.map { ($0, true) })
    }
}
