import AdminServer

/// What part of a status a person wants to see, and in which order: changed by keys.
struct StatusView: Hashable {
    /// The order of a cluster's servers, and of the clusters.
    enum Order: String, CaseIterable {
        /// As in the configuration.
        case file = "as in the file"
        /// The most failures first.
        case failures
        /// The slowest first.
        case slowest = "slowest first"
        /// The most questions first.
        case asked = "most asked first"
    }

    /// The order.
    private(set) var order = Order.file
    /// The only cluster that is shown; nil: all.
    private(set) var cluster: String?
    /// Names, servers and failures without this text are left out.
    private(set) var filter = ""
    /// True while the filter is typed.
    private(set) var isTyping = false
    /// Lines that are scrolled away.
    private(set) var scrolled = 0

    /// What a key leads to.
    enum Effect: Hashable {
        /// Another picture.
        case redraw
        /// The end of the command.
        case quit
        /// Nothing.
        case nothing
    }

    /// Takes a key.
    ///
    /// - Parameter clusters: The keys of all clusters.
    mutating func take(_ key: RawTerminal.Key, clusters: [String]) -> Effect {
        if key == .interrupt || key == .end { return .quit }
        if isTyping { return type(key) }
        switch key {
        case .character("q"), .escape: return .quit
        case .character("s"):
            let all = Order.allCases
            order = all[((all.firstIndex(of: order) ?? 0) + 1) % all.count]
        case .character("c"):
            let place = cluster.flatMap(clusters.firstIndex(of:)).map { $0 + 1 } ?? 0
            cluster = clusters.indices.contains(place) ? clusters[place] : nil
            scrolled = 0
        case .character("/"), .character("f"):
            isTyping = true
            filter = ""
        case .down, .character("j"): scrolled += 1
        case .up, .character("k"): scrolled = max(0, scrolled - 1)
        default: return .nothing
        }
        return .redraw
    }

    /// Takes a key of the filter.
    private mutating func type(_ key: RawTerminal.Key) -> Effect {
        switch key {
        case .character(let letter): filter.append(letter)
        case .backspace: if !filter.isEmpty { filter.removeLast() }
        case .enter: isTyping = false
        case .escape: (isTyping, filter) = (false, "")
        default: return .nothing
        }
        scrolled = 0
        return .redraw
    }

    /// The part of `status` that is shown.
    func applied(to status: ServerStatus) -> ServerStatus {
        var shown = status
        if let cluster {
            shown.groups = shown.groups.filter { $0.name == cluster }
            shown.failures = shown.failures.filter { $0.cluster == cluster }
            shown.paths = shown.paths.filter { $0.from.contains(cluster) || $0.to.contains(cluster) }
        }
        if !filter.isEmpty {
            let word = filter.lowercased()
            func holds(_ texts: String...) -> Bool { texts.contains { $0.lowercased().contains(word) } }
            for index in shown.groups.indices where !holds(shown.groups[index].name) {
                shown.groups[index].servers.removeAll { !holds($0.address, $0.state, $0.lastError ?? "") }
            }
            shown.groups.removeAll { $0.servers.isEmpty && !holds($0.name) }
            shown.failures.removeAll { !holds($0.name, $0.cluster, $0.reason) }
            shown.topNames.removeAll { !holds($0.name) }
            shown.topClients.removeAll { !holds($0.name) }
            shown.paths.removeAll { !holds($0.ends, $0.stateWords) }
        }
        return sorted(shown)
    }

    /// The status with its clusters and servers in this order.
    private func sorted(_ status: ServerStatus) -> ServerStatus {
        let value: (ServerStatus.Server) -> Int
        switch order {
        case .file: return status
        case .failures: value = { $0.failures }
        case .slowest: value = { $0.latency.p99 ?? $0.roundTripMicroseconds ?? 0 }
        case .asked: value = { $0.asked }
        }
        var sorted = status
        for index in sorted.groups.indices {
            sorted.groups[index].servers.sort { value($0) > value($1) }
        }
        sorted.groups.sort { ($0.servers.map(value).max() ?? 0) > ($1.servers.map(value).max() ?? 0) }
        return sorted
    }

    /// The keys, and what they have chosen.
    var help: String {
        if isTyping { return "filter: \(filter)_   Enter keeps it, Esc drops it" }
        let chosen = filter.isEmpty ? "/ filter" : "/ filter: \(filter)"
        return
            "q quit  s sort: \(order.rawValue)  c cluster: \(cluster ?? "all")  \(chosen)  up, down scroll"
    }
}
