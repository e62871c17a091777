import AnswerCache
package import DNSServer
import DomainNames
import Forwarding
package import Inventory
package import JSON
import LinuxSystem
import Synchronization
import Time

/// Answers requests about a running DNS server, and executes commands on it.
package final class ServerControl: Sendable {
    /// The server.
    package let server: DNSServer
    /// The program's version.
    let version: String
    /// The most octets of the cache.
    let cacheLimit: Int
    /// When the server was started.
    let start = MonotonicClock.now
    /// The same as wall-clock time, in seconds since 1970.
    let startSeconds = WallClock.seconds
    /// The configuration in use, and the results of reloads.
    let record: Mutex<ReloadRecord>
    /// Reads and applies the configuration.
    private let load: ReloadAttempt?
    /// Called for each event of a reload.
    private let announce: @Sendable (ReloadNews) -> Void
    /// The names that clusters are known to have.
    let catalogue: NameCatalogue
    /// What other parts of this host know.
    let reports: HostReports
    /// Locked during a reload.
    private let isReloading = Mutex(())
    /// Earlier values of the numbers.
    let history: Mutex<StatusHistory>

    /// - Parameters:
    ///   - version: The program's.
    ///   - inventory: The configuration that the server was made from.
    ///   - load: Reads the configuration again and applies it; nil: there is no file.
    ///   - reports: What other parts of this host know.
    ///   - announce: Called for each event of a reload, on the thread that asked for it.
    package init(
        _ server: DNSServer, version: String, inventory: Inventory, load: ReloadAttempt? = nil,
        reports: HostReports = HostReports(),
        announce: @escaping @Sendable (ReloadNews) -> Void = { _ in }
    ) {
        self.server = server
        self.version = version
        self.load = load
        self.announce = announce
        self.reports = reports
        catalogue = NameCatalogue(server)
        record = Mutex(ReloadRecord(inventory))
        cacheLimit = inventory.dns.cache.size
        history = Mutex(StatusHistory(start: start))
    }

    /// Records the present numbers; call it every five seconds, from one thread or several.
    package func tick() {
        let statistics = server.statistics
        history.withLock { $0.tick(statistics, at: MonotonicClock.now) }
        _ = downTimes(at: MonotonicClock.now)
        catalogue.tick()
    }

    /// The answer to a request.
    package func answer(_ request: ControlRequest) -> JSONValue {
        switch request {
        case .status: status.json
        case .ready: readiness.json
        case .flush(let scope): flush(scope)
        case .reload: reload().json
        case .names(let scope, let from): names(scope, from: from)
        case .walk(let cluster, let rate): walk(cluster, perSecond: rate)
        }
    }

    // MARK: - Reload

    /// The configuration in use.
    var inventory: Inventory { record.withLock { $0.inventory } }

    /// Applies the configuration file as it is now; on failure nothing changes.
    ///
    ///     Returns when all workers have switched over. Calls at the same time run one after the other.
    @discardableResult
    package func reload(_ scope: ReloadScope = .everything) -> ReloadOutcome {
        isReloading.withLock { _ in
            let generation = record.withLock { $0.generation }
            guard let load else {
                return ReloadOutcome(
                    generation: generation, isApplied: false, isConfigurationWrong: true,
                    problems: ["the demo has no configuration file to read again"])
            }
            announce(.hasBegun)
            defer { announce(.isOver(summary: summary)) }
            let old = server.policy
            let result = load(inventory, generation + 1, scope)
            if case .success = result {
                let new = server.policy
                history.withLock { $0.rearrange(new, after: old) }
            }
            return record.withLock { $0.note(result, at: WallClock.seconds) }
        }
    }

    /// The state of the server in one line, for the service manager.
    package var summary: String {
        let clusters = inventory.clusters.count
        let workers = server.workerTurns.count
        var parts = [
            "serving \(clusters) \(clusters == 1 ? "cluster" : "clusters")"
                + " with \(workers) \(workers == 1 ? "worker" : "workers")"
        ]
        let reload = record.withLock { $0.status }
        if reload.generation > 1 { parts.append("configuration \(reload.generation)") }
        if !reload.lastProblems.isEmpty {
            let count = reload.lastProblems.count
            parts.append("a new one was not taken: \(count) \(count == 1 ? "problem" : "problems")")
        }
        let (policy, board) = server.policyAndBoard
        for group in policy.groups where group.servers.allSatisfy({ board.servers[$0].isDead }) {
            parts.append("no server of \(group.name) answers")
        }
        return parts.joined(separator: ", ")
    }

    // MARK: - Names

    /// The known names in a scope from a place on, as many as one answer holds, for clients on this host.
    ///
    /// Behind the last possible place there is no name, and none is looked for: to ask how far a walk is
    /// costs little.
    private func names(_ scope: NameScope, from: Int) -> JSONValue {
        let names = from == .max ? [] : catalogue.listing(scope, from: from)
        return .object([
            ("names", .array(NameCatalogue.page(of: names.dropFirst(from)))),
            ("total", .integer(names.count)),
            (
                "paths",
                .object(
                    pathStates.filter { hostMayAsk($0.key) }.sorted { $0.key < $1.key }
                        .map { ($0.key, .string($0.value)) })
            ), ("walks", catalogue.walksJSON(for: catalogue.hostClient)),
        ])
    }

    /// Begins a walk of a cluster's service ranges.
    private func walk(_ key: String, perSecond: Int) -> JSONValue {
        guard server.policy.view(of: catalogue.hostClient) != nil else {
            return Self.refusal("\(catalogue.hostClient) may not ask: it is in no prefix of dns.clients")
        }
        let asked = inventory.clusters.filter { !$0.dns.isEmpty && hostMayAsk($0.key) }
        guard let cluster = asked.first(where: { $0.key == key }) else {
            let known = asked.map(\.key).joined(separator: ", ")
            return Self.refusal("no cluster \"\(key)\" is asked here, expected one of: \(known)")
        }
        if let reason = catalogue.walk(cluster, perSecond: perSecond) { return Self.refusal(reason) }
        return .object([("walks", catalogue.walksJSON(for: catalogue.hostClient))])
    }

    /// True if this host may ask the cluster for names.
    private func hostMayAsk(_ cluster: String) -> Bool {
        let policy = server.policy
        return policy.view(of: catalogue.hostClient).map { policy.mayAsk(cluster: cluster, view: $0) }
            ?? false
    }

    /// Ends what runs beside the server.
    package func stop() { catalogue.stop() }

    // MARK: - Flush

    /// Notes what a request to remove answers says of services.
    private func noteFacts(_ scope: FlushScope) {
        switch scope {
        case .services(let key, let services, let gone):
            guard let suffix = inventory.cluster(key)?.names.first else { return }
            catalogue.noteFacts(of: key, below: suffix, services: services, gone: gone)
        case .missed(let key): catalogue.forgetFacts(of: key)
        case .everything, .name, .below, .cluster: break
        }
    }

    /// Removes answers from the cache.
    private func flush(_ scope: FlushScope) -> JSONValue {
        noteFacts(scope)
        guard let cache = server.cache else { return Self.refusal("the server has no cache") }
        let count: Int
        switch scope {
        case .everything:
            count = cache.removeAll { _ in true }
        case .name(let name):
            count = cache.removeAll { DomainName($0) == name }
        case .below(let name):
            count = cache.removeAll { DomainName($0)?.isAtOrBelow(name) ?? false }
        case .cluster(let key), .missed(let key), .services(cluster: let key, _, _):
            let policy = server.policy
            guard let group = policy.groups.firstIndex(where: { $0.name == key }) else {
                let known = policy.groups.map(\.name).joined(separator: ", ")
                return Self.refusal(
                    "no cluster \"\(key)\" is asked here, expected one of: \(known)"
                        + " (a name of one label takes a final dot)")
            }
            guard case .services(_, let services, let gone) = scope else {
                count = cache.removeAll { policy.mayAnswer($0, group: group) }
                break
            }
            let meant = Set(services + gone)
            count = cache.removeAll {
                DomainName($0)?.belongs(to: meant) == true && policy.mayAnswer($0, group: group)
            }
        }
        return .object([("flushed", .integer(count))])
    }

    /// A refusal as JSON.
    private static func refusal(_ reason: String) -> JSONValue { .object([("error", .string(reason))]) }
}

extension DomainName {
    /// True for a name of one of the services, as `SERVICE.NAMESPACE`, below any suffix: their own names and
    /// all below them, as those of pods and ports.
    fileprivate func belongs(to services: Set<String>) -> Bool {
        let labels = labels.map { String(decoding: $0.map(foldedOctet), as: UTF8.self) }
        return labels.indices.contains { index in
            index >= 2 && labels[index] == "svc"
                && services.contains("\(labels[index - 2]).\(labels[index - 1])")
        }
    }

    /// Copies a name in wire form; nil if it is not one.
    fileprivate init?(_ wire: Span<UInt8>) {
        var octets: [UInt8] = []
        octets.reserveCapacity(wire.count)
        for index in wire.indices { octets.append(wire[index]) }
        guard let name = try? DomainName(wire: octets) else { return nil }
        self = name
    }
}
