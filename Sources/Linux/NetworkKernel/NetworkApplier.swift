package import IPAddressing
import Inventory
import LinuxSystem
package import NetworkModel
package import NetworkPlanning
import Time

/// Brings a host to its plan, or leaves it as it was: never a state in between.
///
/// ```
/// lock -> undo what an earlier run left unfinished -> observe -> difference -> refused? -> cuts packets?
///      -> journal on the disk -> undo armed -> commands -> observe -> no difference left? -> packets as
///         foreseen? -> journal gone      \ an error, or a difference: undone from the journal
/// ```
package struct NetworkApplier<Machine: Kernel> {
    /// The kernel.
    let kernel: Machine
    /// The state between two runs.
    let store: StateStore

    /// Gets a line for each command before it runs, and for each important event.
    let announce: (String) -> Void

    /// In seconds of the monotonic clock.
    let now: () -> Int

    /// Creates an applier.
    package init(
        kernel: Machine, store: StateStore, announce: @escaping (String) -> Void,
        now: @escaping () -> Int = { Int(MonotonicClock.now.nanoseconds / 1_000_000_000) }
    ) {
        self.kernel = kernel
        self.store = store
        self.announce = announce
        self.now = now
    }

    /// The result of an apply.
    package enum Outcome: Sendable {
        /// The host is as planned.
        case nothingToDo(Difference)
        /// The host was changed.
        case applied(Difference)
        /// There are steps, but `Options.proceeds` declined them.
        case postponed(Difference)

        /// The difference found before the first step, with the conflicts found afterwards.
        var difference: Difference {
            switch self {
            case .nothingToDo(let difference), .applied(let difference), .postponed(let difference):
                difference
            }
        }
    }

    /// The options of an apply.
    package struct Options {
        /// Removes foreign objects that do the same as ours.
        package var adopts: Bool
        /// The name servers of the host.
        package var resolvers: [IPAddress]
        /// The remote addresses of ssh sessions.
        package var sessions: [IPAddress]

        /// The desired state of the host from then on; nil leaves it unchanged.
        package var desired: DesiredConfiguration?

        /// True for an apply that no person asked for: a file whose apply was not confirmed stays so.
        package var isAutomatic = false

        /// Decides whether the steps run now.
        package var proceeds: (Difference) -> Bool = { _ in true }

        /// Says what the steps do to packets, before any of them runs; nil if nothing is asked. It throws if
        /// the apply must not be.
        package var foresee: PacketForesight?

        /// Compares packets with what was foreseen, once the host is as planned; nil if nothing is compared.
        /// It throws if everything must be undone.
        package var compare: (() throws(KernelError) -> [String])?

        /// How long the confirmation may take, in seconds; nil if the apply needs no confirmation.
        package var confirmationSeconds: Int?

        /// Starts the timer that undoes the apply of that journal; nil if the apply needs no confirmation.
        package var armUndo: ((Journal) throws(KernelError) -> Void)?

        /// Creates options.
        package init(
            adopts: Bool = false, resolvers: [IPAddress] = [], sessions: [IPAddress] = [],
            desired: DesiredConfiguration? = nil, confirmationSeconds: Int? = nil,
            armUndo: ((Journal) throws(KernelError) -> Void)? = nil
        ) {
            self.adopts = adopts
            self.resolvers = resolvers
            self.sessions = sessions
            self.desired = desired
            self.confirmationSeconds = confirmationSeconds
            self.armUndo = armUndo
        }
    }

    /// Brings the host to `plan`.
    ///
    /// - Parameter identifier: The journal's identifier; different for each call.
    package func apply(
        _ plan: HostPlan, identifier: String, process: Int, options: Options = Options()
    ) throws(KernelError) -> Outcome {
        let lock = try store.lock()
        defer { _ = lock.number }
        try recover()
        return try change(to: plan, identifier: identifier, process: process, options)
    }

    /// Brings the host back to its desired state.
    ///
    /// - Parameter plan: Of that configuration, on this host.
    /// - Returns: Nil if another process is changing the host.
    package func keep(
        identifier: String, process: Int, options: Options,
        plan: (AppliedConfiguration) throws(KernelError) -> HostPlan
    ) throws(KernelError) -> RepairOutcome? {
        guard let lock = try store.lockUnlessTaken() else { return nil }
        defer { _ = lock.number }
        try recover()
        guard case .configuration(let configuration)? = try store.desired() else { return .nothingDesired }
        let plan = try plan(configuration)
        return .kept(plan, try change(to: plan, identifier: identifier, process: process, options))
    }

    /// The result of a repair.
    package enum RepairOutcome: Sendable {
        /// No state is desired.
        case nothingDesired
        /// The host was checked against a plan, with this outcome.
        case kept(HostPlan, Outcome)
    }

    /// The work of an apply, with the lock held and no unfinished apply left.
    private func change(
        to plan: HostPlan, identifier: String, process: Int, _ options: Options
    ) throws(KernelError) -> Outcome {
        let before = try kernel.observe(for: plan)
        let records = try store.records()
        let context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: records)
        var difference = NetworkPlanning.difference(from: before, to: plan, context: context)
        guard !difference.isRefused else { throw .refused(difference.notes) }
        if options.adopts { difference.steps += difference.conflicts.flatMap(\.adoption) }
        guard !difference.steps.isEmpty else {
            let asked = kernel.asking(plan, on: before)
            difference.note(NetworkPlanning.difference(from: asked, to: plan, context: context).conflicts)
            let found = difference.records(after: records)
            if found != records { try store.write(found) }
            try settle(options.desired, isAutomatic: options.isAutomatic)
            return .nothingToDo(difference)
        }
        guard options.proceeds(difference) else { return .postponed(difference) }
        for line in try options.foresee?(before, difference.steps) ?? [] { announce("# \(line)") }
        difference.steps += Self.forgetting(before, in: difference.steps)

        var journal = Journal(
            identifier: identifier, process: process, before: before, steps: difference.steps,
            records: records, desired: options.desired)
        journal.deadline = options.confirmationSeconds.map { now() + $0 }
        try store.write(journal)
        do throws(KernelError) {
            try options.armUndo?(journal)
            try kernel.perform(difference.steps, announce: announce)
            let changed = difference.records(after: records, among: before.settings)
            difference.note(try verify(plan, changed, options, held: before.heldDestinations))
            for line in try options.compare?() ?? [] { announce("# \(line)") }
            try store.write(changed)
            journal.waits = options.armUndo != nil
            if journal.waits { try store.write(journal) } else { try finish(journal, options) }
        } catch {
            announce("# failed: undoing everything")
            try rollBack(journal, after: error)
        }
        return .applied(difference)
    }

    /// The apply of `journal` stays, and becomes the desired state.
    private func finish(_ journal: Journal, _ options: Options = Options()) throws(KernelError) {
        try settle(journal.desired, isAutomatic: options.isAutomatic)
        try store.removeJournal()
    }

    /// Makes that the desired state, if any.
    private func settle(_ desired: DesiredConfiguration?, isAutomatic: Bool) throws(KernelError) {
        guard let desired else { return }
        try store.write(desired)
        if !isAutomatic { try store.removeUnconfirmed() }
    }

    /// Removes everything that is ours, and deletes the connections whose translation is removed.
    ///
    /// - Parameters:
    ///   - desired: As in `Options`.
    ///   - foresee: As in `Options`.
    package func remove(
        identifier: String, process: Int, desired: DesiredConfiguration? = .nothing,
        foresee: PacketForesight? = nil
    ) throws(KernelError) -> Outcome {
        let nameless = Host(name: "", addresses: [])
        let plan = HostPlan(host: LocatedHost(place: "", host: nameless, podPrefixes: [], isNode: false))
        var options = Options(desired: desired)
        options.foresee = foresee
        return try apply(plan, identifier: identifier, process: process, options: options)
    }

    /// Confirms the waiting apply; its journal, or nil if none waits.
    package func confirm() throws(KernelError) -> Journal? {
        let lock = try store.lock()
        defer { _ = lock.number }
        guard let journal = try store.journal(), journal.waits else { return nil }
        try finish(journal)
        return journal
    }

    /// Undoes the apply of that identifier, unless it is finished or confirmed.
    package func undo(_ identifier: String) throws(KernelError) -> UndoOutcome {
        let lock = try store.lock()
        defer { _ = lock.number }
        guard let journal = try store.journal(), journal.identifier == identifier else {
            return .notNeeded
        }
        try undo(journal)
        return .undone
    }

    /// An agent that follows the file must not apply it again by itself.
    private func undo(_ journal: Journal) throws(KernelError) {
        if let desired = journal.desired { try store.write(unconfirmed: desired) }
        try restore(journal)
    }

    // MARK: - Undo

    /// Undoes the unfinished apply of a killed process, and an unconfirmed one whose undo timer was killed.
    private func recover() throws(KernelError) {
        guard let journal = try store.journal() else { return }
        if journal.waits {
            guard let deadline = journal.deadline, now() > deadline + Self.secondsOfTimer else {
                throw .waiting(journal)
            }
            announce("# the apply of process \(journal.process) was not confirmed in time: undoing it first")
            return try undo(journal)
        }
        announce("# the apply of process \(journal.process) was cut short: undoing it first")
        try restore(journal)
    }

    /// A timer that lives has undone its apply this long after the deadline.
    private static var secondsOfTimer: Int { 10 }

    /// Undoes the apply of `journal`, and throws why.
    private func rollBack(_ journal: Journal, after cause: KernelError) throws(KernelError) -> Never {
        do throws(KernelError) {
            try restore(journal)
        } catch {
            throw .notRolledBack(cause, because: error, journal: store.journalPath)
        }
        throw .rolledBack(cause)
    }

    /// Restores the state before `journal`; the journal is removed only after the host was found to be in
    /// that state.
    private func restore(_ journal: Journal) throws(KernelError) {
        let observed = try kernel.observe()
        let steps = journal.steps(from: observed)
        try kernel.perform(steps + Self.forgetting(observed, in: steps), announce: announce)
        let rest = journal.steps(from: try kernel.observe())
        guard rest.isEmpty else { throw .notConverged(rest) }
        try store.write(journal.records)
        try store.removeJournal()
    }

    /// The obstacles that remain once the host is as planned.
    ///
    /// - Parameter held: Destinations whose routes were left; the last connection may have ended since.
    private func verify(
        _ plan: HostPlan, _ records: [SettingRecord], _ options: Options, held: Set<IPPrefix>
    ) throws(KernelError) -> [Conflict] {
        let context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: records)
        var observed = try kernel.observe(asking: plan)
        observed.heldDestinations.formUnion(held)
        let rest = NetworkPlanning.difference(from: observed, to: plan, context: context)
        guard rest.steps.isEmpty else { throw .notConverged(rest.steps) }
        return rest.conflicts
    }

    /// Connections that a rule of ours translated until now: if the rule is removed, their entries must be
    /// deleted, too. The connections of an unchanged rule stay.
    private static func forgetting(_ before: HostState, in steps: [Step]) -> [Step] {
        guard let after = steps.lazy.compactMap(\.change.tableAfter).first, let table = before.ownTable
        else { return [] }
        let staying = Set(after.anonymousRules)
        var seen: Set<Change> = []
        return table.anonymousRules.filter { !staying.contains($0) }.flatMap(\.translatedRanges)
            .compactMap { range in
                let change = Change.forget(range)
                return seen.insert(change).inserted ? Step(change, because: "its rule goes") : nil
            }
    }
}

