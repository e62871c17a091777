import AnswerCache
import DNSServer
import Forwarding
import JSON
import LinuxSystem
import PathHealth
import Synchronization
import Telemetry
import Time

extension ServerControl {
    /// All metrics, for Prometheus. Labels are bounded by the configuration;
    /// see `ServerMetrics.mostDetailed`.
    package var metrics: String {
        let server = server
        var text = PrometheusText()
        let statistics = server.statistics
        addProcess(&text)
        addQuestions(&text, statistics)
        addLateAnswers(&text, statistics)
        let (policy, board) = server.policyAndBoard
        let meters = statistics.meters(of: policy)
        addAnswers(&text, meters, policy)
        ServerMetrics(meters, policy, board).add(to: &text)
        let inventory = inventory
        MapMetrics(inventory, translated: reports.translatedPackets(inventory)).add(to: &text)
        addCache(&text, server, statistics)
        addLimits(&text, statistics)
        addShortages(&text, board.shortages)
        addReloads(&text)
        addNetwork(&text)
        addFollowed(&text)
        PathMetrics(reports.pathVerdicts(), at: MonotonicClock.now).add(to: &text)
        addRelays(&text)
        addWalks(&text)
        return text.text
    }

    /// Adds the metrics of walks of service ranges: their questions are not among those of clients.
    private func addWalks(_ text: inout PrometheusText) {
        let counts = catalogue.walkCounts
        text.single(
            "namebridge_walk_questions_total", .counter,
            "Questions of walks of service ranges, which are not among those of clients.", counts.asked)
        text.family("namebridge_walk_answers_total", .counter, "What these questions came to.") {
            $0.add(counts.found, [("result", "name")])
            $0.add(counts.answered - counts.found - counts.failed, [("result", "none")])
            $0.add(counts.failed, [("result", "error")])
            $0.add(counts.lost, [("result", "lost")])
        }
    }

    /// Adds the metrics of the process.
    private func addProcess(_ text: inout PrometheusText) {
        let usage = ProcessUsage.now
        text.family("namebridge_build_info", .gauge, "The program's version; always 1.") {
            $0.add(1, [("version", version)])
        }
        text.single(
            "process_start_time_seconds", .gauge, "When the server was started, in seconds since 1970.",
            startSeconds)
        text.family("process_cpu_seconds_total", .counter, "Processor time used.") {
            $0.add(microseconds: usage.processorMicroseconds)
        }
        if let resident = usage.residentOctets {
            text.single("process_resident_memory_bytes", .gauge, "Resident memory.", resident)
        }
        if let descriptors = usage.descriptors {
            text.single("process_open_fds", .gauge, "Open file descriptors.", descriptors)
        }
    }

    /// Adds the metrics of questions.
    private func addQuestions(_ text: inout PrometheusText, _ statistics: ServerStatistics) {
        func counter(_ name: String, _ help: String, _ number: (WorkerStatistics) -> Int) {
            text.single(name, .counter, help, statistics.sum(number))
        }
        text.single("namebridge_workers", .gauge, "Worker threads.", statistics.workers.count)
        counter("namebridge_questions_total", "Questions from clients.") {
            $0.engine.messages - $0.engine.ignored
        }
        counter("namebridge_questions_ignored_total", "Messages from clients that got no reply.") {
            $0.engine.ignored + $0.sockets.datagramsIgnored
        }
        counter("namebridge_questions_joined_total", "Questions that joined one in flight.") {
            $0.engine.joined
        }
        counter("namebridge_questions_retried_total", "Questions sent again after no answer.") {
            $0.engine.retried
        }
        counter(
            "namebridge_icmp_errors_total", "Sockets of which ICMP said that no answer comes, true or forged."
        ) {
            $0.sockets.upstreamHints
        }
        counter(
            "namebridge_sockets_distrusted_total",
            "Sockets given up, and their questions asked over TCP, for several answers that match none."
        ) {
            $0.sockets.distrustedSockets
        }
        counter(
            "namebridge_answers_gated_total",
            "Replies withheld since no packets of the client reach the cluster."
        ) {
            $0.engine.gated
        }
        counter("namebridge_answer_records_dropped_total", "Records left out of servers' answers.") {
            $0.engine.droppedRecords
        }
        text.family("namebridge_cookies_total", .counter, "Questions with a server's cookie (RFC 7873).") {
            $0.add(statistics.sum { $0.engine.cookiesGood }, [("result", "good")])
            $0.add(statistics.sum { $0.engine.cookiesBad }, [("result", "bad")])
        }
        text.single(
            "namebridge_questions_in_flight", .gauge, "Questions that wait for a server's answer.",
            statistics.sum { $0.inFlight })
        text.single(
            "namebridge_client_connections", .gauge, "TCP connections of clients.",
            statistics.sum { $0.connections })
        text.family(
            "namebridge_turn_seconds", .histogram,
            "From reading questions or answers to having sent the replies: what a cached answer takes."
        ) { $0.add(statistics.turns) }
    }

