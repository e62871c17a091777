import AnswerCache
import DNSServer
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import PathHealth
import Synchronization
import Telemetry
import Time

// The state of the server.

extension ServerControl {
    /// The present state of the server.
    package var status: ServerStatus {
        let now = MonotonicClock.now
        let statistics = server.statistics
        let history = history.withLock { $0 }
        var status = ServerStatus()
        status.version = version
        status.processID = ProcessLimits.processID
        status.host = ThisHost.name
        status.uptimeSeconds = now.seconds(since: start)
        status.workers = statistics.workers.map(ServerStatus.Worker.init)
        status.absentListeners = server.absentEndpoints.map { "\($0)" }
        let sample = StatusHistory.Sample(statistics, at: now)
        status.recentQuestions = max(0, sample.questions - history.reference.questions)
        status.recentMilliseconds = Int(now.nanoseconds(since: history.reference.time) / 1_000_000)
        status.success = history.success(upTo: sample)
        status.recentTotal = history.work(upTo: sample)
        status.refusedClients = refusedClients(statistics, at: now)
        status.history = history.points(upTo: sample)
        addSymptoms(history.unmatched(upTo: sample), at: now, to: &status)
        status.cache = server.cache.map { ServerStatus.Cache($0.statistics, limit: cacheLimit) }
        status.limits = LimitCount.all(statistics).map { .init($0.name, $0.words, $0.count) }
        let latencies = StatusHistory.Latencies(turns: statistics.turns, meters: statistics.meters)
        status.cachedLatency = history.recent(latencies) { $0.turns }
        status.lookupLatency = history.recent(latencies) {
            $0.meters?.lookups.total ?? LatencyHistogram()
        }
        status.groups = groups(latencies, history, at: now)
        status.suffixes = suffixes
        if let meters = latencies.meters { addCounts(meters, to: &status) }
        let agent = agentReport
        status.network = agent.map(Self.networkObjects)
        addPlaces(to: &status, agent)
        addPathHealth(to: &status, at: now)
        status.followed = followed
        status.renderings = reports.changedRenderings(inventory)
        addTrouble(statistics, at: now, to: &status)
        status.reload = record.withLock { $0.status }
        return status
    }

    /// The clusters and their name servers.
    private func groups(
        _ latencies: StatusHistory.Latencies, _ history: StatusHistory, at now: MonotonicTime
    ) -> [ServerStatus.Group] {
        let (policy, board) = server.policyAndBoard
        let downTimes = downTimes(at: now)
        let inventory = inventory
        let translated = reports.translatedPackets(inventory)
        return policy.groups.map { group in
            var shown = ServerStatus.Group(
                name: group.name,
                servers: group.servers.map { index in
                    let health = board.servers[index]
                    let lastError = health.lastError
                    var shown = ServerStatus.Server(
                        address: "\(policy.servers[index])", state: health.mode.words,
                        roundTripMicroseconds: health.roundTrip > 0 ? Int(health.roundTrip / 1000) : nil,
                        lastError: lastError.isEmpty ? nil : lastError)
                    shown.downSeconds = downTimes["\(group.name) \(shown.address)"].map {
                        now.seconds(since: $0)
                    }
                    shown.latency = history.recent(latencies) {
                        $0.meters?.serverLatency.histogram(index) ?? LatencyHistogram()
                    }
                    guard let meters = latencies.meters else { return shown }
                    shown.asked =
                        meters.value(.askedOverUDP, index) + meters.value(.askedOverTCP, index)
                    shown.answered = meters.value(.answered, index)
                    shown.straying = meters.value(.straying, index)
                    shown.failures = ServerMetrics.failures.reduce(0) { $0 + meters.value($1.0, index) }
                    return shown
                })
            shown.latency = history.recent(latencies) {
                $0.meters?.lookups.histogram(group.number) ?? LatencyHistogram()
            }
            if let cluster = inventory.cluster(group.name) {
                shown.domain = "\(cluster.domain)"
                shown.names = cluster.names.map { "\($0)" }
                shown.also = cluster.also.map { "\($0)" }
                shown.prefixes = (cluster.services + cluster.pods).map { "\($0)" }
                shown.map = cluster.addressMap.pairs.map { .init(inner: "\($0.inner)", outer: "\($0.outer)") }
                shown.translatedPackets = translated[cluster.key]
            }
            return shown
        }
    }

    /// The clusters with no more than the states of their name servers: it is asked twice a second.
    var groupStates: [ServerStatus.Group] {
        let (policy, board) = server.policyAndBoard
        return policy.groups.map { group in
            ServerStatus.Group(
                name: group.name,
                servers: group.servers.map { index in
                    let health = board.servers[index]
                    let lastError = health.lastError
                    return ServerStatus.Server(
                        address: "\(policy.servers[index])", state: health.mode.words,
                        lastError: lastError.isEmpty ? nil : lastError)
                })
        }
    }

