import NetworkModel
import NetworkPlanning

/// A kernel that is looked at together with its events: each look covers all events before it, so that what
/// an agent has caused itself is taken before the look that ends its work, and what comes later is somebody
/// else's.
final class AttentiveKernel<Machine: Kernel, Source: EventSource>: Kernel {
    private let machine: Machine
    private let source: Source

    /// What has happened since the last look, until our own work began.
    private(set) var suspects: [KernelEvent] = []
    private(set) var lastObserved: HostState?
    private var isActing = false

    /// True for events that a look must not be torn by.
    var concerns: (KernelEvent) -> Bool = { _ in false }

    /// Called where such an event came before our own work began.
    var concerned: () -> Void = {}

    /// True where even the last look was torn: another one must follow.
    private(set) var isTorn = false

    /// More are not needed to tell who it was.
    private static var mostSuspects: Int { 20_000 }

    init(machine: Machine, source: Source) {
        self.machine = machine
        self.source = source
    }

    /// Takes the waiting events.
    func listen() -> EventBatch {
        let batch = source.take()
        if !isActing { suspects += batch.events.prefix(max(0, Self.mostSuspects - suspects.count)) }
        return batch
    }

    /// Forgets the events of before, unless what they have done is still to be made good.
    func endLook(keepsSuspects: Bool = false) {
        if !keepsSuspects { suspects = [] }
        isActing = false
    }

    /// What is read of the host comes from several programs: where something of ours changed between them,
    /// the picture is of no one moment, and is taken again.
    func observe() throws(KernelError) -> HostState {
        noteConcern(listen())
        var state = try machine.observe()
        for _ in 0..<Self.mostRepetitions {
            isTorn = noteConcern(listen())
            if !isTorn { break }
            state = try machine.observe()
        }
        lastObserved = state
        return state
    }

    private static var mostRepetitions: Int { 3 }

    func answers(to questions: [RouteQuestion]) throws(KernelError) -> [RouteQuestion: RouteAnswer] {
        try machine.answers(to: questions)
    }

    /// True where `batch` has something that concerns us.
    @discardableResult
    private func noteConcern(_ batch: EventBatch) -> Bool {
        guard batch.isIncomplete || batch.events.contains(where: concerns) else { return false }
        if !isActing { concerned() }
        return true
    }

    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        isActing = true
        try machine.perform(steps, announce: announce)
    }
}
