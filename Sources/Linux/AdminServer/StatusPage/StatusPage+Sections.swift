// The tables and lists below the picture.

extension StatusPage {
    // MARK: - Name servers

    /// The table of name servers.
    var serverTable: String {
        guard !status.groups.isEmpty else { return "<p class=\"empty\">No name server is configured.</p>" }
        let heads = ["Cluster", "Server", "State", "Probe", "Median", "p99", "Asked", "Failed", "Last error"]
        let rows = status.groups.flatMap { group in
            group.servers.enumerated().map { index, server in row(group, server, isFirst: index == 0) }
        }
        return """
            <table class="servers"><thead><tr>\
            \(heads.map { "<th scope=\"col\">\($0)</th>" }.joined())</tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table>
            """
    }

    /// The row of one name server.
    private func row(_ group: ServerStatus.Group, _ server: ServerStatus.Server, isFirst: Bool) -> String {
        func cell(_ label: String, _ text: String, _ kind: String = "") -> String {
            "<td data-label=\"\(label)\"\(kind.isEmpty ? "" : " class=\"\(kind)\"")>\(text)</td>"
        }
        let failureKind = server.failures > 0 ? "number" : "number quiet"
        // A past error of a server that answers is not highlighted.
        let error = server.lastError?.escapedForHTML ?? ""
        return "<tr\(isFirst ? " class=\"first\"" : "")>"
            + rowHead(of: group, isFirst: isFirst)
            + cell("Server", "<code>\(server.address.escapedForHTML)</code>")
            + cell(
                "State",
                "<span class=\"state \(server.look)\"><span class=\"dot\"></span>"
                    + "\(server.stateWords.escapedForHTML)</span>")
            + cell("Probe", Self.time(server.roundTripMicroseconds), "number")
            + cell("Median", Self.time(server.latency.median), "number")
            + cell("p99", Self.time(server.latency.p99), "number")
            + cell("Asked", Self.grouped(server.asked), "number")
            + cell("Failed", Self.grouped(server.failures), failureKind)
            + cell("Last error", error, server.isDown ? "error" : "error quiet")
            + "</tr>"
    }

    /// The cluster of a row, which leads to what is known of it; read out, but not shown, in later rows.
    private func rowHead(of group: ServerStatus.Group, isFirst: Bool) -> String {
        let name = group.name.escapedForHTML
        let text =
            isFirst
            ? "<a href=\"#\(whyID(of: group))\">\(name)</a>" : "<span class=\"unseen\">\(name)</span>"
        return "<th scope=\"row\" data-label=\"Cluster\">\(text)</th>"
    }

    // MARK: - Maps

    /// The clusters with outer addresses; empty if there are none.
    var mapsSection: String {
        let rows = status.groups.filter { !$0.map.isEmpty }.flatMap { group in
            group.map.prefix(Self.mostRanges).enumerated().map { index, range in
                let count = index == 0 ? group.translatedPackets.map(Self.grouped) ?? "–" : ""
                return "<tr\(index == 0 ? " class=\"first\"" : "")>"
                    + rowHead(of: group, isFirst: index == 0)
                    + "<td data-label=\"Inside\"><code>\(range.inner.escapedForHTML)</code></td>"
                    + "<td data-label=\"Outside\"><code>\(range.outer.escapedForHTML)</code></td>"
                    + "<td data-label=\"Translated here\" class=\"number\">\(count)</td></tr>"
            }
        }
        guard !rows.isEmpty else { return "" }
        let heads = ["Cluster", "Inside", "Outside", "Packets translated here"]
        return section(
            "Addresses outside",
            "<table class=\"servers\"><thead><tr>"
                + heads.map { "<th scope=\"col\">\($0)</th>" }.joined() + "</tr></thead>"
                + "<tbody>\(rows.joined(separator: "\n"))</tbody></table>", isBare: false)
    }

    /// Of one cluster; the others are in the file.
    private static let mostRanges = 8

    // MARK: - Answers

    /// The answers by source, in the last minutes and since the start, and by response code.
    var answersSection: String {
        let fields: [(label: String, path: KeyPath<ServerStatus.Worker, Int>, colour: String)] = [
            ("from the cache", \.hits, "accent"), ("from the cache, stale", \.stale, "warn"),
            ("from a server", \.answered, "accent"), ("known here", \.local, "accent"),
            ("refused", \.refused, "warn"), ("malformed", \.rejected, "warn"),
            ("turned away", \.overloaded, "bad"), ("no server answered", \.failed, "bad"),
        ]
        let (total, recent) = (status.total, status.recentTotal)
        let sources = fields.filter { total[keyPath: $0.path] > 0 }
        let sum = sources.reduce(0) { $0 + total[keyPath: $1.path] }
        guard sum > 0 else {
            return section("Answers", "<p class=\"empty\">No questions yet.</p>", isBare: false)
        }
        let span = Figures.duration(seconds: status.success.seconds)
        let bySource = sources.map { source in
            let count = total[keyPath: source.path]
            return bars(
                source.label, count, of: sum, colour: source.colour, recent: recent[keyPath: source.path])
        }.joined()
        let codes = status.responseCodes.sorted { $0.count > $1.count }
        let codeSum = codes.reduce(0) { $0 + $1.count }
        let byCode = codes.map { code in
            let isBad = code.name == "SERVFAIL"
            return bars(code.name, code.count, of: codeSum, colour: isBad ? "bad" : "accent")
        }
        return section(
            "Answers",
            "<p class=\"empty\">In \(span), and since the start</p>"
                + "<div class=\"bars\">\(bySource)</div><h3>By response code</h3>"
                + "<div class=\"bars\">\(byCode.joined())</div>",
            isBare: false)
    }

    /// One bar with its label.
    ///
    /// - Parameter recent: The count of the last minutes; nil: it is not shown.
    private func bars(
        _ label: String, _ count: Int, of whole: Int, colour: String, recent: Int? = nil
    ) -> String {
        let recent = recent.map { "<span class=\"recent\">\(Self.grouped($0))</span> · " } ?? ""
        return """
            <div><span>\(label.escapedForHTML)</span>\
            <span class="number">\(recent)\(Self.grouped(count))</span>\
            \(bar(count, of: whole, colour))</div>
            """
    }

    // MARK: - Limits and errors

    /// The limits that were reached, and the reasons given to clients.
    var limitsSection: String {
        let limits = status.limits.filter { $0.count > 0 }.sorted { $0.count > $1.count }
        let errors = status.extendedErrors.sorted { $0.count > $1.count }
        let strays = status.groups.filter { $0.straying > 0 }
        let strayList =
            strays.isEmpty
            ? ""
            : "<h3>Answers with an address outside their cluster</h3>"
                + list(strays.map { ($0.name, $0.straying) })
        let limitList =
            limits.isEmpty
            ? "<p class=\"empty\">No limit was hit.</p>"
            : list(limits.map { ($0.words, $0.count) })
        let errorList =
            errors.isEmpty
            ? "<p class=\"empty\">No reply needed a reason.</p>"
            : list(errors.map { ("\($0.name) \($0.words)", $0.count) })
        return section(
            "Limits",
            "\(limitList)\(strayList)<h3>Reasons given with replies (EDE)</h3>\(errorList)", isBare: false)
    }

    /// Words and numbers.
    func list(_ rows: [(String, Int)]) -> String {
        "<dl class=\"list\">"
            + rows.map { "<div><dt>\($0.0.escapedForHTML)</dt><dd>\(Self.grouped($0.1))</dd></div>" }.joined()
            + "</dl>"
    }

    // MARK: - Followed clusters

    /// The clusters that are followed; nothing if none is.
    var followedSection: String {
        guard !status.followed.isEmpty else { return "" }
        let rows = status.followed.map { cluster in
            let look = cluster.isStale ? " class=\"alarm\"" : ""
            let values = cluster.values.map { value in
                "<li>\(value.key.escapedForHTML), for \(Figures.duration(seconds: value.sinceSeconds)):"
                    + " \(value.source.escapedForHTML)</li>"
            }
            return "<h3>\(cluster.cluster.escapedForHTML)</h3><p\(look)>\(cluster.words.escapedForHTML)</p>"
                + "<ul class=\"objects\">\(values.joined())</ul>"
        }
        return section("Followed clusters", rows.joined(), isBare: false)
    }

    // MARK: - Network

    /// The objects of the network agent.
    var networkSection: String {
        guard let network = status.network, status.isAgentNeeded else {
            let text =
                status.paths.isEmpty
                ? "The configuration has no paths." : "No network agent reports from this host."
            return section("Network objects", "<p class=\"empty\">\(text)</p>", isBare: false)
        }
        let missing = max(0, network.wanted - network.present)
        var parts = [
            list([
                ("in place", network.present), ("missing", missing), ("put back so far", network.healed),
            ])
        ]
        if !network.isRunning { parts.append("<p class=\"alarm\">The network agent has ended.</p>") }
        if let trouble = network.trouble {
            parts.append("<p class=\"alarm\">\(trouble.escapedForHTML)</p>")
        }
        if !network.missing.isEmpty { parts.append(Self.objects("Missing now", network.missing)) }
        if !network.contested.isEmpty {
            parts.append(Self.objects("Removed again and again", network.contested))
        }
        if !network.lastLost.isEmpty {
            let by = network.suspicion.map { ", likely by \($0)" } ?? ""
            parts.append(Self.objects("Last lost\(by)", network.lastLost))
        }
        return section("Network objects", parts.joined(), isBare: false)
    }

    /// A list of objects with its heading.
    private static func objects(_ heading: String, _ names: [String]) -> String {
        let shown = names.prefix(8).map { "<li><code>\($0.escapedForHTML)</code></li>" }.joined()
        let more = names.count > 8 ? "<li>and \(names.count - 8) more</li>" : ""
        return "<h3>\(heading.escapedForHTML)</h3><ul class=\"objects\">\(shown)\(more)</ul>"
    }
}

extension ServerStatus.Server {
    /// Its colour.
    var look: String {
        switch state {
        case Self.dead: "bad"
        case "full": "good"
        default: "warn"
        }
    }

    /// The state in words.
    var stateWords: String { state == "full" ? "answers" : state }
}

extension ServerStatus.Group {
    /// Its colour.
    var look: String {
        if deadServers == servers.count { return "bad" }
        return deadServers > 0 || servers.contains { $0.look == "warn" } ? "warn" : "good"
    }
}
