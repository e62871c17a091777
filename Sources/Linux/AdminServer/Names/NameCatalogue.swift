import AnswerCache
import DNSServer
import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import Synchronization
import Time

/// The names that clusters are known to have: those of services whose endpoints a follower has seen, those
/// that a walk of their service ranges found, and those in the cache. What a client may not ask is not shown
/// to it.
final class NameCatalogue: Sendable {
    /// The server.
    private let server: DNSServer
    /// What walks found, and the running one.
    private let walks = Mutex(Walks())

    /// The most names that walks have found; further ones are left out.
    static let mostNames = 1 << 18
    /// The most names of one answer.
    static let pageSize = 5_000
    /// The most octets of the names of one answer, as JSON: a name may have over a thousand.
    static let pageOctets = 1 << 20
    /// How long a listing is kept for the pages behind the first.
    private static let listingSeconds = 10

    /// How long the names of a search are kept for the next one.
    private static let searchSeconds = 3

    /// The most listings that are kept: a few views are searched, and some scopes listed, at the same time.
    private static let mostListings = 8

    /// What was listed lately, the latest last.
    private let listings = Mutex<[Listing]>([])

    /// Walks, and what they found.
    private struct Walks {
        /// By name and cluster.
        var found: [Found: Sighting] = [:]
        /// The last walk of each cluster.
        var byCluster: [String: AddressWalk] = [:]
        /// The counts of walks before those.
        var earlier = AddressWalk.Progress()
        /// The thread of the running walk.
        var thread: NativeThread?
    }

    /// What clients of a view were shown: they may all ask the same.
    private struct Listing {
        /// What it is for.
        let key: ListingKey
        /// Says what the clients may ask.
        let policy: ForwardingPolicy
        /// When it was made.
        let time: MonotonicTime
        /// In order.
        let names: [KnownName]
    }

    /// What a listing is for.
    private struct ListingKey: Hashable {
        /// The view.
        let view: Int
        /// What was asked for.
        let scope: NameScope
        /// True for a search, false for a list with pages.
        let isSearch: Bool
    }

    /// When a follower last saw endpoints of a service.
    private let facts = Mutex<[Found: MonotonicTime]>([:])

    /// A name of a cluster.
    private struct Found: Hashable {
        let name: DomainName
        let cluster: String
    }

    /// A name that clients of a view have asked for.
    fileprivate struct CachedName: Hashable {
        /// In wire form and lower case.
        let wire: [UInt8]
        /// The view.
        let view: Int
        /// The number of the cluster that answered.
        let owner: Int
    }

    /// Where and when a name was seen.
    private struct Sighting {
        let address: IPAddress
        let time: MonotonicTime
    }

    init(_ server: DNSServer) {
        self.server = server
    }

    // MARK: - Listing

    /// The names in `scope` that this host may ask for, of which those from a place on are wanted: behind the
    /// first page they are those that it was part of.
    func listing(_ scope: NameScope, from: Int) -> [KnownName] {
        let seconds = from > 0 ? Self.listingSeconds : 0
        guard let view = server.policy.view(of: hostClient) else { return [] }
        return listing(ListingKey(view: view, scope: scope, isSearch: false), noOlderThan: seconds)
    }

    /// All names that `client` may ask for, as they were a moment ago: a search is asked with each key that
    /// is pressed.
    func names(for client: IPAddress) -> [KnownName] {
        guard let view = server.policy.view(of: client) else { return [] }
        let key = ListingKey(view: view, scope: NameScope(), isSearch: true)
        return listing(key, noOlderThan: Self.searchSeconds)
    }

    /// The names that clients are shown.
    ///
    /// - Parameter seconds: The age of an earlier listing that may be shown once more.
    private func listing(_ key: ListingKey, noOlderThan seconds: Int) -> [KnownName] {
        let policy = server.policy
        let now = MonotonicClock.now
        let last = listings.withLock { $0.last { $0.key == key && $0.policy === policy } }
        if let last, now.seconds(since: last.time) < seconds { return last.names }
        let names = names(key.scope, policy, view: key.view)
        let listing = Listing(key: key, policy: policy, time: now, names: names)
        listings.withLock { listings in
            listings.removeAll { $0.key == key || $0.policy !== policy }
            if listings.count >= Self.mostListings { listings.removeFirst() }
            listings.append(listing)
        }
        return names
    }

    /// The first names as JSON, as many as one answer holds; at least one, if there is one.
    static func page(of names: ArraySlice<KnownName>) -> [JSONValue] {
        var page: [JSONValue] = []
        var octets = 0
        for name in names.prefix(pageSize) {
            let json = name.json
            octets += json.description.utf8.count + 1
            guard page.isEmpty || octets <= pageOctets else { break }
            page.append(json)
        }
        return page
    }

