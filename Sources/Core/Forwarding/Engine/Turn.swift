package import Time

/// What each call of the engine is given: the time, a source of random bits, and the outbox for messages to
/// send. A worker has one for all calls: it sets the time anew, and empties the outbox by sending it.
package struct Turn: ~Copyable {
    /// The time.
    package var now: MonotonicTime
    /// Message IDs and letter case are drawn from it.
    package var random: any RandomNumberGenerator
    /// The messages to send.
    package var outbox = Outbox()

    /// Creates a turn.
    package init(at now: MonotonicTime, random: any RandomNumberGenerator) {
        self.now = now
        self.random = random
    }
}
