// What is known of each cluster and path: where a click in the picture leads.

extension StatusPage {
    /// The anchor of what is known of a cluster.
    func whyID(of group: ServerStatus.Group) -> String {
        "why-cluster-\(status.groups.firstIndex(of: group) ?? 0)"
    }

    /// The anchor of what is known of a path.
    func whyID(of path: ServerStatus.Path) -> String {
        "why-path-\(status.paths.firstIndex(of: path) ?? 0)"
    }

    /// One closed part for each cluster and path.
    var reasons: String {
        let clusters = status.groups.map { group in
            reason(
                whyID(of: group), Head(look: group.look, name: group.name, state: group.stateWords),
                body: body(of: group))
        }
        let paths = status.paths.map { path in
            reason(
                whyID(of: path), Head(look: path.look, name: path.ends, state: path.stateWords),
                body: body(of: path))
        }
        let all = clusters + paths
        return all.isEmpty ? "" : "<div class=\"reasons\">\(all.joined(separator: "\n"))</div>"
    }

    /// What is seen of a closed part.
    private struct Head {
        /// Its colour.
        let look: String
        /// The cluster, or the ends of the path.
        let name: String
        /// The state in words.
        let state: String
    }

    /// One part.
    private func reason(_ id: String, _ head: Head, body: String) -> String {
        """
        <details id="\(id)"><summary id="\(id)-head">\
        <span class="state \(head.look)"><span class="dot"></span></span>\
        <b>\(head.name.escapedForHTML)</b> <span class="quiet">\(head.state.escapedForHTML)</span></summary>\
        \(body)</details>
        """
    }

    /// The servers of a cluster, and its problems.
    private func body(of group: ServerStatus.Group) -> String {
        let servers = group.servers.map { server in
            let down = server.downSeconds.map { " for \(Figures.duration(seconds: $0))" } ?? ""
            let error = server.lastError.map { (server.isDown ? ": " : "; last error: ") + $0 } ?? ""
            let trip = server.roundTripMicroseconds.map { ", probes in \(Self.time($0))" } ?? ""
            return "<li><code>\(server.address.escapedForHTML)</code> "
                + "\(server.stateWords)\(down)\(server.isDown ? "" : trip)\(error)".escapedForHTML + "</li>"
        }
        let names = (group.names + group.also).map { "<code>\($0.escapedForHTML)</code>" }
        let known = names.isEmpty ? "" : "<p>Answers below \(names.joined(separator: ", "))</p>"
        return known + "<ul class=\"objects\">\(servers.joined())</ul>"
            + problems(beginningWith: group.name + ": ")
    }

    /// What probes show of a path, what this host has of it, and its problems.
    private func body(of path: ServerStatus.Path) -> String {
        let health = path.health.map { "<li>\("\($0.name): \($0.words)".escapedForHTML)</li>" }
        let details = ([path.carrier] + path.details).joined(separator: ", ")
        return "<p>\(details.escapedForHTML)</p><ul class=\"objects\">\(health.joined())</ul>"
            + problems(beginningWith: "path \(path.ends): ")
    }

    /// What to do about the problems whose words begin so.
    private func problems(beginningWith prefix: String) -> String {
        status.problems.filter { $0.words.hasPrefix(prefix) }.map(Self.lines(of:)).joined()
    }
}

extension ServerStatus.Group {
    /// Its state in words.
    var stateWords: String {
        guard deadServers > 0 else {
            return servers.count == 1 ? "answers" : "all \(servers.count) answer"
        }
        return "\(deadServers) of \(servers.count) down"
    }
}
