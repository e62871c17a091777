package import Inventory
import JSON
import LinuxSystem

// The clusters that are followed.

extension ServerStatus {
    /// A cluster that is followed, as its follower reports it.
    package struct Followed: Hashable, Sendable {
        /// The cluster's key.
        package var cluster: String
        /// `starting`, `following`, `doubting` or `failing`; `absent` if no follower reports.
        package var state: String
        /// What is wrong, and what to do; nil if nothing is.
        package var reason: String?
        /// How long ago the cluster answered last; nil if it never did.
        package var ageSeconds: Int?
        /// The values in use that were found in it, each with its source, and for how long it is so.
        package var values: [Value] = []

        /// A value that was found in the cluster.
        package struct Value: Hashable, Sendable {
            /// The key, as in the configuration.
            package var key: String
            /// Where it was found.
            package var source: String
            /// For how long it is so.
            package var sinceSeconds: Int

            /// Creates a value.
            package init(key: String, source: String, sinceSeconds: Int) {
                self.key = key
                self.source = source
                self.sinceSeconds = sinceSeconds
            }
        }

        /// Creates what is followed.
        package init(cluster: String, state: String, reason: String? = nil, ageSeconds: Int? = nil) {
            self.cluster = cluster
            self.state = state
            self.reason = reason
            self.ageSeconds = ageSeconds
        }

        /// Facts that are older are a problem, in seconds.
        package static let longestAge = 600

        /// True if the facts may be wrong by now.
        package var isStale: Bool { ageSeconds.map { $0 > Self.longestAge } ?? (state != "starting") }

        /// How it is going, in words.
        package var words: String {
            let age =
                ageSeconds.map { "as of \(Figures.duration(seconds: $0)) ago" } ?? "never asked with success"
            let head = state == "absent" ? "no \"namebridge follow\" reports" : state
            return "\(head), \(age)" + (reason.map { ": \($0)" } ?? "")
        }
    }
}

extension ServerStatus.Followed {
    /// What the follower of `cluster` has written in `factsFolder`, as of now.
    package init(_ cluster: Cluster, factsFolder: String) {
        self.init(
            cluster, report: HostReports.report(in: "\(factsFolder)/\(cluster.key).json"),
            at: WallClock.seconds)
    }

    /// What the follower of `cluster` reports; its facts are those in use.
    ///
    /// - Parameters:
    ///   - report: What it has written; nil if there is nothing.
    ///   - now: Seconds since 1970.
    init(_ cluster: Cluster, report: JSONValue?, at now: Int) {
        self.init(cluster: cluster.key, state: report?["state"]?.string ?? "absent")
        reason = report?["reason"]?.string
        ageSeconds = report?["answered"]?.integer.map { max(0, now - $0) }
        if let process = report?["process"]?.count.flatMap(Int32.init(exactly:)), process > 0,
            !ThisProcess.sees(process: process)
        {
            state = "absent"
        }
        values = ClusterFacts.Key.allCases.flatMap { key in
            cluster.origins(of: key).compactMap { origin in
                guard case .cluster(let source, let since) = origin else { return nil }
                return Value(key: key.rawValue, source: source, sinceSeconds: max(0, now - since))
            }
        }
    }
}

// MARK: - JSON

extension ServerStatus.Followed {
    var json: JSONValue {
        .object([
            ("cluster", .string(cluster)), ("state", .string(state)), ("reason", .optional(reason)),
            ("age-seconds", .optional(ageSeconds)),
            (
                "values",
                .array(
                    values.map {
                        .object([
                            ("key", .string($0.key)), ("from", .string($0.source)),
                            ("since-seconds", .integer($0.sinceSeconds)),
                        ])
                    })
            ),
        ])
    }

    init(json: JSONValue) {
        self.init(
            cluster: json["cluster"]?.string ?? "", state: json["state"]?.string ?? "",
            reason: json["reason"]?.string, ageSeconds: json["age-seconds"]?.count)
        values = (json["values"]?.elements ?? []).map {
            Value(
                key: $0["key"]?.string ?? "", source: $0["from"]?.string ?? "",
                sinceSeconds: $0["since-seconds"]?.count ?? 0)
        }
    }
}