    /// Since when servers are down, by cluster and address.
    func downTimes(at now: MonotonicTime) -> [String: MonotonicTime] {
        let (policy, board) = server.policyAndBoard
        let down = policy.groups.flatMap { group in
            group.servers.filter { board.servers[$0].isDead }.map {
                "\(group.name) \(policy.servers[$0])"
            }
        }
        return history.withLock { $0.note(down: Set(down), at: now) }
    }

    /// Merged suffixes, then private zones, each in the order of the file.
    private var suffixes: [ServerStatus.Suffix] {
        let inventory = inventory
        let merged = inventory.merges.map {
            ServerStatus.Suffix(name: "\($0.name)", kind: "merge \($0.mode.rawValue)", clusters: $0.clusters)
        }
        let sets = inventory.clusterSets.flatMap { set in
            inventory.suffixes(of: set).map {
                ServerStatus.Suffix(
                    name: "\($0)", kind: "cluster set", clusters: set.orderedMembers.map(\.cluster))
            }
        }
        return merged + sets
            + inventory.clusters.flatMap { cluster in
                cluster.also.map {
                    .init(name: "\($0)", kind: ServerStatus.Suffix.privateZone, clusters: [cluster.key])
                }
            }
    }

    /// Adds counts by response code, limit and Extended DNS Error.
    private func addCounts(_ meters: EngineMeters, to status: inout ServerStatus) {
        let cells = meters.answers.cells(of: server.policy)
        status.responseCodes = ResponseCodeColumn.names.compactMap { name in
            let count = cells.reduce(0) { $1.rcode == name ? $0 + $1.count : $0 }
            return count > 0 ? .init(name, "", count) : nil
        }
        for index in status.groups.indices {
            let name = status.groups[index].name
            status.groups[index].replies = cells.reduce(0) { $1.cluster == name ? $0 + $1.count : $0 }
        }
        status.extendedErrors = meters.extendedErrorCounts.map { .init($0.code, $0.purpose, $0.count) }
    }

    /// The last failures, and the most frequent names and clients if the query log is on.
    private func addTrouble(
        _ statistics: ServerStatistics, at now: MonotonicTime, to status: inout ServerStatus
    ) {
        func text(_ wire: [UInt8]) -> String { (try? DomainName(wire: wire))?.description ?? "" }
        status.failures = FailureTable.merged(statistics.workers.map(\.failures)).map { failure in
            ServerStatus.Failure(
                cluster: failure.cluster, name: text(failure.name),
                reason: String(decoding: failure.reason, as: UTF8.self), count: failure.count,
                secondsAgo: now.seconds(since: failure.last))
        }
        guard let log = server.queryLog else { return }
        let top = log.top(10)
        status.latestAnswers = log.latest.map {
            ServerStatus.LatestAnswer($0.reply, secondsAgo: now.seconds(since: $0.time))
        }
        status.topNames = top.names.map { .init(text($0.key), "", $0.count) }
        status.topClients = top.clients.map { .init("\($0.key)", "", $0.count) }
    }

    /// What is missing here, and what may be forged.
    private func addSymptoms(_ unmatched: EventRun, at now: MonotonicTime, to status: inout ServerStatus) {
        let (policy, board) = server.policyAndBoard
        status.shortages = board.shortages.entries.compactMap { entry in
            guard entry.run.isOn(at: now), let begun = entry.run.begun else { return nil }
            return ServerStatus.Shortage(
                entry.failure, count: entry.run.count, sinceSeconds: now.seconds(since: begun),
                secondsAgo: now.seconds(since: entry.run.last), server: entry.server.map { "\($0)" })
        }
        guard unmatched.isOn(at: now), let begun = unmatched.begun else { return }
        let named = board.servers.indices.filter { board.servers[$0].unmatched.last >= begun }
            .sorted { board.servers[$0].unmatched.count > board.servers[$1].unmatched.count }
        status.unmatched = ServerStatus.UnmatchedAnswers(
            count: unmatched.count, sinceSeconds: now.seconds(since: begun),
            secondsAgo: now.seconds(since: unmatched.last), servers: named.map { "\(policy.servers[$0])" })
    }

    /// Those that the configuration in use refuses still.
    private func refusedClients(
        _ statistics: ServerStatistics, at now: MonotonicTime
    ) -> [ServerStatus.RefusedNetwork] {
        let policy = server.policy
        return RefusedClients.merged(statistics.workers.map(\.refusedClients))
            .filter { policy.view(of: $0.network.address) == nil }
            .map {
                ServerStatus.RefusedNetwork(
                    network: "\($0.network)", count: $0.count, secondsAgo: now.seconds(since: $0.last))
            }
    }

