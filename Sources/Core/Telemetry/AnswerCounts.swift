/// How many replies went out: by view, cluster, source and response code.
///
/// ```
/// cells: view 0 [ cluster 0 [ hit [ NOERROR, FORMERR, ... ] miss [ ... ] ... ] cluster 1 [ ... ] ... ] ...
/// ```
/// View 0 is for clients of no view, cluster 0 for replies that are no cluster's. One thread counts; others
/// read copies.
package struct AnswerCounts: Hashable, Sendable {
    /// Rows for views.
    package private(set) var views: Int
    /// Rows for clusters in each view.
    package private(set) var clusters: Int
    /// `views * clusters * cellsPerCluster` numbers.
    private var cells: [Int]

    /// Counts of one cluster in one view.
    private static let cellsPerCluster = AnswerSource.allCases.count * ResponseCodeColumn.count

    /// - Parameters:
    ///   - views: Rows for views, at least 1.
    ///   - clusters: Rows for clusters in each, at least 1.
    package init(views: Int, clusters: Int) {
        self.views = max(1, views)
        self.clusters = max(1, clusters)
        cells = Array(repeating: 0, count: self.views * self.clusters * Self.cellsPerCluster)
    }

    /// Counts replies; a row that does not exist counts as row 0.
    package mutating func count(
        _ source: AnswerSource, rcode: Int, view: Int, cluster: Int, replies: Int = 1
    ) {
        cells[index(source, ResponseCodeColumn.of(rcode), view: view, cluster: cluster)] += replies
    }

    /// The number of replies with a response code of `column`.
    package func value(_ source: AnswerSource, column: Int, view: Int, cluster: Int) -> Int {
        cells[index(source, column, view: view, cluster: cluster)]
    }

    /// The index of a count in `cells`; rows that do not exist are row 0.
    private func index(_ source: AnswerSource, _ column: Int, view: Int, cluster: Int) -> Int {
        let view = UInt(bitPattern: view) < UInt(views) ? view : 0
        let cluster = UInt(bitPattern: cluster) < UInt(clusters) ? cluster : 0
        return ((view * clusters + cluster) * AnswerSource.allCases.count + Int(source.rawValue))
            * ResponseCodeColumn.count + column
    }

    /// The same counts among other views and clusters.
    ///
    /// - Parameter view: For each view that there will be, its row here; nil: a new one.
    package func rearranged(views rows: [Int?], clusters count: Int) -> AnswerCounts {
        var new = AnswerCounts(views: rows.count, clusters: count)
        for (row, old) in rows.enumerated() {
            guard let old, old < views else { continue }
            for cluster in 0..<min(clusters, new.clusters) {
                let to = (row * new.clusters + cluster) * Self.cellsPerCluster
                let from = (old * clusters + cluster) * Self.cellsPerCluster
                for cell in 0..<Self.cellsPerCluster { new.cells[to + cell] = cells[from + cell] }
            }
        }
        return new
    }

    /// Adds another worker's counts of the same rows.
    package mutating func add(_ other: AnswerCounts) {
        guard other.views == views, other.clusters == clusters else {
            // Two workers in the midst of a reload: the larger picture holds until the other one follows.
            if other.cells.count > cells.count { self = other }
            return
        }
        for index in cells.indices { cells[index] += other.cells[index] }
    }
}

/// Where a reply came from.
package enum AnswerSource: UInt8, CaseIterable, Sendable {
    /// The cache, fresh.
    case hit
    /// A server was asked, or all that could be asked failed.
    case miss
    /// The cache, past its TTL, because no server answered (RFC 8767).
    case stale
    /// What is known here: names that can't exist, private reverse zones.
    case local
    /// No source: the question was refused, malformed, not supported or over a limit.
    case refused
}

/// The response codes that are counted separately.
package enum ResponseCodeColumn {
    /// For each column its mnemonic (IANA, DNS RCODEs).
    package static let names = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS", "BADCOOKIE", "other",
    ]

    /// The number of columns; the last is for all other codes.
    static let count = 9

    /// The column of a response code.
    static func of(_ rcode: Int) -> Int {
        switch rcode {
        case 0...5: rcode
        case 16: 6
        case 23: 7
        default: 8
        }
    }
}
