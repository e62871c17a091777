package import DNSWire

/// What the engine wants sent: messages behind each other in one buffer, with a list of replies and one of
/// questions.
///
/// Filled by the engine while a batch of packets is read, emptied by its owner into system calls, used again.
package struct Outbox: ~Copyable {
    /// All messages. An entry's `range` lies inside.
    package var octets: OctetBuffer

    /// Replies to clients.
    package var replies: [Reply] = []

    /// Questions to name servers.
    package var questions: [OutgoingQuestion] = []

    /// Replies to be written down; nil: there is no query log.
    package var queryLog: QueryLogBatch?

    package struct Reply: Sendable {
        package let path: ClientPath
        package let start: Int
        package let end: Int
    }

    package struct OutgoingQuestion: Sendable {
        package let path: UpstreamPath
        package let start: Int
        package let end: Int
    }

    package init() {
        octets = OctetBuffer(capacity: 256 * 1024)
        replies.reserveCapacity(256)
        questions.reserveCapacity(256)
    }

    package var isEmpty: Bool { replies.isEmpty && questions.isEmpty }

    /// Forgets what was sent; keeps the usual room.
    package mutating func removeAll() {
        octets.removeAll(keeping: 4 * 1024 * 1024)
        replies.removeAll(keepingCapacity: true)
        questions.removeAll(keepingCapacity: true)
    }
}
