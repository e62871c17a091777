import IPAddressing
import LinuxSystem
import NetworkModel
import NetworkPlanning
package import Time

/// Keeps a host as it was applied: it restores every object of ours that another program removes.
///
/// It never waits by itself: its caller calls `listen` for events, `follow` with the file's content, and
/// `check` at the time `nextCheck`. One thread uses it.
///
/// ```
/// events -> of ours? -> a burst is over -> lock -> observe -> difference -> contested? wait
/// -> apply, observe again -> news, status
/// ```
package final class NetworkAgent<Machine: Kernel, Source: EventSource> {
    /// The kernel with its events.
    private let kernel: AttentiveKernel<Machine, Source>
    /// The state between two runs.
    let store: StateStore
    /// The settings of the agent.
    let settings: Settings
    /// The monotonic clock.
    let clock: () -> MonotonicTime
    /// Receives the reports.
    let tell: (AgentNews) -> Void
    /// The times of checks and repairs.
    var schedule: RepairSchedule
    /// The events that concern us.
    private var watchlist = Watchlist() {
        didSet { kernel.concerns = watchlist.concerns }
    }

    /// The plan that the agent maintains, and its source.
    private(set) var planned: (configuration: AppliedConfiguration, plan: HostPlan)?

    /// When a move to other relays began that is not over yet: its changes of routes are no loss.
    private var moveBegan: MonotonicTime?
    /// True if the plan must be made again for other relays.
    private var mustPlanAgain = false
    /// The relays to lead packets to, until they are stored; nil if they are.
    var unwritten: RelayChoices?

    /// The file whose changes are applied: the last applied one.
    package internal(set) var path: String

    /// The content of the file when it was not applied, and the reason.
    var rejected: (text: String, reason: String)? { didSet { noteTrouble() } }

    /// When the file was last tried and not applied.
    var lastRejection = MonotonicTime(nanoseconds: 0)

    /// True if the file must be read again at the next check.
    package internal(set) var mustFollow = false

    /// The status for other programs.
    var status: AgentStatus
    /// The silent next hops.
    private var silence = SilenceWatch()
    /// The status as last written.
    private var written: AgentStatus?
    /// The reported reason for maintaining nothing.
    private var idleReason: String?
    /// The reported failure.
    private var complaint: String? { didSet { noteTrouble() } }

    /// The rules in foreign chains that the last check found necessary.
    private var acceptRules: [Desired<IPTablesRule>] = []

    /// The part of each path in the plan.
    private var pathPlans: (configuration: AppliedConfiguration, plans: [PathPlan])?

    /// The reported drift that are not restored yet, and since when they are missing.
    private var told: [Drift] = []
    /// The time of the first event of the loss.
    private var lossBegan: MonotonicTime?
    /// The number of checks, for identifiers of journals.
    private var turns = 0
    /// Failed attempts in a row to apply the file.
    private var rejections = 0

    /// - Parameter clock: Its readings never go back.
    package init(
        kernel: Machine, source: Source, store: StateStore, settings: Settings,
        clock: @escaping () -> MonotonicTime, tell: @escaping (AgentNews) -> Void
    ) {
        self.kernel = AttentiveKernel(machine: kernel, source: source)
        self.store = store
        self.settings = settings
        self.clock = clock
        self.tell = tell
        path = settings.path
        schedule = RepairSchedule(slowCheckSeconds: settings.slowCheckSeconds, now: clock())
        status = AgentStatus(process: settings.process, started: settings.wallClock())
        self.kernel.concerned = { [weak self] in self?.noteConcern() }
    }

    /// When the file must be read, or `check` be called.
    package var nextTime: MonotonicTime { schedule.nextTime }

    /// The time of the next call of `check`.
    package var nextCheck: MonotonicTime { schedule.nextCheck }

    /// Reads the kernel's waiting events.
    package func listen() {
        let batch = kernel.listen()
        if batch.isIncomplete || batch.events.contains(where: watchlist.concerns) {
            schedule.noteEvent(at: clock())
        }
        // Events before the first relevant one do not explain it.
        if schedule.firstEvent == nil, lossBegan == nil { kernel.endLook() }
    }

    /// Checks the whole host, and restores what is missing.
    package func check() {
        let began = clock()
        lossBegan = schedule.beginCheck() ?? lossBegan
        do throws(KernelError) {
            try writeChoices()
            try keep()
            noteSilence()
        } catch .waiting(let journal) {
            be(idle: "the apply of process \(journal.process) waits for its confirmation")
            schedule.repeatCheck(at: clock().advanced(milliseconds: 1_000))
        } catch {
            fail(error)
        }
        kernel.endLook(keepsSuspects: lossBegan != nil)
        schedule.endCheck(began: began, ended: clock())
        status.contested = schedule.contested
        writeStatus()
    }

    /// Checks what is known of the host, and restores what is missing: a look at all of it takes a dozen
    /// programs, while packets are lost. That follows when there is time.
    func checkAtOnce() {
        kernel.repeating { check() }
        guard kernel.repeated != nil else { return }
        schedule.repeatCheck(at: clock().advanced(milliseconds: Self.restAfterApply))
    }

    /// Applies a configuration like every apply, with the same refusals.
    func apply(_ plan: HostPlan, _ desired: AppliedConfiguration) throws(KernelError) -> Int {
        var options = options(desired: .configuration(desired))
        options.foresee = try foresight(of: desired)
        let outcome = try applier.apply(
            plan, identifier: nextIdentifier, process: settings.process, options: options)
        planned = (desired, plan)
        path = desired.path
        acceptRules = outcome.difference.acceptRules
        watch(plan)
        noteObstacles(outcome.difference.conflicts)
        rejections = 0
        kernel.endLook()
        guard case .applied(let difference) = outcome else { return 0 }
        return difference.steps.count
    }

    /// Applies a configuration that differs from the one that the host is kept by. What only a check of the
    /// whole host shows follows once the file is at rest.
    func applyChange(_ plan: HostPlan, _ desired: AppliedConfiguration) throws(KernelError) -> Int {
        let began = clock()
        let steps: Int
        do throws(KernelError) {
            steps = try kernel.repeating { () throws(KernelError) in try apply(plan, desired) }
        } catch {
            guard isMisled(about: plan) else { throw error }
            steps = try apply(plan, desired)
        }
        let now = clock()
        status.present = status.desired
        status.missing = []
        schedule.endApply(began: began, ended: now, rest: Self.restAfterApply)
        if kernel.isTorn { schedule.noteEvent(at: now) }
        writeStatus()
        return steps
    }

    /// True if the earlier observation was given once more, and the host was not as it shows: there was more
    /// to undo than was done, or the host needs other steps.
    private func isMisled(about plan: HostPlan) -> Bool {
        guard let repeated = kernel.repeated else { return false }
        if kernel.wasMisled { return true }
        do throws(KernelError) {
            let now = difference(from: try kernel.observe(), to: plan).steps
            return now != difference(from: repeated, to: plan).steps
        } catch {
            return false
        }
    }

    /// From an apply of a changed file to the next check, in milliseconds.
    private static var restAfterApply: Int { 5_000 }

    /// Removes everything that is ours, until a file says something else.
    func removeAll(_ foresee: PacketForesight?) throws(KernelError) {
        _ = try applier.remove(
            identifier: nextIdentifier, process: settings.process, desired: nil, foresee: foresee)
        try store.removeWanted()
        planned = nil
        checkSoon()
        kernel.endLook()
    }

    /// Other relays carry from the next check on.
    func beginMove() {
        moveBegan = moveBegan ?? clock()
        status.isMoving = true
        mustPlanAgain = true
        pathPlans = nil
    }

    /// Ends the agent in order; every object stays on the host.
    package func stop() {
        status.isRunning = false
        writeStatus()
    }

    /// The file was not applied: if no state is maintained yet, it is tried again at growing intervals.
    func noteRejection(isIdle: Bool) {
        status.failures += 1
        if isIdle {
            rejections += 1
            mustFollow = true
            schedule.repeatCheck(at: clock().advanced(milliseconds: RepairSchedule.hold(rejections)))
        }
        writeStatus()
    }

    /// Writes the status if it has changed.
    func writeStatus() {
        guard status != written else { return }
        // Only the display is affected: the next change is written again.
        do throws(KernelError) { try store.write(status) } catch { return }
        written = status
    }

    // MARK: - One check

    /// The applier that observes together with events.
    private typealias Applier = NetworkApplier<AttentiveKernel<Machine, Source>>

    /// Changes the host.
    private var applier: Applier { NetworkApplier(kernel: kernel, store: store, announce: { _ in }) }

    /// The options of an apply by the agent.
    private func options(desired: DesiredConfiguration? = nil) -> Applier.Options {
        var options = Applier.Options(resolvers: settings.resolvers(), desired: desired)
        options.isAutomatic = true
        return options
    }

    /// Different for each journal since the host's start.
    private var nextIdentifier: String {
        turns += 1
        return "\(settings.process)-\(clock().nanoseconds)-\(turns)"
    }

    /// One check, and the repair if it is needed.
    private func keep() throws(KernelError) {
        var options = options()
        var hold: MonotonicTime?
        let decision = Holding()
        let (schedule, clock) = (schedule, clock)
        options.proceeds = { [weak self] difference in
            if self?.moveBegan != nil { return true }
            if case .wait(let until) = schedule.decide(about: difference.objectNames, at: clock()) {
                decision.until = until
                return false
            }
            self?.tellLoss(of: difference)
            return true
        }
        let keeping: Applier.RepairOutcome?
        do throws(KernelError) {
            keeping = try applier.keep(
                identifier: nextIdentifier, process: settings.process, options: options, plan: plan)
        } catch {
            try applyPartially(after: error, options)
        }
        hold = decision.until
        switch keeping {
        case nil: self.schedule.repeatCheck(at: clock().advanced(milliseconds: Self.busyPause))
        case .nothingDesired?:
            watchlist = Watchlist()
            planned = nil
            (status.desired, status.present) = (0, 0)
            (status.missing, status.paths) = ([], [])
            be(idle: "nothing is desired on this host: \"namebridge net apply\" changes that")
            calm()
        case .kept(let plan, let outcome)?:
            idleReason = nil
            kept(plan, outcome, hold: hold)
        }
    }

    /// If one object cannot be restored, the others are. The error is reported anyway, and everything is
    /// tried again.
    private func applyPartially(
        after error: KernelError, _ options: Applier.Options
    ) throws(KernelError) -> Never {
        let isTold: Bool
        switch error {
        case .refused: isTold = false
        case .rolledBack: isTold = true
        default: throw error
        }
        guard let partial = try applier.applyPartially(options: options, plan: plan) else { throw error }
        if let planned, let observed = kernel.lastObserved {
            let rest = difference(from: observed, to: planned.plan)
            acceptRules = rest.acceptRules
            watch(planned.plan)
            status.present = max(0, status.desired - rest.lossCount)
            noteMissing(rest)
        }
        guard !partial.steps.isEmpty else { throw error }
        if !isTold { tellLoss(of: partial.difference) }
        var restored = partial.difference
        restored.steps = partial.steps
        repaired(restored, at: clock())
        throw error
    }

    /// The delay of the next check while another command changes the host, in milliseconds.
    private static var busyPause: Int { 100 }

    /// The results of one check.
    private final class Holding { var until: MonotonicTime? }

    /// The plan of a configuration for this host.
    private func plan(of configuration: AppliedConfiguration) throws(KernelError) -> HostPlan {
        let isKnown = planned?.configuration == configuration
        if let planned, isKnown, !mustPlanAgain { return planned.plan }
        let plan = try settings.plan(configuration.text, configuration.path, configuration.host)
        planned = (configuration, plan)
        mustPlanAgain = false
        path = configuration.path
        if !isKnown { tell(.keeping(plan, path: configuration.path)) }
        return plan
    }

    /// A check has ended with `outcome`.
    private func kept(_ plan: HostPlan, _ outcome: Applier.Outcome, hold: MonotonicTime?) {
        let now = clock()
        acceptRules = outcome.difference.acceptRules
        watch(plan)
        if kernel.isTorn { schedule.noteEvent(at: now) }
        noteObstacles(outcome.difference.conflicts)
        switch outcome {
        case .nothingToDo:
            status.present = status.desired
            noteMissing(nil)
        case .postponed(let difference):
            status.present = max(0, status.desired - difference.lossCount)
            noteMissing(difference)
            if let hold { schedule.repeatCheck(at: hold) }
            return
        case .applied(let difference):
            status.present = status.desired
            noteMissing(nil)
            if moveBegan == nil { repaired(difference, at: now) }
        }
        endMove(at: now)
        calm()
    }

    /// The routes lead to the relays that carry.
    private func endMove(at now: MonotonicTime) {
        guard let began = moveBegan else { return }
        moveBegan = nil
        status.isMoving = false
        tell(.moved(milliseconds: Int(now.nanoseconds(since: began) / 1_000_000)))
    }

    /// An event came during an observation.
    private func noteConcern() { lossBegan = lossBegan ?? clock() }

    /// From now on events that concern `plan` lead to a check.
    private func watch(_ plan: HostPlan) {
        guard let observed = kernel.lastObserved else { return }
        watchlist = Watchlist(of: plan, on: observed, index: settings.deviceIndex)
        status.desired = plan.objectCount(on: observed, acceptRules: acceptRules)
    }

    /// Records what is missing now, and which paths need it.
    private func noteMissing(_ difference: Difference?) {
        let missing = (difference?.steps.drift ?? []).filter { $0.kind != .added }
        status.missing = missing.prefix(20).map(\.text)
        guard let observed = kernel.lastObserved, let planned else { return }
        if pathPlans?.configuration != planned.configuration {
            let (text, path) = (planned.configuration.text, planned.configuration.path)
            pathPlans = (
                planned.configuration, settings.pathPlans(text, path, planned.configuration.host)
            )
        }
        status.paths = (pathPlans?.plans ?? []).map {
            AgentStatus.PathState($0, missing: missing, acceptRules: acceptRules, on: observed)
        }
    }

    /// All of `difference` is restored.
    private func repaired(_ difference: Difference, at now: MonotonicTime) {
        let milliseconds = lossBegan.map { Int(now.nanoseconds(since: $0) / 1_000_000) }
        let suspicion = LikelyCause.text(for: difference.steps, from: kernel.suspects)
        status.healed += difference.lossCount
        status.repairs += 1
        let names = difference.objectNames
        status.lastLoss = AgentStatus.LastLoss(
            time: settings.wallClock(), objects: Array(names.prefix(20)), milliseconds: milliseconds,
            suspicion: suspicion)
        tell(.repaired(objects: difference.lossCount, milliseconds: milliseconds, suspicion: suspicion))
        let contested = schedule.noteRepair(of: names, at: now)
        for object in contested where object.isNew { tell(.contested(object, suspicion: suspicion)) }
    }

    /// Reports next hops that do not answer: no object of ours is missing, but packets are lost.
    private func noteSilence() {
        guard let planned, let observed = kernel.lastObserved else { return }
        let found = planned.plan.silentNextHops(on: observed)
        settings.ask(found.map(\.gateway))
        let news = silence.look(found)
        if !news.began.isEmpty { tell(.silent(news.began)) }
        if !news.ended.isEmpty { tell(.answering(news.ended)) }
        status.silent = silence.silent.map(\.description)
        if news.isDoubtful { schedule.repeatCheck(at: clock().advanced(milliseconds: 1_000)) }
    }

    /// Reports obstacles: no object of ours is missing, but packets are lost.
    private func noteObstacles(_ conflicts: [Conflict]) {
        let now = conflicts.filter { !$0.isHarmless && !$0.isUnknown }.map(\.message)
        let before = status.obstacles
        let (began, ended) = (now.filter { !before.contains($0) }, before.filter { !now.contains($0) })
        if !began.isEmpty { tell(.obstructed(began)) }
        if !ended.isEmpty { tell(.cleared(ended)) }
        status.obstacles = now
    }

    /// Reports new drift.
    private func tellLoss(of difference: Difference) {
        let drift = difference.steps.drift
        // What could not be restored is not reported at every attempt.
        guard drift != told else { return }
        told = drift
        tell(.lost(drift))
    }

    /// The host is as planned.
    private func calm() {
        told = []
        lossBegan = nil
        schedule.noteSuccess()
        if complaint != nil { tell(.recovered) }
        complaint = nil
    }

    /// Maintains nothing, and reports why.
    private func be(idle reason: String) {
        if idleReason != reason { tell(.idle(reason: reason)) }
        idleReason = reason
    }

    /// Reports a failure, and schedules another attempt.
    func fail(_ error: KernelError) {
        schedule.noteFailure(at: clock())
        status.failures += 1
        let text = "\(error)"
        if complaint != text { tell(.failed(text)) }
        complaint = text
    }

    /// The trouble for the status: a failure, else a changed file that is not applied.
    private func noteTrouble() {
        let lines = rejected?.reason.split(separator: "\n").map { $0.drop { $0 == " " } } ?? []
        let waiting =
            lines.isEmpty ? nil : "the changed file is not applied: " + lines.joined(separator: "; ")
        status.trouble = complaint ?? waiting
    }
}
