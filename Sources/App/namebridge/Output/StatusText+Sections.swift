import AdminServer

// Sections that are shown only if there is something to say.

extension StatusText {
    // MARK: - Name servers

    /// The table of name servers.
    var servers: [Line] {
        let all = status.groups.flatMap(\.servers)
        guard !all.isEmpty else { return [Line("No name server is configured.", .faint)] }
        let table = serverTable
        let indent = (status.groups.map(\.name.count) + ["cluster".count]).max() ?? 0
        var rows = Self.underHeading(Array(table.prefix(1)))
        for (line, server) in zip(table.dropFirst(), all) {
            let style: Style? = server.isDown ? .error : server.state == "full" ? nil : .warning
            rows.append(Line(line, style))
            if !Self.isShort(server) {
                // Above its own figures, which are in the same columns as the others'.
                rows[rows.count - 1].text = line.prefix(indent) + "  " + server.address
                let figures = String(repeating: " ", count: indent) + line.dropFirst(indent)
                rows.append(Line(figures, style))
            }
            guard let error = server.lastError else { continue }
            // The past error of a server that answers is not highlighted.
            rows += hanging([Row(["  last error:"], error, server.isDown ? .error : .faint)], [.left])
        }
        return rows
    }

    /// True if its address fits the column, so that the other rows need no more room.
    private static func isShort(_ server: ServerStatus.Server) -> Bool { server.address.count <= 26 }

    /// One column of the table of servers, and its content.
    private struct ServerColumn: Sendable {
        /// The heading.
        let name: String
        /// The alignment.
        var side = TextTable.Side.right
        /// The text of a server's cell.
        let cell: @Sendable (ServerStatus.Server) -> String
    }

    /// The columns, if there is room for all.
    private static let serverColumns = [
        ServerColumn(name: "server", side: .left) { isShort($0) ? $0.address : "" },
        ServerColumn(name: "state", side: .left) { server in
            // The word of the page: "full" looks like a shortage.
            server.state == "full" ? "answers" : server.isDown ? server.state.uppercased() : server.state
        },
        ServerColumn(name: "RTT") { StatusText.time($0.roundTripMicroseconds) },
        ServerColumn(name: "p50") { StatusText.time($0.latency.median) },
        ServerColumn(name: "p99") { StatusText.time($0.latency.p99) },
        ServerColumn(name: "asked") { Figures.grouped($0.asked) },
        ServerColumn(name: "failed") { Figures.grouped($0.failures) },
    ]

    /// The columns that are left out, in this order, if there is no room for all.
    private static let dispensableColumns = ["p50", "RTT", "p99"]

    /// The table with as many columns as there is room for, without colours.
    private var serverTable: [String] {
        var shown = Self.serverColumns
        for name in [nil] + Self.dispensableColumns {
            shown.removeAll { $0.name == name }
            let table = serverTable(shown)
            if table.width <= columns { return table.lines }
        }
        return serverTable(shown).lines
    }

    /// The table with these columns.
    private func serverTable(_ shown: [ServerColumn]) -> TextTable {
        var table = TextTable([.left] + shown.map(\.side))
        table.add(["cluster"] + shown.map(\.name))
        for group in status.groups {
            for (index, server) in group.servers.enumerated() {
                table.add([index == 0 ? group.name : ""] + shown.map { $0.cell(server) })
            }
        }
        return table
    }

    // MARK: - Suffixes

    /// Merged suffixes and private zones.
    var suffixes: [Line] {
        guard !status.suffixes.isEmpty else { return [] }
        let rows = status.suffixes.map { Row(["  \($0.name)"], $0.words) }
        return [Line("suffixes besides those of the clusters", .faint)] + hanging(rows, [.left])
    }

    // MARK: - Maps

    /// The clusters with outer addresses.
    var maps: [Line] {
        let rows = status.groups.filter { !$0.map.isEmpty }.flatMap { group in
            group.map.prefix(Self.mostRows).enumerated().map { index, range in
                let words = group.translatedPackets.map { "\(Figures.grouped($0)) packets translated here" }
                return Row(
                    ["  " + (index == 0 ? group.name : ""), range.inner, "as \(range.outer)"],
                    index == 0 ? words ?? "" : "")
            }
                + (group.map.count > Self.mostRows
                    ? [Row(["", "and \(group.map.count - Self.mostRows) more", ""], "")] : [])
        }
        guard !rows.isEmpty else { return [] }
        let lines = hanging(rows, [.left, .left, .left]).map { line in
            Line(String(line.text.reversed().drop { $0 == " " }.reversed()), line.style)
        }
        return [Line("addresses outside", .faint)] + lines
    }

