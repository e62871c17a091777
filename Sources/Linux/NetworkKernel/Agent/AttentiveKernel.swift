import IPAddressing
import NetworkModel
import NetworkPlanning

/// A kernel whose observations are tied to its events: each observation covers all events before it. The
/// agent's own events are consumed before the observation that ends its work, so later ones come from
/// other programs.
final class AttentiveKernel<Machine: Kernel, Source: EventSource>: Kernel {
    /// The kernel.
    private let machine: Machine
    /// The source of events.
    private let source: Source

    /// The events since the last observation, until our own work began.
    private(set) var suspects: [KernelEvent] = []
    /// The last observation.
    private(set) var lastObserved: HostState?
    /// True from the start of our own work.
    private var isActing = false

    /// True for events that make an observation inconsistent.
    var concerns: (KernelEvent) -> Bool = { _ in false }

    /// Called if such an event came before our own work began.
    var concerned: () -> Void = {}

    /// True if even the last observation was inconsistent: another one must follow.
    private(set) var isTorn = false

    /// True unless the last observation shows the host as it is, as far as events tell.
    private var isOutdated = true
    /// What our own work has changed since the last observation, if nothing else may have changed; nil if
    /// everything must be read.
    private var changed: Set<ObservedPart>?
    /// The kernel's answers that still hold.
    private var known = KnownAnswers()
    /// True if the next observation may be the last one, once more.
    private var mayRepeat = false
    /// The observation that was given once more since this was allowed; nil if none was.
    private(set) var repeated: HostState?

    /// True if the undo of our work had to restore more than this work had changed since a repetition was
    /// allowed: the host was not as observed.
    private(set) var wasMisled = false
    /// The commands that succeeded of work that has failed and is not undone yet; nil if there is none.
    private var doneBeforeFailure: Int?

    /// More are not needed to identify the process.
    private static var mostSuspects: Int { 20_000 }

    /// A kernel with its events.
    init(machine: Machine, source: Source) {
        self.machine = machine
        self.source = source
    }

    /// Takes the waiting events.
    func listen() -> EventBatch {
        let batch = source.take()
        if batch.isIncomplete || batch.events.contains(where: outdates) { isOutdated = true }
        if batch.isIncomplete || batch.events.contains(where: isOutsideOfChanged) { changed = nil }
        forgetAnswers(about: batch)
        guard !isActing else { return batch }
        // What happens in containers explains nothing here.
        let possible = batch.events.lazy.filter { [concerns] in !$0.isElsewhere || concerns($0) }
        suspects += possible.prefix(max(0, Self.mostSuspects - suspects.count))
        return batch
    }

    /// Discards the earlier events, unless their effect still has to be repaired.
    func endLook(keepsSuspects: Bool = false) {
        if !keepsSuspects { suspects = [] }
        isActing = false
    }

    /// The host is read with several programs: if an object of ours changes between them, the observation is
    /// of no single moment, and is made again.
    func observe() throws(KernelError) -> HostState {
        noteConcern(listen())
        let repeats = mayRepeat && !isOutdated
        mayRepeat = false
        if repeats, let lastObserved {
            let state = machine.refreshed(lastObserved)
            (self.lastObserved, repeated) = (state, state)
            return state
        }
        var state = try read()
        for _ in 0..<Self.mostRepetitions {
            isTorn = noteConcern(listen()) == .ours
            if !isTorn { break }
            state = try read()
        }
        lastObserved = state
        isOutdated = isTorn
        changed = nil
        return state
    }

    /// Reads what our own work has changed, or everything: a thousand routes take one program, the whole host
    /// a dozen. What has changed without an event is found by the periodic check.
    private func read() throws(KernelError) -> HostState {
        if let changed, let lastObserved { return try machine.observe(changed, since: lastObserved) }
        known.clear()
        return try machine.observe()
    }

    /// True if what `event` tells of is not read with `changed`.
    private func isOutsideOfChanged(_ event: KernelEvent) -> Bool {
        guard let changed, outdates(event) else { return false }
        return ObservedPart(of: event).map { !changed.contains($0) } ?? true
    }

    /// Forgets answers that changed routes may have made wrong. Other changes lead to an observation of
    /// everything, and so to the same questions again.
    private func forgetAnswers(about batch: EventBatch) {
        var changed: [IPPrefix] = []
        for event in batch.events {
            switch event.subject {
            // Such a change moves routes without an event of theirs.
            case .nextHop: return known.clear()
            case .route(let prefix, _): changed.append(prefix)
            default: break
            }
        }
        known.note(changed: changed)
    }

    /// Does `work`, whose first observation may be the last one once more, if no event has come since: a
    /// change of the file is not delayed by a look at what is known. Settings, whose former values are
    /// restored one day, are read again; what else makes no event is seen by the observation that ends the
    /// work.
    func repeating<Value, Failure: Error>(_ work: () throws(Failure) -> Value) throws(Failure) -> Value {
        mayRepeat = true
        repeated = nil
        (wasMisled, doneBeforeFailure) = (false, nil)
        defer { mayRepeat = false }
        return try work()
    }

    /// True if `event` may make an observation wrong. Foreign neighbours come and go all the time.
    private func outdates(_ event: KernelEvent) -> Bool {
        if concerns(event) { return true }
        if event.isElsewhere { return false }
        switch event.subject {
        case .neighbour, .transaction: return false
        default: return true
        }
    }

    /// The most observations in a row.
    private static var mostRepetitions: Int { 3 }

    /// Reads what may change without an event.
    func refreshed(_ earlier: HostState) -> HostState { machine.refreshed(earlier) }

    /// Asks the kernel what is not known from the observations before.
    func answers(to questions: [RouteQuestion]) throws(KernelError) -> [RouteQuestion: RouteAnswer] {
        let held = known.take(questions)
        let open = questions.filter { held[$0] == nil }
        let asked = open.isEmpty ? [:] : try machine.answers(to: open)
        let answers = asked.merging(held) { _, earlier in earlier }
        known.keep(answers)
        return answers
    }

    /// Asks the kernel.
    func held(_ routes: [LeavingRoute]) throws(KernelError) -> Set<IPPrefix> { try machine.held(routes) }

    /// What a batch of events means for us.
    private enum Concern {
        /// An event concerns what we have made, or events are missing.
        case ours
        /// No event does.
        case none
    }

    /// Reports a batch with an event that concerns us, unless we act ourselves.
    @discardableResult
    private func noteConcern(_ batch: EventBatch) -> Concern {
        guard batch.isIncomplete || batch.events.contains(where: concerns) else { return .none }
        if !isActing { concerned() }
        return .ours
    }

    /// Starts our own work and performs `steps`.
    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        isActing = true
        changed = isOutdated ? nil : ObservedPart.changed(by: steps)
        if changed?.contains(.nextHops) == true { known.clear() }
        isOutdated = true
        if let done = doneBeforeFailure {
            let undone = steps.count { step in if case .forget = step.change { false } else { true } }
            wasMisled = undone > done
            doneBeforeFailure = nil
        }
        var begun = 0
        do throws(KernelError) {
            try machine.perform(steps) { command in
                begun += 1
                announce(command)
            }
        } catch {
            changed = nil
            doneBeforeFailure = max(0, begun - 1)
            throw error
        }
    }
}
