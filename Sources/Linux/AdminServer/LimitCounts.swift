import DNSServer
import Forwarding

/// A limit that was reached, with its name in metrics and a description.
package struct LimitCount: Hashable, Sendable {
    /// The value of the label `limit`.
    package let name: String
    /// The description, for people.
    package let words: String
    /// How often it was reached since the start.
    package let count: Int

    /// All limits, in the order in which they are shown.
    static func all(_ statistics: ServerStatistics) -> [LimitCount] {
        fields.map { field in
            LimitCount(name: field.name, words: field.words, count: statistics.sum(field.count))
        }
    }

    /// The limits with their counts of a worker.
    private static let fields: [(name: String, words: String, count: @Sendable (WorkerStatistics) -> Int)] = [
        ("rate", "questions beyond a network's rate", { $0.engine.limited }),
        ("rate-slipped", "of these told to come by TCP", { $0.engine.slipped }),
        ("clients", "questions of clients that are not in dns.clients", { $0.engine.strangers }),
        ("in-flight", "questions turned away, tables full", { $0.engine.overloaded }),
        ("in-flight-client", "of these for the client's number", { $0.engine.overloadedClients }),
        ("in-flight-cluster", "of these for the cluster's number", { $0.engine.overloadedGroups }),
        ("response-rate", "replies beyond the response rate limit", { $0.engine.withheld }),
        ("loop", "questions of ours that came back", { $0.engine.loops }),
        ("server-cookie", "answers without the server's cookie", { $0.engine.doubtfulCookies }),
        ("rebinding", "answers from outside with an inside address held back", { $0.engine.blocked }),
        ("tcp-refused", "connections refused for lack of room", { $0.sockets.connectionsRefused }),
        ("tcp-displaced", "idle connections closed for others", { $0.sockets.connectionsDisplaced }),
        ("tcp-idle", "connections closed for idling", { $0.sockets.connectionsExpired }),
        ("tcp-age", "connections ended for their age", { $0.sockets.connectionsRetired }),
        ("tcp-buffers", "connections closed that left answers lying", { $0.sockets.connectionsChoked }),
        ("reply-buffer", "replies dropped, socket buffer full", { $0.sockets.datagramsDropped }),
        (
            "question-buffer", "questions to servers dropped, socket buffer full",
            { $0.sockets.questionsDropped }
        ),
    ]
}