    /// Forgets listings whose further pages are not asked for; call it every few seconds.
    func tick() {
        let now = MonotonicClock.now
        listings.withLock { $0.removeAll { now.seconds(since: $0.time) >= Self.listingSeconds } }
    }

    /// The names in `scope` that `client` may ask for, in order, each once.
    func names(_ scope: NameScope, for client: IPAddress) -> [KnownName] {
        let policy = server.policy
        return policy.view(of: client).map { names(scope, policy, view: $0) } ?? []
    }

    /// The names in `scope` that clients of `view` may ask for, in order, each once.
    private func names(_ scope: NameScope, _ policy: ForwardingPolicy, view: Int) -> [KnownName] {
        let now = MonotonicClock.now
        var known: [Found: KnownName] = [:]
        for (found, sighting) in walks.withLock({ $0.found })
        where scope.contains(found.name, of: found.cluster) {
            guard policy.cluster(of: found.name, view: view) == found.cluster else { continue }
            known[found] = KnownName(
                name: found.name, cluster: found.cluster, address: sighting.address, source: .walk,
                ageSeconds: now.seconds(since: sighting.time))
        }
        for (found, time) in facts.withLock({ $0 }) where scope.contains(found.name, of: found.cluster) {
            guard policy.cluster(of: found.name, view: view) == found.cluster else { continue }
            known[found] = KnownName(
                name: found.name, cluster: found.cluster, address: known[found]?.address, source: .facts,
                ageSeconds: now.seconds(since: time))
        }
        for (cached, stored) in cachedNames {
            guard let name = try? DomainName(wire: cached.wire),
                let cluster = policy.cluster(of: name, view: view, cached), scope.contains(name, of: cluster)
            else { continue }
            let found = Found(name: name, cluster: cluster)
            let age = now.seconds(since: stored)
            if let other = known[found], other.source != .cache || other.ageSeconds <= age { continue }
            known[found] = KnownName(name: name, cluster: cluster, source: .cache, ageSeconds: age)
        }
        let texts = known.values.map { (text: "\($0.name)", known: $0) }
        return texts.sorted { ($0.known.cluster, $0.text) < ($1.known.cluster, $1.text) }.map(\.known)
    }

    /// The names of cached answers with addresses, ports or an alias, and when each was last stored.
    private var cachedNames: [CachedName: MonotonicTime] {
        var names: [CachedName: MonotonicTime] = [:]
        server.cache?.visit { name, glance in
            switch glance.type {
            case RecordType.a, RecordType.aaaa, RecordType.cname:
                let wire = name.indices.map { foldedOctet(name[$0]) }
                let cached = CachedName(wire: wire, view: glance.view, owner: Int(glance.owner))
                names[cached] = max(names[cached] ?? glance.stored, glance.stored)
            default: break
            }
        }
        return names
    }

    // MARK: - Facts

    /// Notes what a follower has seen of the services of a cluster.
    ///
    /// - Parameters:
    ///   - suffix: The cluster's, as clients use it.
    ///   - services: Those with endpoints, each as `SERVICE.NAMESPACE`.
    ///   - gone: Those that may have none any more: what is known of them no longer holds.
    func noteFacts(of cluster: String, below suffix: DomainName, services: [String], gone: [String]) {
        let now = MonotonicClock.now
        func found(_ service: String) -> Found? {
            guard let name = try? DomainName(parsing: service + ".svc"),
                let whole = try? name.appending(suffix)
            else { return nil }
            return Found(name: whole.folded, cluster: cluster)
        }
        let left = gone.compactMap(found)
        facts.withLock { facts in
            for service in services.compactMap(found)
            where facts[service] != nil || facts.count < Self.mostNames {
                facts[service] = now
            }
            for service in left { facts[service] = nil }
        }
        walks.withLock { walks in
            for service in left { walks.found[service] = nil }
        }
    }

    /// Forgets what followers have seen of a cluster: they may have missed changes.
    func forgetFacts(of cluster: String) {
        facts.withLock { facts in facts = facts.filter { $0.key.cluster != cluster } }
    }

    // MARK: - Walking

    /// This host, as the server sees it: on loopback if it listens there.
    var hostClient: IPAddress {
        let bound = server.boundEndpoints.map(\.address)
        let loopback = IPAddress(v4: 0x7F00_0001)
        let address =
            bound.first { $0.isLoopback } ?? bound.first { $0.isUnspecified && $0.family == .v4 }
            ?? bound.first ?? loopback
        guard address.isUnspecified else { return address }
        return address.family == .v4 ? loopback : IPAddress(v6: 1)
    }

