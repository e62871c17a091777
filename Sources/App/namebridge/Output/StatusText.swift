import AdminServer
import Inventory

/// The output of `namebridge status`: the same as the status page, problems first, in lines of at most
/// `columns` characters.
struct StatusText {
    /// The status.
    let status: ServerStatus
    /// The width of the terminal.
    let columns: Int

    /// One line and its colour.
    struct Line: Hashable {
        /// The text.
        var text: String
        /// The colour; nil: none.
        var style: Style?

        init(_ text: String, _ style: Style? = nil) {
            self.text = text
            self.style = style
        }
    }

    /// The least width for the last minutes beside the counts since the start.
    private static let leastColumnsForRecent = 76

    /// The least width of lines, also in narrower windows.
    private static let leastColumns = 60

    init(_ status: ServerStatus, columns: Int = 80) {
        self.status = status
        self.columns = max(Self.leastColumns, columns)
    }

    /// All lines, an empty one between sections.
    var lines: [Line] {
        let sections = [
            head, questions, servers, followed, suffixes, maps, paths, failures, network, latencies, limits,
            strays, reasons, topNames, topClients, workers,
        ]
        return Array(sections.filter { !$0.isEmpty }.joined(separator: [Line("")]))
    }

    /// For standard output.
    ///
    /// - Parameters:
    ///   - rows: The number of lines that fit; nil: all.
    ///   - scrolled: The lines that are left out at the beginning, as far as there are more than fit.
    func text(rows: Int? = nil, from scrolled: Int = 0) -> [StyledText] {
        var lines = lines
        if let rows, lines.count > rows {
            lines.removeFirst(min(scrolled, lines.count - max(1, rows - 1)))
            let hidden = lines.count - max(0, rows - 1)
            if hidden > 0 {
                lines = lines.prefix(max(0, rows - 1)) + [Line("... \(hidden) more lines", .faint)]
            }
        }
        return lines.map { StyledText($0.text.printable, $0.style) }
    }

    // MARK: - Head

    /// The version, the process and the problems.
    private var head: [Line] {
        var name = "namebridge \(status.version)"
        if !status.host.isEmpty { name += " on \(status.host)" }
        let facts = [
            name, "process \(status.processID)",
            "up \(Figures.duration(seconds: status.uptimeSeconds))",
            "configuration \(status.reload.generation)",
        ]
        let problems = status.problems
        let verdict =
            problems.isEmpty
            ? Line("All well.", .success)
            : Line(problems.count == 1 ? "1 problem:" : "\(problems.count) problems:", .error)
        return facts.joined(separator: "  ").wrapped(columns).map { Line($0, .heading) } + [verdict]
            + hanging(problems.flatMap(Self.rows(of:)), [.left])
    }

    /// A problem: what is wrong, then for how long, what it concerns, and what to do.
    private static func rows(of problem: ServerStatus.Problem) -> [Row] {
        var facts: [String] = []
        if let age = problem.age { facts.append(age) }
        if !problem.affected.isEmpty {
            facts.append("affected: " + problem.affected.joined(separator: ", "))
        }
        let texts = problem.causes.map { "cause: " + $0 } + problem.remedies.map { "do: " + $0 }
        return [Row(["  !"], problem.words, .error)]
            + ((facts.isEmpty ? [] : [facts.joined(separator: "; ")]) + texts).map { Row(["   "], $0) }
    }

    // MARK: - Questions

    /// The questions and their results.
    private var questions: [Line] { results + recent + cache }

    /// What became of the questions since the start, and beside that in the last minutes.
    private var results: [Line] {
        let (total, recent) = (status.total, status.recentTotal)
        let hasRecent = recent.questions > 0 && columns >= Self.leastColumnsForRecent
        var counts = TextTable([.left, .right])
        var shares = TextTable([.right, .right, .right])
        var styles: [Style?] = []
        func add(
            _ label: String, _ count: KeyPath<ServerStatus.Worker, Int>, always: Bool = false,
            _ style: Style? = nil
        ) {
            guard total[keyPath: count] > 0 || always else { return }
            func share(_ worker: ServerStatus.Worker) -> String {
                Figures.percent(worker[keyPath: count], of: worker.questions)
            }
            counts.add(["  " + label, Figures.grouped(total[keyPath: count])])
            shares.add(
                [share(total)] + (hasRecent ? [Figures.grouped(recent[keyPath: count]), share(recent)] : []))
            styles.append((hasRecent ? recent : total)[keyPath: count] > 0 ? style : nil)
        }
        let seconds = (status.recentMilliseconds + 500) / 1000
        counts.add(["questions", Figures.grouped(total.questions)])
        var texts = ["\(Figures.grouped(status.questionsPerSecond))/s over the last \(seconds) s"]
        styles.append(nil)
        let span = Figures.duration(seconds: status.success.seconds)
        if let percent = status.success.percent {
            counts.add(["  answered of late", percent])
            texts.append("of \(Figures.grouped(status.success.questions)) in \(span)")
            styles.append(status.success.failed > 0 ? .warning : .success)
        }
        if hasRecent {
            counts.add(["", "since start"])
            shares.add(["", "last \(span)"])
            styles.append(.faint)
        }
        add("from the cache", \.hits, always: true)
        add("from the cache, stale", \.stale, .warning)
        add("from servers", \.answered, always: true)
        add("answered here", \.local)
        add("refused", \.refused)
        add("malformed", \.rejected)
        add("turned away, tables full", \.overloaded, .error)
        add("no server answered", \.failed, always: true, .error)
        return zip(zip(counts.lines, texts + shares.lines), styles).map { cells, style in
            Line("\(cells.0)  \(cells.1)", style)
        }
    }

