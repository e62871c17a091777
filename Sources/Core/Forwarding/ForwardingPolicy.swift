package import DNSWire
import DomainNames
package import IPAddressing
package import Inventory

/// Who may ask, and where each question goes: the inventory's names turned into tables.
///
/// Immutable: workers share one and swap it for another as a whole.
package final class ForwardingPolicy: Sendable {
    /// Every name server that may be asked.
    package let servers: [Endpoint]

    /// The clusters' servers in the order of the file; last the servers of `dns.upstream`, where there are
    /// any.
    package let groups: [ServerGroup]

    /// The names of all groups that there are or were in policies before this one: counts stay under the same
    /// number, whatever the order. The first, empty, is for what no group answered.
    package let clusterNames: [String]

    package let targets: [RouteTarget]

    /// For each target the names for which its servers are believed.
    let bailiwicks: [Bailiwick]

    /// For each server the group it belongs to.
    package let groupOfServer: [Int]

    /// `views[0]` is for all clients that no view names.
    package let views: [ViewPolicy]

    /// The largest UDP reply, in octets.
    package let maximumUDPSize: Int

    /// A view: the clients that share one picture of the names.
    package struct ViewPolicy: Sendable {
        package let name: String
        /// For each plain cluster domain the index of its target; -1 where nobody answers it for these
        /// clients.
        let bareTargets: [Int]
        /// What these clients may ask; nil: everything.
        var access: ViewAccess?
    }

    /// The pods and services of all clusters; nil where the file names none.
    let clusterAddresses: IPPrefixTable<Bool>?

    /// The same and `dns.allow-rebinding`, to be compared: what decides about answers from `dns.upstream`.
    let guarded: Guarded

    struct Guarded: Hashable, Sendable {
        let prefixes: [IPPrefix]
        let exceptions: [DomainName]
    }

    /// How fast clients may have questions asked; nil: as fast as they like.
    let rateLimit: RateLimit?

    /// What clients may have in flight.
    package let limits: EngineLimits

    /// How often clients get nearly the same reply over UDP.
    let responseRateLimit: ResponseRateLimit

    /// True where who may not ask gets no reply at all.
    let dropsStrangers: Bool

    private let rebindingNames: SuffixMap<Bool>
    private let clients: IPPrefixTable<Bool>
    private let viewByClient: IPPrefixTable<Int>?
    private let suffixes: SuffixMap<SuffixUse>
    private let reverse: ReverseRouting
    private let upstreamTarget: RouteTarget?
    private let bareDomains: [DomainName]
    private let bareRefusals: [ExtendedError]

    /// What a suffix means.
    enum SuffixUse: Sendable {
        /// A cluster's suffix: index of its target.
        case cluster(target: Int)
        /// A suffix of a cluster of which no DNS server is known.
        case noServers(cluster: String)
        /// A domain that clusters share: index into `bareDomains`.
        case bareDomain(Int)
        /// `in-addr.arpa` or `ip6.arpa`, or a private zone below one of them.
        case reverse(AddressFamily, isPrivate: Bool)
        /// A name that is answered here.
        case special(SpecialName)
    }

    /// - Parameters:
    ///   - inventory: Checked: `Inventory.check` found no error in it.
    ///   - old: The policy that this one takes the place of.
    package init(_ inventory: Inventory, after old: ForwardingPolicy? = nil) {
        var builder = PolicyBuilder(inventory.dns.cache, clusterNames: old?.clusterNames ?? [""])
        builder.addClusters(inventory.clusters)
        builder.addViews(inventory)
        builder.addUpstream(inventory.dns.upstream)
        builder.addSpecialNames(asking: inventory.dns.specialUpstream)
        builder.addReverseZones()
        bailiwicks = builder.bailiwicks()
        servers = builder.servers
        groups = builder.groups
        clusterNames = builder.clusterNames
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
        clients = IPPrefixTable(inventory.dns.clients.map { ($0, true) })
        viewByClient =
            inventory.dns.views.isEmpty
            ? nil
            : IPPrefixTable(
                inventory.dns.views.enumerated().flatMap { index, view in view.clients.map { ($0, index + 1) }
                })
        suffixes = SuffixMap(builder.suffixes)
        clusterAddresses = IPPrefixTable(containing: inventory.clusters.flatMap { $0.pods + $0.services })
        guarded = Guarded(
            prefixes: inventory.clusters.flatMap { $0.pods + $0.services },
            exceptions: inventory.dns.allowRebinding)
        rebindingNames = SuffixMap(inventory.dns.allowRebinding.map { ($0, true) })
        reverse = ReverseRouting(builder.reverse, upstream: inventory.dns.reverseUpstream)
        upstreamTarget = builder.upstreamTarget
        bareDomains = builder.bareDomains
        let clusters = inventory.clusters
        let examples = FirstPlaces(clusters.map(\.domain))
        bareRefusals = builder.bareDomains.map { domain in
            let example = examples[domain].flatMap { clusters[$0].names.first }
            let hint = example.map { "; ask below a cluster's own name, such as \($0)" } ?? ""
            return ExtendedError(
                .notAuthoritative, "no cluster answers plain \(domain) for this client\(hint)")
        }
    }

    /// The view of a client; nil where it may not ask.
    package func view(of client: IPAddress) -> Int? {
        guard clients.longestMatch(client) != nil else { return nil }
        return viewByClient?.longestMatch(client) ?? 0
    }

    /// True where the name asked in `message` may have addresses inside a cluster, although it is none of a
    /// cluster's: `dns.allow-rebinding`.
    func mayLeadInside(_ message: Span<UInt8>) -> Bool {
        rebindingNames.longestMatch(message, at: Question.nameStart) != nil
    }

    /// True if the name asked in `message` is at or below a suffix of a cluster.
    func isClusterName(_ message: Span<UInt8>) -> Bool {
        switch suffixes.longestMatch(message, at: Question.nameStart)?.value {
        case .cluster, .noServers, .bareDomain: true
        case .reverse, .special, nil: false
        }
    }

    /// Where the question in `message` goes.
    ///
    /// - Parameter view: Index into `views`.
    package func route(_ message: Span<UInt8>, _ question: Question, view: Int) -> Route {
        guard let match = suffixes.longestMatch(message, at: Question.nameStart) else {
            return routeUpstream()
        }
        let suffixStart = match.suffixStart - Question.nameStart
        switch match.value {
        case .cluster(let target):
            return permitted(targets[target], message, suffixStart, view)
        case .noServers(let cluster):
            if let access = views[view].access, !access.permits(cluster: cluster) {
                return .answer(.refused(Refusals.view))
            }
            return .answer(
                .refused(ExtendedError(.notAuthoritative, "cluster \(cluster) has no dns servers")))
        case .bareDomain(let domain):
            let target = views[view].bareTargets[domain]
            guard target >= 0 else {
                // The usual text gives another cluster's name as an example.
                return .answer(.refused(views[view].access == nil ? bareRefusals[domain] : Refusals.view))
            }
            return permitted(targets[target], message, suffixStart, view)
        case .reverse(let family, let isPrivate):
            switch reverse.owner(of: message, nameLength: question.nameLength, family: family) {
            case .cluster(let target):
                if let access = views[view].access, !access.permitsReverseNames {
                    return .answer(.refused(Refusals.view))
                }
                let end = question.nameLength - 1
                return permitted(targets[target], message, end, view, isReverse: true)
            case .aboveCluster where isPrivate:
                return .answer(.zone(LocalZone(names: .empty(isOnTheWay: true)), start: suffixStart))
            case .nobody where isPrivate:
                return .answer(.zone(LocalZone(names: .empty(isOnTheWay: false)), start: suffixStart))
            case .upstream, .aboveCluster, .nobody:
                return routeUpstream()
            }
        case .special(let name):
            // Whether the zone above signs it, the zone above says (RFC 4035 section 3.1.4.1).
            if suffixStart == 0, question.type == RecordType.ds, upstreamTarget != nil, name == .home {
                return routeUpstream()
            }
            return .answer(.zone(name.zone, start: suffixStart))
        }
    }

    /// Asks `target`, where the view's clients may: all its clusters, and the name's namespace.
    private func permitted(
        _ target: RouteTarget, _ message: Span<UInt8>, _ suffixStart: Int, _ view: Int,
        isReverse: Bool = false
    ) -> Route {
        guard let access = views[view].access else { return .ask(target, suffixStart: suffixStart) }
        guard target.groups.allSatisfy({ access.permits(cluster: groups[$0].name) }),
            isReverse || access.permits(message, suffixStart: suffixStart)
        else { return .answer(.refused(Refusals.view)) }
        return .ask(target, suffixStart: suffixStart)
    }

    private func routeUpstream() -> Route {
        guard let upstreamTarget else { return .answer(.refused(Self.noUpstream)) }
        return .ask(upstreamTarget, suffixStart: 0)
    }

    private static let noUpstream = ExtendedError(
        .notAuthoritative, "this name belongs to no cluster, and no dns.upstream is configured")
}

extension IPPrefixTable where Value == Bool {
    /// The set of addresses inside `prefixes`; nil where there are none.
    init?(containing prefixes: [IPPrefix]) {
        guard !prefixes.isEmpty else { return nil }
        self.init(prefixes.map { ($0, true) })
    }
}