    /// - Parameter agent: The last report of the network agent.
    private func addPlaces(to status: inout ServerStatus, _ agent: JSONValue?) {
        let states = agent?["paths"]?.elements ?? []
        let relays = (agent?["relays"]?.elements ?? []).compactMap(ServerStatus.RelayGroup.init(json:))
        let ranges = reports.rangeReports()
        status.sites = inventory.sites.map { site in
            ServerStatus.Site(name: site.key, prefixes: site.networks.map { "\($0)" })
        }
        status.paths = inventory.paths.map { path in
            let (from, to) =
                switch path.ends {
                case .oneWay(let from, let to): ([from], [to])
                case .mutual(let members): (members, [])
                }
            let (carrier, details) = Self.words(for: path.carrier)
            var shown = ServerStatus.Path(from: from, to: to, carrier: carrier, details: details)
            let state = states.first {
                JSONValue.strings($0["from"]) == from && JSONValue.strings($0["to"]) == to
                    && $0["via"]?.string == carrier
            }
            shown.state = state.map {
                ServerStatus.PathState(
                    isKept: status.network?.isRunning ?? false, wanted: $0["wanted"]?.count ?? 0,
                    missing: $0["missing"]?.count ?? 0)
            }
            let isAgentRunning = status.network?.isRunning == true
            if from.count == 1, carrier == "relay" {
                shown.relays = (ranges + (isAgentRunning ? relays : [])).first {
                    [$0.from] == from && [$0.to] == to
                }
                shown.relayWords = shown.relays?.words(now: ThisProcess.wallClock) ?? ""
            }
            return shown
        }
    }

    /// What probes show, beside the paths that they go along.
    private func addPathHealth(to status: inout ServerStatus, at now: MonotonicTime) {
        let verdicts = reports.pathVerdicts()
        let reasons = reports.pathReasons()
        for (index, path) in inventory.paths.enumerated() where status.paths.indices.contains(index) {
            let ways = path.throughEachRelay.map(\.relayHosts)
            let places = path.ends.keys
            status.paths[index].health = verdicts.filter { verdict in
                ways.contains(verdict.path.relays) && places.contains(verdict.path.from)
                    && places.contains(verdict.path.to)
            }.map { verdict in
                var health = ServerStatus.PathHealth(verdict, at: now)
                if health.isDown { health.reason = reasons[verdict.path.name] }
                return health
            }
        }
    }

    /// The kind of a path and its details in words.
    private static func words(for carrier: PathCarrier) -> (carrier: String, details: [String]) {
        switch carrier {
        case .relay(let relay):
            let source =
                switch relay.source {
                case .keep: "source kept"
                case .map: "source mapped"
                case .snat: "source translated"
                }
            return ("relay", [relay.relays.map(\.host).joined(separator: ", "), source])
        case .routed: return ("routed", ["source kept"])
        case .vxlan(let segment): return ("vxlan", ["segment \(segment.id), UDP port \(segment.port)"])
        }
    }

    /// The network agent's report; nil without one.
    var networkObjects: ServerStatus.NetworkObjects? {
        agentReport.map(Self.networkObjects)
    }

    /// The agent's report about its host; an agent that was killed could not report its end.
    private static func networkObjects(of report: JSONValue) -> ServerStatus.NetworkObjects {
        var objects = ServerStatus.NetworkObjects(json: report)
        if let process = report["process"]?.count.flatMap(Int32.init(exactly:)), process > 0 {
            objects.isRunning = objects.isRunning && ThisProcess.sees(process: process)
        }
        return objects
    }

    /// What the followers of clusters report.
    var followed: [ServerStatus.Followed] {
        inventory.clusters.filter { $0.follow != nil }.map { cluster in
            .init(cluster, factsFolder: reports.factsFolder)
        }
    }

    /// The last report of the network agent; nil if there is none, or its file can't be read.
    var agentReport: JSONValue? { HostReports.report(in: reports.agentFile) }
}

extension ServerStatus.Worker {
    init(_ statistics: WorkerStatistics) {
        let engine = statistics.engine
        questions = engine.messages - engine.ignored
        hits = engine.hits
        stale = engine.stale
        // A refresh ahead of expiry counts as answered although no client gets a reply.
        answered = max(0, engine.answered - engine.refreshed)
        local = engine.local + engine.denied
        refused = engine.refused
        rejected = engine.rejected
        overloaded = engine.overloaded
        failed = engine.failed
        inFlight = statistics.inFlight
        connections = statistics.connections
    }
}

extension ServerStatus.Cache {
    init(_ statistics: CacheStatistics, limit: Int) {
        entries = statistics.entries
        octets = statistics.octets
        self.limit = limit
        hits = statistics.hits
        misses = statistics.misses
        evictions = statistics.evictions
    }
}

extension ServerHealth.Mode {
    /// For people.
    fileprivate var words: String {
        switch self {
        case .full: "full"
        case .withoutEDNS: "without EDNS"
        case .onlyTCP: "TCP only"
        case .dead: ServerStatus.Server.dead
        case .looping: ServerStatus.Server.looping
        }
    }
}
