package import NetworkModel

/// The source of an agent's events: the kernel, or a test.
package protocol EventSource: AnyObject {
    /// The events since the last call, without waiting.
    func take() -> EventBatch
}

/// Events in their order.
package struct EventBatch: Sendable {
    /// The events.
    package var events: [KernelEvent]

    /// True if some were lost: any object may have changed.
    package var isIncomplete: Bool

    /// Creates a batch.
    package init(_ events: [KernelEvent] = [], isIncomplete: Bool = false) {
        self.events = events
        self.isIncomplete = isIncomplete
    }
}
