import AdminServer

/// What `namebridge status` prints.
extension ServerStatus {
    func text() -> String {
        ([heading] + troubleLines + [""] + questionLines + latencyLines + [""] + workerLines
            + [""] + serverLines
            + counterLines("limit", limits.map { ($0.words, $0.count) })
            + counterLines(
                "answers with an address outside the cluster", groups.map { ("  " + $0.name, $0.straying) })
            + counterLines("reason given (EDE)", extendedErrors.map { ("\($0.name) \($0.words)", $0.count) })
            + networkLines).joined(separator: "\n")
    }

    private var heading: String {
        let uptime = Figures.duration(seconds: uptimeSeconds)
        return Style.heading.paint("namebridge \(version)  process \(processID)  up \(uptime)", on: .output)
    }

    private var questionLines: [String] {
        let total = total
        var table = TextTable([.left, .right, .left])
        let seconds = (recentMilliseconds + 500) / 1000
        let rate = "\(questionsPerSecond)/s over the last \(seconds) s"
        table.add(["questions", Figures.grouped(total.questions), rate])
        func add(_ label: String, _ count: Int, always: Bool = false) {
            guard count > 0 || always else { return }
            table.add(["  " + label, Figures.grouped(count), Figures.percent(count, of: total.questions)])
        }
        add("from the cache", total.hits, always: true)
        add("from the cache, stale", total.stale)
        add("from servers", total.answered, always: true)
        add("answered here", total.local)
        add("refused", total.refused)
        add("malformed", total.rejected)
        add("turned away, tables full", total.overloaded)
        add("no server answered", total.failed, always: true)
        return table.lines + [cacheLine]
    }

    private var cacheLine: String {
        guard let cache else { return "cache: none" }
        let noun = cache.entries == 1 ? "answer" : "answers"
        return "cache: \(Figures.grouped(cache.entries)) \(noun), \(Figures.size(cache.octets)) of"
            + " \(Figures.size(cache.limit)),"
            + " \(Figures.percent(cache.hits, of: cache.hits + cache.misses)) hits,"
            + " \(Figures.grouped(cache.evictions)) evicted"
    }

    private var workerLines: [String] {
        var table = TextTable([.left, .right, .right, .right])
        table.add(["worker", "questions", "in flight", "connections"])
        for (index, worker) in workers.enumerated() { table.add(Self.row("\(index)", worker)) }
        table.add(Self.row("all", total))
        return Self.withHeading(table.lines)
    }

    private static func row(_ name: String, _ worker: Worker) -> [String] {
        [
            name, Figures.grouped(worker.questions), Figures.grouped(worker.inFlight),
            Figures.grouped(worker.connections),
        ]
    }

    private var serverLines: [String] {
        var table = TextTable([.left, .left, .left, .right, .left])
        table.add(["cluster", "server", "state", "RTT", "last error"])
        var states: [String] = []
        for group in groups {
            for (index, server) in group.servers.enumerated() {
                let time = server.roundTripMicroseconds.map { Figures.time(microseconds: $0) } ?? "-"
                table.add([
                    index == 0 ? group.name : "", server.address, server.state, time, server.lastError ?? "",
                ])
                states.append(server.state)
            }
        }
        let lines = Self.withHeading(table.lines)
        return lines.prefix(1)
            + zip(lines.dropFirst(), states).map { line, state in
                state == "dead" ? Style.error.paint(line, on: .output) : line
            }
    }

    private static func withHeading(_ lines: [String]) -> [String] {
        lines.enumerated().map { $0.offset == 0 ? Style.faint.paint($0.element, on: .output) : $0.element }
    }
}

// MARK: - Numbers for people