    /// Adds the metrics of answers that came too late for their clients.
    private func addLateAnswers(_ text: inout PrometheusText, _ statistics: ServerStatistics) {
        text.single(
            "namebridge_answers_late_total", .counter, "Answers that came after their question was given up.",
            statistics.sum { $0.engine.late })
        text.single(
            "namebridge_answers_cached_late_total", .counter,
            "Answers that came after their clients were told that there is none, and were cached.",
            statistics.sum { $0.engine.cachedLate })
    }

    /// Adds the metrics of answers and their times.
    private func addAnswers(
        _ text: inout PrometheusText, _ meters: EngineMeters, _ policy: ForwardingPolicy
    ) {
        text.family("namebridge_answers_total", .counter, "Replies to clients.") { family in
            for cell in meters.answers.cells(of: policy) {
                family.add(
                    cell.count,
                    [
                        ("cluster", cell.cluster), ("view", cell.view), ("source", "\(cell.source)"),
                        ("rcode", cell.rcode),
                    ])
            }
        }
        text.family(
            "namebridge_lookup_seconds", .histogram,
            "From a client's question to the reply where servers were asked."
        ) { family in
            guard policy.servers.count <= ServerMetrics.mostDetailed else {
                return family.add(meters.lookups.total, [("cluster", "")])
            }
            for group in policy.groups {
                family.add(meters.lookups.histogram(group.number), [("cluster", group.name)])
            }
        }
        text.family(
            "namebridge_extended_errors_total", .counter, "Replies with an Extended DNS Error (RFC 8914)."
        ) { family in
            for error in meters.extendedErrorCounts {
                family.add(error.count, [("code", error.code), ("purpose", error.purpose)])
            }
        }
    }

    /// Adds the metrics of the cache.
    private func addCache(
        _ text: inout PrometheusText, _ server: DNSServer, _ statistics: ServerStatistics
    ) {
        guard let cache = server.cache?.statistics else { return }
        text.single("namebridge_cache_entries", .gauge, "Cached answers.", cache.entries)
        text.single("namebridge_cache_bytes", .gauge, "Memory of cached answers.", cache.octets)
        text.single("namebridge_cache_limit_bytes", .gauge, "Limit of that memory.", cacheLimit)
        text.single("namebridge_cache_hits_total", .counter, "Look-ups that found an answer.", cache.hits)
        text.single(
            "namebridge_cache_misses_total", .counter, "Look-ups that found no valid answer.", cache.misses)
        text.single(
            "namebridge_cache_evictions_total", .counter, "Answers dropped for lack of room.", cache.evictions
        )
        text.single(
            "namebridge_cache_refreshes_total", .counter,
            "Questions asked again before their answer expired.",
            statistics.sum { $0.engine.refreshed })
    }

