package import Telemetry

/// One call into the engine: when it is made, the random bits that it may draw, and where it puts what is to
/// be sent.
package struct Turn: ~Copyable {
    package var now: MonotonicTime
    /// Message IDs and letter case are drawn from it.
    package var random: any RandomNumberGenerator
    package var outbox = Outbox()

    package init(at now: MonotonicTime, random: any RandomNumberGenerator) {
        self.now = now
        self.random = random
    }
}