    /// The last minutes as a curve.
    private var recent: [Line] {
        guard status.history.count > 1 else { return [] }
        let seconds = status.history.reduce(0) { $0 + $1.milliseconds } / 1000
        let failed = status.history.reduce(0) { $0 + $1.failed }
        let points = status.history.suffix(max(1, columns - 20))
        let highest = points.map(\.questionsPerSecond).max() ?? 0
        let bars = Array("▁▂▃▄▅▆▇█")
        let curve = points.map { point in
            highest > 0 ? bars[point.questionsPerSecond * (bars.count - 1) / highest] : bars[0]
        }
        let span = Figures.duration(seconds: seconds)
        return [Line(String(curve), .faint)]
            + hanging(
                [
                    Row(
                        [],
                        "\(span), at most \(Figures.grouped(highest))/s"
                            + (failed > 0 ? ", \(Figures.grouped(failed)) without an answer" : ""),
                        failed > 0 ? .error : .faint)
                ], [])
    }

    /// The cache.
    private var cache: [Line] {
        guard let cache = status.cache else { return [Line("cache: none")] }
        let noun = cache.entries == 1 ? "answer" : "answers"
        let text =
            "cache: \(Figures.grouped(cache.entries)) \(noun), \(Figures.size(cache.octets)) of"
            + " \(Figures.size(cache.limit)),"
            + " \(Figures.percent(cache.hits, of: cache.hits + cache.misses)) hits,"
            + " \(Figures.grouped(cache.evictions)) evicted"
        return text.wrapped(columns).map { Line($0) }
    }

    // MARK: - Times

    /// The times of recent answers.
    private var latencies: [Line] {
        var table = TextTable([.left, .right, .right, .right, .right])
        table.add(["time taken", "p50", "p95", "p99", "of"])
        func add(_ label: String, _ latency: ServerStatus.Latency) {
            guard latency.count > 0 else { return }
            let times = [latency.median, latency.p95, latency.p99].map(Self.time)
            table.add(["  " + label] + times + [Figures.grouped(latency.count)])
        }
        add("own work", status.cachedLatency)
        for group in status.groups { add("asking \(group.name)", group.latency) }
        return table.count > 1 ? Self.underHeading(table.lines) : []
    }

    // MARK: - Workers

    /// A larger number is shown as one total.
    private static let mostWorkers = 8

    /// The load of each worker.
    private var workers: [Line] {
        func row(_ name: String, _ worker: ServerStatus.Worker) -> [String] {
            [name] + [worker.questions, worker.inFlight, worker.connections].map { Figures.grouped($0) }
        }
        var table = TextTable([.left, .right, .right, .right])
        table.add(["worker", "questions", "in flight", "connections"])
        if status.workers.count <= Self.mostWorkers {
            for (index, worker) in status.workers.enumerated() { table.add(row("\(index)", worker)) }
        }
        table.add(row("all \(status.workers.count)", status.total))
        return Self.underHeading(table.lines)
    }

    // MARK: - Pieces

    /// A time, or a dash.
    static func time(_ microseconds: Int?) -> String {
        microseconds.map { Figures.time(microseconds: $0) } ?? "-"
    }

    /// Lines with the first one as heading of the columns.
    static func underHeading(_ lines: [String]) -> [Line] {
        lines.enumerated().map { Line($0.element, $0.offset == 0 ? .faint : nil) }
    }

    /// Short cells, and beside them a text of any length.
    struct Row {
        /// The short cells.
        let cells: [String]
        /// The text.
        let text: String
        /// The colour; nil: none.
        let style: Style?

        init(_ cells: [String], _ text: String, _ style: Style? = nil) {
            self.cells = cells
            self.text = text
            self.style = style
        }
    }

    /// Rows whose texts are wrapped beside their cells, or below them if little room is left.
    ///
    /// - Parameter sides: One for each cell.
    func hanging(_ rows: [Row], _ sides: [TextTable.Side]) -> [Line] {
        var table = TextTable(sides)
        for row in rows { table.add(row.cells) }
        let width = table.width == 0 ? 0 : table.width + 2
        let isBeside = columns - width >= 24
        let indent = isBeside ? width : 4
        return zip(rows, table.lines).flatMap { row, cells in
            let texts = row.text.wrapped(columns - indent)
            let space = String(repeating: " ", count: indent)
            let first = cells + String(repeating: " ", count: max(0, indent - cells.count))
            let lines =
                isBeside
                ? [first + (texts.first ?? "")] + texts.dropFirst().map { space + $0 }
                : [cells] + texts.map { space + $0 }
            return lines.map { Line($0, row.style) }
        }
    }
}

extension String {
    /// Lines of at most `width` characters: broken at spaces, and inside words that are longer.
    func wrapped(_ width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in split(separator: " ", omittingEmptySubsequences: false) {
            var rest = word
            if !line.isEmpty, line.count + 1 + rest.count > width {
                lines.append(line)
                line = ""
            }
            if !line.isEmpty { line += " " }
            while line.count + rest.count > width {  // each turn takes something off the rest
                let room = max(1, width - line.count)
                lines.append(line + rest.prefix(room))
                rest = rest.dropFirst(room)
                line = ""
            }
            line += rest
        }
        return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
    }
}