    /// Adds the metrics of reloads.
    private func addReloads(_ text: inout PrometheusText) {
        let reload = record.withLock { $0.status }
        text.single(
            "namebridge_reload_generation", .gauge,
            "The configuration's number: 1 at the start, one more with each that was applied.",
            reload.generation)
        text.single(
            "namebridge_reload_failures_total", .counter, "Configurations that were not applied.",
            reload.failures)
        text.single(
            "namebridge_reload_successful", .gauge, "1 unless the last configuration was not applied.",
            reload.lastProblems.isEmpty ? 1 : 0)
        text.single(
            "namebridge_reload_time_seconds", .gauge,
            "When the configuration in use was applied, in seconds since 1970.",
            reload.lastSuccess ?? startSeconds)
    }

    /// Adds the metrics of followed clusters.
    private func addFollowed(_ text: inout PrometheusText) {
        let followed = followed
        text.family("namebridge_facts_age_seconds", .gauge, "How long ago a followed cluster answered last.")
        {
            for cluster in followed {
                if let age = cluster.ageSeconds { $0.add(age, [("cluster", cluster.cluster)]) }
            }
        }
        text.family(
            "namebridge_follower_up", .gauge, "1 while a followed cluster is watched without trouble."
        ) {
            for cluster in followed {
                $0.add(cluster.state == "following" ? 1 : 0, [("cluster", cluster.cluster)])
            }
        }
    }

    /// Adds the metrics of the network agent.
    private func addNetwork(_ text: inout PrometheusText) {
        guard let network = networkObjects else { return }
        text.single(
            "namebridge_network_agent_up", .gauge, "1 while the network agent runs.",
            network.isRunning ? 1 : 0)
        text.family("namebridge_network_objects", .gauge, "Routes, rules and the like on this host.") {
            $0.add(network.wanted, [("state", "wanted")])
            $0.add(network.present, [("state", "present")])
        }
        text.single(
            "namebridge_network_healed_total", .counter, "Lost objects that were restored.",
            network.healed)
        text.single(
            "namebridge_network_failures_total", .counter, "Failed attempts to restore objects.",
            network.failures)
        text.single(
            "namebridge_network_contested_objects", .gauge,
            "Objects that another program removes again and again.",
            network.contested.count)
    }

    /// Metrics of the relays that the agent chooses, of those whose ranges are given out, and of what this
    /// host itself is chosen for.
    private func addRelays(_ text: inout PrometheusText) {
        let relays = (agentReport?["relays"]?.elements ?? []).compactMap(
            ServerStatus.RelayGroup.init(json:))
        let isAgentRunning = networkObjects?.isRunning == true
        RelayMetrics((isAgentRunning ? relays : []) + reports.rangeReports()).add(to: &text)
        text.family(
            "namebridge_announced_state", .gauge,
            "1 for the state of a path or address for which others are led to this host."
        ) {
            for relayed in (isAgentRunning ? agentReport?["relayed"]?.elements : nil) ?? [] {
                for state in PathState.allCases.map(\.rawValue) {
                    let isIt = relayed["relay"]?["state"]?.string == state
                    $0.add(isIt ? 1 : 0, [("path", relayed["path"]?.string ?? ""), ("state", state)])
                }
            }
        }
    }

    private func addShortages(_ text: inout PrometheusText, _ shortages: LocalShortages) {
        text.family(
            "namebridge_local_shortages_total", .counter,
            "Questions, probes and connections that failed for want of something on this host."
        ) { family in
            for entry in shortages.entries { family.add(entry.total, [("reason", entry.failure.label)]) }
        }
    }

    private func addLimits(_ text: inout PrometheusText, _ statistics: ServerStatistics) {
        text.family("namebridge_limit_hits_total", .counter, "What was refused or cut short, by limit.") {
            family in
            for limit in LimitCount.all(statistics) { family.add(limit.count, [("limit", limit.name)]) }
        }
    }
}