    /// Starts a walk of a cluster's IPv4 service ranges; gives the reason if it can't.
    ///
    /// - Parameter perSecond: Questions a second.
    func walk(_ cluster: Cluster, perSecond: Int) -> String? {
        let inner = cluster.services.filter { $0.family == .v4 }
        // Outside of the cluster its addresses are outer ones.
        let ranges = cluster.isMapped ? inner.flatMap { cluster.addressMap.outer(of: $0) } : inner
        guard !ranges.isEmpty else { return "cluster \(cluster.key) has no IPv4 \"services\" in the file" }
        guard AddressWalk.addressCount(of: ranges) <= AddressWalk.mostAddresses else {
            return
                "the service ranges of \(cluster.key) have more than \(AddressWalk.mostAddresses) addresses"
        }
        let walk = AddressWalk(
            ranges, as: hostClient, AddressWalk.Pace(perSecond: perSecond),
            serving: { [server] in server.policyAndBoard }
        ) { [weak self] address, name in
            self?.note(name, of: cluster.key, at: address)
        }
        return walks.withLock { walks in
            if let running = walks.byCluster.first(where: { !$0.value.progress.isOver }) {
                return "a walk of \(running.key) is under way"
            }
            do throws(AddressWalk.StartError) {
                walks.thread?.join()
                walks.thread = try walk.start()
                if let last = walks.byCluster.updateValue(walk, forKey: cluster.key) {
                    walks.earlier.add(last.progress)
                }
                return nil
            } catch {
                return "the walk can't begin: \(error)"
            }
        }
    }

    /// Ends a running walk, and waits for its thread.
    func stop() {
        let thread = walks.withLock { walks in
            for walk in walks.byCluster.values { walk.stop() }
            defer { walks.thread = nil }
            return walks.thread
        }
        thread?.join()
    }

    /// Notes a name that a walk has found.
    private func note(_ name: DomainName, of cluster: String, at address: IPAddress) {
        let found = Found(name: name.folded, cluster: cluster)
        walks.withLock { walks in
            guard walks.found[found] != nil || walks.found.count < Self.mostNames else { return }
            walks.found[found] = Sighting(address: address, time: MonotonicClock.now)
        }
    }

    /// The questions and answers of all walks so far.
    var walkCounts: AddressWalk.Progress {
        walks.withLock { walks in
            walks.byCluster.values.reduce(into: walks.earlier) { $0.add($1.progress) }
        }
    }

    /// The last walk of each cluster that `client` may ask, as JSON.
    func walksJSON(for client: IPAddress) -> JSONValue {
        let policy = server.policy
        guard let view = policy.view(of: client) else { return .array([]) }
        return Self.json(
            walks.withLock { $0.byCluster }.filter { policy.mayAsk(cluster: $0.key, view: view) })
    }

    /// Walks as JSON.
    private static func json(_ walks: [String: AddressWalk]) -> JSONValue {
        .array(
            walks.sorted { $0.key < $1.key }.map { cluster, walk in
                let progress = walk.progress
                return .object([
                    ("cluster", .string(cluster)), ("addresses", .integer(progress.total)),
                    ("asked", .integer(progress.asked)), ("answered", .integer(progress.answered)),
                    ("found", .integer(progress.found)), ("failed", .integer(progress.failed)),
                    ("lost", .integer(progress.lost)),
                    ("over", .boolean(progress.isOver)), ("given-up", .boolean(progress.isGivenUp)),
                ])
            })
    }
}

extension ForwardingPolicy {
    /// The cluster that `name` is of for clients of a view; nil if they may not ask for it, or it is no
    /// cluster's name.
    ///
    /// - Parameter cached: The cached answer: below a suffix that clusters share it says which of them has
    ///   the name. Nil: there is none.
    fileprivate func cluster(
        of name: DomainName, view: Int, _ cached: NameCatalogue.CachedName? = nil
    ) -> String? {
        guard case .ask(let target, _) = route(of: name, view: view) else { return nil }
        switch target.kind {
        case .clusterSuffix, .privateZone: return groups[target.groups[0]].name
        case .bareDomain, .merged, .clusterSet:
            // Clients of another view may get it from another cluster.
            guard let cached, cached.view == view else { return nil }
            return target.groups.map { groups[$0] }.first { $0.number == cached.owner }?.name
        case .reverse, .upstream: return nil
        }
    }
}
