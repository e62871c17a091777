import AdminServer

// The parts of `namebridge status` that stand only where there is something to say.
extension ServerStatus {
    /// What is wrong, one line each.
    var troubleLines: [String] { troubles.map { Style.error.paint($0, on: .output) } }

    /// How long answers took of late.
    var latencyLines: [String] {
        var table = TextTable([.left, .right, .right, .right])
        func add(_ label: String, _ latency: Latency) {
            guard latency.count > 0 else { return }
            table.add([label] + [latency.median, latency.p95, latency.p99].map(Self.time))
        }
        table.add(["time taken", "p50", "p95", "p99"])
        add("  cached answers", cachedLatency)
        for group in groups { add("  asking \(group.name)", group.latency) }
        let lines = table.lines
        guard lines.count > 1 else { return [] }
        return ["", Style.faint.paint(lines[0], on: .output)] + lines.dropFirst()
    }

    private static func time(_ microseconds: Int?) -> String {
        microseconds.map { Figures.time(microseconds: $0) } ?? "-"
    }

    /// Names with their counts, those above 0.
    func counterLines(_ heading: String, _ rows: [(String, Int)]) -> [String] {
        let hit = rows.filter { $0.1 > 0 }
        guard !hit.isEmpty else { return [] }
        var table = TextTable([.left, .right])
        table.add([heading, "count"])
        for row in hit { table.add([row.0, Figures.grouped(row.1)]) }
        let lines = table.lines
        return ["", Style.faint.paint(lines[0], on: .output)] + lines.dropFirst()
    }

    /// What the network agent keeps here.
    var networkLines: [String] {
        guard let network else { return [] }
        let state = network.isRunning ? "" : ", the agent has ended"
        let line =
            "network: \(network.present) of \(network.wanted) objects in place,"
            + " \(network.healed) put back so far\(state)"
        let isWhole = network.isRunning && network.present >= network.wanted
        return ["", isWhole ? line : Style.error.paint(line, on: .output)]
            + network.contested.map { "  fought over: \($0)" }
    }
}