    // MARK: - Failures

    /// As many as on the page.
    private static let mostFailures = 8

    /// The last failures, the latest first.
    var failures: [Line] {
        guard !status.failures.isEmpty else { return [] }
        let rows = status.failures.prefix(Self.mostFailures).flatMap { failure in
            [
                Row(
                    [
                        "  \(Figures.grouped(failure.count)) x",
                        "\(Figures.duration(seconds: failure.secondsAgo)) ago",
                    ], failure.reason),
                Row(["", ""], failure.name, .faint),
            ]
        }
        return [Line("last failures", .faint)] + hanging(rows, [.right, .right])
    }

    // MARK: - Counts

    /// The most rows of a list.
    private static let mostRows = 10

    /// The limits that were reached.
    var limits: [Line] {
        counts("limits hit", status.limits.map { ($0.words, $0.count) })
    }

    /// Clusters that answer with addresses outside of their prefixes.
    var strays: [Line] {
        counts("answers with an address outside the cluster", status.groups.map { ($0.name, $0.straying) })
    }

    /// The reasons that are sent with replies.
    var reasons: [Line] {
        counts("reasons given (EDE)", status.extendedErrors.map { ("\($0.name) \($0.words)", $0.count) })
    }

    /// The most frequent names.
    var topNames: [Line] { counts("most asked", status.topNames.map { ($0.name, $0.count) }) }

    /// The most frequent clients.
    var topClients: [Line] { counts("who asks most", status.topClients.map { ($0.name, $0.count) }) }

    /// The counts above 0, the largest first.
    private func counts(_ heading: String, _ counts: [(name: String, count: Int)]) -> [Line] {
        let sorted = counts.filter { $0.count > 0 }.sorted { $0.count > $1.count }
        guard !sorted.isEmpty else { return [] }
        let rows = sorted.prefix(Self.mostRows).map { Row(["  " + Figures.grouped($0.count)], $0.name) }
        return [Line(heading, .faint)] + hanging(rows, [.right])
    }

    // MARK: - Followed clusters

    /// The clusters that are followed, and the values in use that were found.
    var followed: [Line] {
        guard !status.followed.isEmpty else { return [] }
        let rows = status.followed.flatMap { cluster -> [Row] in
            let style: Style = cluster.isStale ? .error : cluster.state == "following" ? .success : .warning
            let values = cluster.values.map { value in
                Row(
                    ["", "\(value.key), for \(Figures.duration(seconds: value.sinceSeconds))"], value.source,
                    .faint)
            }
            return [Row(["  " + cluster.cluster, ""], cluster.words, style)] + values
        }
        return [Line("followed clusters", .faint)] + hanging(rows, [.left, .left])
    }

    // MARK: - Paths and the network

    /// The paths with their state.
    var paths: [Line] {
        guard !status.paths.isEmpty else { return [] }
        let rows = status.paths.map { path in
            let words = ([path.carrier] + path.details).joined(separator: ", ")
            return Row(["  " + path.ends, path.stateWords], words, Self.style(path.look))
        }
        return [Line("paths", .faint)] + hanging(rows, [.left, .left])
    }

    /// The colour of a path's state.
    private static func style(_ look: String) -> Style? {
        switch look {
        case "bad": .error
        case "warn": .warning
        case "good": .success
        default: nil
        }
    }

    /// The objects that the network agent maintains here.
    var network: [Line] {
        guard let network = status.network, status.isAgentNeeded else { return [] }
        var head =
            "\(network.present) of \(network.wanted) objects in place, \(network.healed) put back so far"
        if network.failures > 0 { head += ", \(network.failures) attempts failed" }
        var rows = [Row(["network"], head, network.isWhole ? nil : .error)]
        func add(_ label: String, _ objects: [String], _ style: Style?) {
            for (index, object) in objects.prefix(Self.mostRows).enumerated() {
                rows.append(Row([index == 0 ? "  " + label : ""], object, style))
            }
            if objects.count > Self.mostRows {
                rows.append(Row([""], "and \(objects.count - Self.mostRows) more", style))
            }
        }
        if !network.isRunning {
            rows.append(Row([""], "the agent has ended: lost objects are not restored", .error))
        }
        add("off", network.missing, .error)
        add("contested", network.contested, .warning)
        if let trouble = network.trouble { add("trouble", [trouble], .error) }
        if !network.lastLost.isEmpty {
            add("last lost", network.lastLost, .faint)
            if let suspicion = network.suspicion { add("likely by", [suspicion], .faint) }
        }
        return hanging(rows, [.left])
    }
}
