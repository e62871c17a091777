package import NetworkModel

/// Where an agent hears of changes: the kernel, or a test.
package protocol EventSource: AnyObject {
    /// What has come since the last call, without waiting.
    func take() -> EventBatch
}

/// Events in their order.
package struct EventBatch: Sendable {
    package var events: [KernelEvent]

    /// True where some were lost: anything may have happened.
    package var isIncomplete: Bool

    package init(_ events: [KernelEvent] = [], isIncomplete: Bool = false) {
        self.events = events
        self.isIncomplete = isIncomplete
    }
}
