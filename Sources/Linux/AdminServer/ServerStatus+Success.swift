import JSON

// Whether clients get the answers that they ask for.

extension ServerStatus {
    /// The results of the allowed and well-formed questions of the last five minutes.
    package struct Success: Hashable, Sendable {
        /// The length of the time.
        package var seconds = 0
        /// Questions in this time.
        package var questions = 0
        /// Of these: answered with a failure, from a server or from here.
        package var failed = 0

        /// Creates a successful outcome.
        package init() {}

        /// Such as `99.8 %`; nil if none was asked.
        package var percent: String? {
            questions > 0 ? Figures.percent(max(0, questions - failed), of: questions) : nil
        }

        /// Fewer questions say nothing.
        private static let leastQuestions = 20

        /// More than one in twenty failed.
        var isBad: Bool { questions >= Self.leastQuestions && failed * 20 > questions }

        /// Each number and its name in JSON.
        static var fields: [(name: String, path: WritableKeyPath<Success, Int>)] {
            [("seconds", \.seconds), ("questions", \.questions), ("failed", \.failed)]
        }
    }

    /// A network whose clients are refused, since no prefix of `dns.clients` holds them.
    package struct RefusedNetwork: Hashable, Sendable {
        /// The network as a prefix; empty if it is not shown.
        package var network: String
        /// Questions since the start.
        package var count: Int
        /// Seconds since the last one.
        package var secondsAgo: Int

        /// Creates a refused network.
        package init(network: String, count: Int, secondsAgo: Int) {
            self.network = network
            self.count = count
            self.secondsAgo = secondsAgo
        }

        /// A refusal longer ago is no longer a problem.
        private static let recentSeconds = 300

        /// True if the last refusal is recent.
        var isRecent: Bool { secondsAgo < Self.recentSeconds }
    }
}

extension ServerStatus.RefusedNetwork {
    var json: JSONValue {
        .object([
            ("network", .string(network)), ("count", .integer(count)), ("seconds-ago", .integer(secondsAgo)),
        ])
    }

    init(json: JSONValue) {
        self.init(
            network: json["network"]?.string ?? "", count: json["count"]?.count ?? 0,
            secondsAgo: json["seconds-ago"]?.count ?? 0)
    }
}
