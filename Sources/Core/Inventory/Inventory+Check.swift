package import IPAddressing

extension Inventory {
    /// Every contradiction between the parts of the inventory, and every likely mistake.
    ///
    /// Takes O(n log n) time for n values, so that a hostile file cannot keep the program busy.
    ///
    /// - Parameters:
    ///   - isOwnAddress: Whether this host has the address; asked for the DNS servers alone.
    ///   - hostRoutes: The prefixes that this host has routes to, which no proposal takes; asked if there is
    ///     something to propose.
    package func check(
        isOwnAddress: (IPAddress) -> Bool = { _ in false }, hostRoutes: () -> [IPPrefix] = { [] }
    ) -> [InventoryProblem] {
        let servers = dns.upstream + clusters.flatMap(\.dns)
        let own = Set(servers.map(\.address.unmapped)).filter { !$0.isUnspecified && isOwnAddress($0) }
        var checker = InventoryChecker(self, ownAddresses: own)
        checker.checkDNS()
        checker.checkViews()
        checker.checkAdmin()
        checker.checkLog()
        checker.checkClusters()
        checker.checkMerges()
        checker.checkClusterSets()
        checker.checkNames()
        checker.checkPrefixes()
        checker.checkSlips()
        checker.checkHosts()
        checker.checkAnnouncement()
        checker.checkSites()
        checker.checkPaths()
        checker.checkMaps()
        checker.checkStandings()
        checker.proposeMaps(besides: hostRoutes)
        return checker.problems
    }
}

/// Collects the problems of one inventory. Each topic is an extension in its own file.
struct InventoryChecker {
    /// The inventory to check.
    let inventory: Inventory
    /// The problems found so far.
    private(set) var problems: [InventoryProblem] = []

    /// The first cluster of each key.
    let clusters: [String: Cluster]

    /// The keys of all clusters in the order of the file.
    let clusterKeys: [String]

    /// The position of each cluster in the file.
    let position: [String: Int]

    /// The first site of each key.
    let sites: [String: Site]

    /// The clusters without a map whose addresses lead to several places.
    private(set) var clustersInNeedOfMap: [String] = []

    /// The clusters that are an end of a path.
    let clustersOnPaths: Set<String>

    /// `dns.extra-labels`.
    let extraLabels: Set<String>

    /// The addresses of DNS servers that are this host's own.
    let ownAddresses: Set<IPAddress>

    init(_ inventory: Inventory, ownAddresses: Set<IPAddress>) {
        self.inventory = inventory
        self.ownAddresses = ownAddresses
        clusters = Dictionary(inventory.clusters.map { ($0.key, $0) }) { first, _ in first }
        clusterKeys = inventory.clusters.map(\.key)
        position = Dictionary(inventory.clusters.enumerated().map { ($1.key, $0) }) { first, _ in first }
        extraLabels = Set(inventory.dns.extraLabels)
        clustersOnPaths = Set(inventory.paths.flatMap(\.ends.keys))
        sites = Dictionary(inventory.sites.map { ($0.key, $0) }) { first, _ in first }
    }

    /// Adds an error at `path`, with another place that it refers to.
    mutating func error(
        at path: InventoryPath, and other: InventoryPath? = nil, isAboutKey: Bool = false, _ message: String,
        suggestion: String? = nil
    ) {
        problems.append(
            InventoryProblem(
                .error, at: path, and: other, isAboutKey: isAboutKey, message, suggestion: suggestion))
    }

    /// Adds a warning at `path`.
    mutating func needMap(_ key: String) {
        if clusters[key]?.isMapped == false { clustersInNeedOfMap.append(key) }
    }

    mutating func warn(at path: InventoryPath, and other: InventoryPath? = nil, _ message: String) {
        problems.append(InventoryProblem(.warning, at: path, and: other, message))
    }

    /// Reports that `found` is not in `known`, and suggests the nearest of them.
    mutating func unknown(
        _ found: String, at path: InventoryPath, expected: String, among known: some Collection<String>
    ) {
        // Each suggestion compares with all candidates: in a file with thousands of both only the first
        // get one.
        let mayCompare = problems.count * known.count <= 50_000
        let list = known.isEmpty ? "there is none" : known.prefix(8).joined(separator: ", ")
        error(
            at: path,
            "found \(quoted(found)), expected \(expected): \(list)\(known.count > 8 ? ", ..." : "")",
            suggestion: mayCompare ? nearestSpelling(of: found, among: known) : nil)
    }

    /// Reports the values that are in the list at `path` more than once.
    mutating func refuseDuplicates<Value: Hashable>(_ values: [Value], at path: InventoryPath) {
        var first: [Value: Int] = [:]
        for (index, value) in values.enumerated() {
            if let earlier = first[value] {
                error(at: path[index], and: path[earlier], "found \(value) a second time, expected each once")
            } else {
                first[value] = index
            }
        }
    }
}
