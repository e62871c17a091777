import Forwarding
import LinuxSystem
import Synchronization
import Time

// From one configuration to the next, and from the last question to the end.

extension DNSServerWorker {
    /// Units that drain at a time; beyond it the oldest gives up its questions.
    private static var mostDraining: Int { 8 }
    /// How long one drains: longer than any question waits.
    static var drainMilliseconds: Int { 6_000 }

    /// Executes its commands; called between turns, when nothing is left to send.
    mutating func runCommands() {
        let commands = seed.commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
        for command in commands {
            switch command.task {
            case .stop: isStopping = true
            case .end: beginEnd()
            case .begin(let change):
                present.engine.begin(change)
                for old in draining { old.unit.engine.begin(change) }
            case .reconfigure(let serving, let change):
                reconfigure(serving, change, acknowledgement: command.acknowledgement)
            case .completeReload: present.engine.completeReload()
            }
            command.acknowledgement.confirm()
        }
    }

    /// Switches to another configuration: a new unit takes the questions, the old one drains.
    private mutating func reconfigure(
        _ serving: Serving, _ change: PolicyChange, acknowledgement: Acknowledgement
    ) {
        guard end == nil else { return }
        resources.now = MonotonicClock.now
        // 256 numbers for at most nine units: none is in use twice.
        let number = present.number &+ 1
        let next = ForwardingEngine(
            takingOverFrom: &present.engine, change, board: serving.board, identity: serving.identity,
            limits: seed.limits)
        var unit = EngineUnit(next, serving.board, number: number)
        swap(&present, &unit)
        draining.append(
            DrainingUnit(unit, end: resources.now.advanced(milliseconds: Self.drainMilliseconds)))
        resources.settings = serving.settings
        clients.use(serving.queryLog, in: &resources.turn)
        clients.connections.apply(serving.settings)
        clients.listen(on: serving.sockets, for: &present, &resources, acknowledgement)
        drain()
        publish()
    }

    // MARK: - Units of earlier configurations

    /// Does `work` with an old unit, and sends what follows from it.
    mutating func with(
        _ old: DrainingUnit,
        _ work: (inout EngineUnit, inout ClientSockets, inout WorkerResources) -> Void
    ) {
        flush()
        work(&old.unit, &clients, &resources)
        clients.flush(&old.unit, &resources)
        // The connections whose replies the old unit has given are for the present one.
        flush()
    }

    /// Lets old units do what is due, and removes those that have nothing in flight any more.
    mutating func drain() {
        guard !draining.isEmpty else { return }
        resources.now = MonotonicClock.now
        let tooMany = draining.count - Self.mostDraining
        for (index, old) in draining.enumerated()
        where old.nextDeadline <= resources.now || index < tooMany {
            hasNews = true
            with(old) { unit, _, resources in
                unit.engine.expire(in: &resources.turn)
                guard old.end <= resources.now || index < tooMany else { return }
                unit.engine.giveUpAll(in: &resources.turn)
            }
        }
        guard draining.contains(where: \.isFinished) else { return }
        for old in draining where old.isFinished { present.engine.takeCounts(of: &old.unit.engine) }
        draining.removeAll(where: \.isFinished)
    }
}

// MARK: - The end

// ```
// beginEnd          what clients have sent is taken; listeners and connections are no longer read
// each turn         answers are passed to clients; connections close once they have theirs
// endWhereAnswered  no question waits, or the time is up: the rest gets SERVFAIL; the worker stops
// ```
extension DNSServerWorker {
    /// How long clients are answered at the end: longer than any question waits, and well below
    /// `TimeoutStopSec` of namebridge.service.
    static var endMilliseconds: Int { 6_000 }

    /// Accepts no more questions from now on.
    mutating func beginEnd() {
        guard end == nil else { return }
        resources.now = MonotonicClock.now
        clients.endListening(for: &present, &resources)
        clients.endConnections(for: &present, &resources)
        flush()
        end = resources.now.advanced(milliseconds: Self.endMilliseconds)
    }

    /// Stops once every client has its answer, or the time for it is up.
    mutating func endWhereAnswered() {
        guard let end else { return }
        let isLate = end <= MonotonicClock.now
        guard isLate || !isAnyClientWaiting else { return }
        giveUpAll()
        isStopping = true
    }

    /// True if a client waits for an answer.
    private var isAnyClientWaiting: Bool {
        present.engine.hasWaitingClients || clients.connections.count > 0
            || draining.contains { $0.unit.engine.hasWaitingClients }
    }

    /// Answers the clients that still wait with SERVFAIL.
    private mutating func giveUpAll() {
        present.engine.giveUpAll(in: &resources.turn)
        flush()
        for old in draining {
            with(old) { unit, _, resources in unit.engine.giveUpAll(in: &resources.turn) }
        }
    }
}