/// Says what steps on a host of that state do to packets, in lines, before any of them runs. It throws if
/// they must not run.
package typealias PacketForesight = (HostState, [Step]) throws(KernelError) -> [String]

extension Change {
    /// Our table after the change, empty if it is removed; nil for a change of another object.
    fileprivate var tableAfter: FilterTable? {
        switch self {
        case .remove(.table(let table)): FilterTable(family: table.family, name: table.name)
        case .replace(.table, with: .table(let table)): table
        default: nil
        }
    }
}

extension FilterTable {
    /// The effect of its rules, without counters and comments.
    fileprivate var anonymousRules: [FilterRule] {
        withoutCounters.chains.flatMap(\.rules).map { rule in
            var rule = rule
            rule.comment = nil
            return rule
        }
    }
}

extension FilterRule {
    /// The connections that the rule translates; empty if it does not translate.
    fileprivate var translatedRanges: [ConnectionRange] {
        switch action {
        case .masquerade, .sourceTranslation: break
        default: return []
        }
        var sources: [IPPrefix] = []
        var destinations: [IPPrefix] = []
        for match in matches {
            switch match {
            case .source(let set): sources = set.prefixes
            case .destination(let set), .originalDestination(let set): destinations = set.prefixes
            default: break
            }
        }
        return sources.flatMap { source in
            destinations.map { ConnectionRange(source: source, destination: $0, part: .all) }
        }
    }
}

/// What a call for an undo came to.
package enum UndoOutcome: Hashable, Sendable {
    /// The apply was undone.
    case undone
    /// It is finished or confirmed, or another one: nothing was done.
    case notNeeded
}
