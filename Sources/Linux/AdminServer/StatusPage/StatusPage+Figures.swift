// The row of large figures at the top.

extension StatusPage {
    /// The row of figures.
    var figures: String {
        let (total, recent) = (status.total, status.recentTotal)
        let answered = recent.hits + recent.stale + recent.answered + recent.failed
        let span = Figures.duration(seconds: status.success.seconds)
        let tiles = [
            tile(
                "Answered in \(span)", status.success.percent ?? "–",
                picture: bar(status.success.failed, of: status.success.questions, "bad"),
                note: "\(Self.grouped(status.success.failed)) of"
                    + " \(Self.grouped(status.success.questions)) failed; since the start"
                    + " \(Self.grouped(total.failed)), and \(Self.grouped(total.stale)) got old data"),
            tile(
                "Questions a second", Self.grouped(status.questionsPerSecond), picture: sparkline,
                note: "\(Self.grouped(recent.questions)) in \(span), \(Self.grouped(total.questions)) since"
                    + " the start"),
            tile(
                "From the cache in \(span)", Figures.percent(recent.hits + recent.stale, of: answered),
                picture: bar(recent.hits + recent.stale, of: answered, "accent"),
                note: cacheNote),
            latencyTile("Asking a cluster takes", status.lookupLatency, none: "none was asked of late"),
        ]
        return "<div class=\"tiles\">\(tiles.joined())</div>"
    }

    /// The size of the cache in words.
    private var cacheNote: String {
        guard let cache = status.cache else { return "no cache" }
        return "\(Self.count(cache.entries, "answer")), \(Figures.size(cache.octets)) of"
            + " \(Figures.size(cache.limit))"
    }

    /// One figure with its label.
    private func tile(_ label: String, _ figure: String, picture: String, note: String) -> String {
        """
        <div class="tile"><h2>\(label.escapedForHTML)</h2><p class="figure">\(figure.escapedForHTML)</p>\
        \(picture)<p class="note">\(note.escapedForHTML)</p></div>
        """
    }

    /// One latency with its percentiles.
    private func latencyTile(_ label: String, _ latency: ServerStatus.Latency, none: String) -> String {
        guard let median = latency.median else { return tile(label, "–", picture: "", note: none) }
        let own = status.cachedLatency.median.map { "; own work \(Self.time($0)) an answer" } ?? ""
        return """
            <div class="tile"><h2>\(label.escapedForHTML)</h2>\
            <p class="figure">\(Self.time(median).escapedForHTML)</p>\
            <dl class="quantiles"><div><dt>p95</dt><dd>\(Self.time(latency.p95))</dd></div>\
            <div><dt>p99</dt><dd>\(Self.time(latency.p99))</dd></div></dl>\
            <p class="note">median of \(Self.grouped(latency.count))\(own.escapedForHTML)</p></div>
            """
    }

    /// A thin bar of 0 to 100 %.
    func bar(_ part: Int, of whole: Int, _ colour: String) -> String {
        let width = whole > 0 ? min(1000, part * 1000 / whole) : 0
        return """
            <svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">\
            <rect class="track" width="1000" height="10" rx="0"/>\
            <rect class="\(colour)" width="\(part > 0 ? max(6, width) : 0)" height="10"/></svg>
            """
    }

    /// Questions a second of the last five minutes.
    private var sparkline: String {
        let rates = status.history.map(\.questionsPerSecond)
        guard rates.count > 1, let highest = rates.max() else { return "<div class=\"spark\"></div>" }
        let points = rates.enumerated().map { index, rate in
            let x = index * 600 / (rates.count - 1)
            let y = 58 - (highest > 0 ? rate * 54 / highest : 0)
            return "\(x),\(y)"
        }
        return """
            <svg class="spark" viewBox="0 0 600 60" preserveAspectRatio="none" role="img" \
            aria-label="Questions a second in the last minutes, at most \(highest)">\
            <polygon points="0,60 \(points.joined(separator: " ")) 600,60"/>\
            <polyline points="\(points.joined(separator: " "))"/></svg>
            """
    }
}
