// The last failures, and the most frequent names and clients.

extension StatusPage {
    /// The last failures, the latest first.
    var failuresSection: String {
        guard !status.failures.isEmpty else {
            return section("Last failures", "<p class=\"empty\">No question has failed.</p>", isBare: false)
        }
        let items = status.failures.prefix(8).map { failure in
            let ago = Figures.duration(seconds: failure.secondsAgo)
            let times = failure.count == 1 ? "once" : "\(Self.grouped(failure.count)) times"
            // This client may not see some names.
            let name = failure.name.isEmpty ? "" : ": <code>\(failure.name.escapedForHTML)</code>"
            return "<li>\(failure.reason.escapedForHTML)<br>"
                + "<small>\(times), last \(ago) ago\(name)</small></li>"
        }
        return section("Last failures", "<ul class=\"objects\">\(items.joined())</ul>", isBare: false)
    }

    /// Merged suffixes and private zones; empty without them.
    var suffixSection: String {
        guard !status.suffixes.isEmpty else { return "" }
        let items = status.suffixes.map { suffix in
            "<li><code>\(suffix.name.escapedForHTML)</code><br>"
                + "<small>\(suffix.words.escapedForHTML)</small></li>"
        }
        return section(
            "Merged suffixes and private zones", "<ul class=\"objects\">\(items.joined())</ul>", isBare: false
        )
    }

    /// The most frequent names and clients; empty without a query log.
    var topSection: String {
        guard !status.topNames.isEmpty else { return "" }
        return section(
            "Most asked",
            list(status.topNames.map { ($0.name, $0.count) }) + "<h3>Who asks most</h3>"
                + list(status.topClients.map { ($0.name, $0.count) }),
            isBare: false)
    }

    /// The answers logged last; empty without a query log.
    var latestSection: String {
        guard !status.latestAnswers.isEmpty else { return "" }
        let heads = ["Ago", "Client", "Name", "Answer", "From", "Time"]
        let rows = status.latestAnswers.map { answer in
            let result = answer.address.isEmpty ? answer.rcode : answer.address
            let cells = [
                Figures.duration(seconds: answer.secondsAgo), answer.client,
                "\(answer.name) \(answer.type)", result,
                answer.cluster.isEmpty ? "here" : answer.cluster, Self.time(answer.microseconds),
            ]
            let isBad = answer.rcode == "SERVFAIL"
            return "<tr\(isBad ? " class=\"failed\"" : "")>"
                + zip(heads, cells).map { "<td data-label=\"\($0)\">\($1.escapedForHTML)</td>" }.joined()
                + "</tr>"
        }
        return section(
            "Latest answers",
            "<table class=\"servers latest\"><thead><tr>"
                + heads.map { "<th scope=\"col\">\($0)</th>" }.joined() + "</tr></thead>"
                + "<tbody>\(rows.joined(separator: "\n"))</tbody></table>", isBare: false)
    }
}
