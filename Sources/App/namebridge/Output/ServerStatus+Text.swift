import AdminServer

/// What `namebridge status` prints.
extension ServerStatus {
    func text() -> String {
        ([heading, ""] + questionLines + [""] + workerLines + [""] + serverLines).joined(separator: "\n")
    }

    private var heading: String {
        let uptime = Self.duration(seconds: uptimeSeconds)
        return Style.heading.paint("namebridge \(version)  process \(processID)  up \(uptime)", on: .output)
    }

    private var questionLines: [String] {
        let total = total
        var table = TextTable([.left, .right, .left])
        let seconds = (recentMilliseconds + 500) / 1000
        let rate = "\(questionsPerSecond)/s over the last \(seconds) s"
        table.add(["questions", Self.grouped(total.questions), rate])
        func add(_ label: String, _ count: Int, always: Bool = false) {
            guard count > 0 || always else { return }
            table.add(["  " + label, Self.grouped(count), Self.percent(count, of: total.questions)])
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
        return "cache: \(Self.grouped(cache.entries)) \(noun), \(Self.size(cache.octets)) of"
            + " \(Self.size(cache.limit)), \(Self.percent(cache.hits, of: cache.hits + cache.misses)) hits,"
            + " \(Self.grouped(cache.evictions)) evicted"
    }

    private var workerLines: [String] {
        var table = TextTable([.left, .right, .right, .right])
        table.add(["worker", "questions", "in flight", "connections"])
        for (index, worker) in workers.enumerated() { table.add(Self.row("\(index)", worker)) }
        table.add(Self.row("all", total))
        return Self.withHeading(table.lines)
    }

    private static func row(_ name: String, _ worker: Worker) -> [String] {
        [name, grouped(worker.questions), grouped(worker.inFlight), grouped(worker.connections)]
    }

    private var serverLines: [String] {
        var table = TextTable([.left, .left, .left, .right, .left])
        table.add(["cluster", "server", "state", "RTT", "last error"])
        var states: [String] = []
        for group in groups {
            for (index, server) in group.servers.enumerated() {
                let time = server.roundTripMicroseconds.map(Self.milliseconds) ?? "-"
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

extension ServerStatus {
    /// Digits in groups of three.
    private static func grouped(_ number: Int) -> String {
        let digits = Array(String(number))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3), digits[index - 1] != "-" { text += " " }
            text.append(digit)
        }
        return text
    }

    /// One digit behind the point.
    private static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "0.0 %" }
        let tenths = (part * 1000 + whole / 2) / whole
        return "\(tenths / 10).\(tenths % 10) %"
    }

    private static func size(_ octets: Int) -> String {
        guard octets >= 1 << 20 else { return "\((octets + 1023) >> 10) KiB" }
        let tenths = octets * 10 / (1 << 20)
        return "\(tenths / 10).\(tenths % 10) MiB"
    }

    private static func milliseconds(_ microseconds: Int) -> String {
        "\(microseconds / 1000).\(microseconds % 1000 / 100) ms"
    }

    /// The two largest units.
    private static func duration(seconds: Int) -> String {
        let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0 s" }
        var text = "\(seconds / units[first].1) \(units[first].0)"
        if first + 1 < units.count {
            text += " \(seconds % units[first].1 / units[first + 1].1) \(units[first + 1].0)"
        }
        return text
    }
}
