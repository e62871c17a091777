package import DNSWire

/// The messages that the engine sends: one after the other in one buffer, with a list of replies and one
/// of questions.
///
/// The engine fills it while a batch of packets is read; its owner sends its messages and uses it again.
package struct Outbox: ~Copyable {
    /// All messages. The octets of each entry are those from its `start` to its `end`.
    package var octets: OctetBuffer

    /// Replies to clients.
    package var replies: [Reply] = []

    /// Questions to name servers.
    package var questions: [OutgoingQuestion] = []

    /// Replies for the query log; nil if there is none.
    package var queryLog: QueryLogBatch?

    /// The outbox, and with it what has one, is not copied for calls.
    private let address = AddressOnly()

    /// A reply in `octets`.
    package struct Reply: Sendable {
        /// The destination.
        package let path: ClientPath
        /// The first octet.
        package let start: Int
        /// The offset after the last octet.
        package let end: Int
    }

    /// A question in `octets`.
    package struct OutgoingQuestion: Sendable {
        /// The socket.
        package let path: UpstreamPath
        /// The first octet.
        package let start: Int
        /// The offset after the last octet.
        package let end: Int
    }

    /// An empty outbox.
    package init() {
        octets = OctetBuffer(capacity: 256 * 1024)
        replies.reserveCapacity(256)
        questions.reserveCapacity(256)
    }

    /// True if there is nothing to send.
    package var isEmpty: Bool { replies.isEmpty && questions.isEmpty }

    /// Removes the messages; keeps the usual capacity.
    package mutating func removeAll() {
        octets.removeAll(keeping: 4 * 1024 * 1024)
        replies.removeAll(keepingCapacity: true)
        questions.removeAll(keepingCapacity: true)
    }
}
