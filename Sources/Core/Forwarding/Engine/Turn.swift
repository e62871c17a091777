package import Time

/// One call of the engine: its time, its source of random bits, and the outbox for messages to send.
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
