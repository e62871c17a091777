package import IPAddressing
import Inventory
import LinuxSystem
import NetworkModel
package import NetworkPlanning

/// Brings a host to its plan, or leaves it as it was: never in between.
///
/// ```
/// lock -> take back what an earlier run left unfinished -> observe -> difference -> refused?
///      -> journal on the disk -> undo armed -> commands -> observe -> no difference left? -> journal gone
///                                                 \ an error, or a difference: taken back by the journal
/// ```
package struct NetworkApplier<Machine: Kernel> {
    let kernel: Machine
    let store: StateStore

    /// Gets a line for each command before it runs, and for each turn of events.
    let announce: (String) -> Void

    package init(kernel: Machine, store: StateStore, announce: @escaping (String) -> Void) {
        self.kernel = kernel
        self.store = store
        self.announce = announce
    }

    /// What an apply has come to.
    package enum Outcome: Sendable {
        case nothingToDo(Difference)
        case applied(Difference)
        /// There is something to do, and `Options.proceeds` said that it is not to be done now.
        case postponed(Difference)

        /// What was found before anything was done, and of conflicts what was found behind it, too.
        var difference: Difference {
            switch self {
            case .nothingToDo(let difference), .applied(let difference), .postponed(let difference):
                difference
            }
        }
    }

    /// How an apply is to be done.
    package struct Options {
        /// Takes away foreign objects that do the same as ours.
        package var adopts: Bool
        package var resolvers: [IPAddress]
        package var sessions: [IPAddress]

        /// What the host shall be kept as from then on; nil leaves that as it is.
        package var wanted: Wanted?

        /// Decides whether steps are taken now.
        package var proceeds: (Difference) -> Bool = { _ in true }

        /// Starts what undoes the apply of that journal by itself; nil where nothing is to be confirmed.
        package var armUndo: ((Journal) throws(KernelError) -> Void)?

        package init(
            adopts: Bool = false, resolvers: [IPAddress] = [], sessions: [IPAddress] = [],
            wanted: Wanted? = nil, armUndo: ((Journal) throws(KernelError) -> Void)? = nil
        ) {
            self.adopts = adopts
            self.resolvers = resolvers
            self.sessions = sessions
            self.wanted = wanted
            self.armUndo = armUndo
        }
    }

    /// Brings the host to `plan`.
    ///
    /// - Parameter identifier: Of the journal; different for each call.
    package func apply(
        _ plan: HostPlan, identifier: String, process: Int, options: Options = Options()
    ) throws(KernelError) -> Outcome {
        let lock = try store.lock()
        defer { _ = lock.number }
        try recover()
        return try change(to: plan, identifier: identifier, process: process, options)
    }

    /// Brings the host back to what is wanted of it.
    ///
    /// - Parameter plan: Of that configuration, on this host.
    /// - Returns: Nil where somebody else is changing the host just now.
    package func keep(
        identifier: String, process: Int, options: Options,
        plan: (AppliedConfiguration) throws(KernelError) -> HostPlan
    ) throws(KernelError) -> Keeping? {
        guard let lock = try store.lockUnlessTaken() else { return nil }
        defer { _ = lock.number }
        try recover()
        guard case .configuration(let configuration)? = try store.wanted() else { return .nothingWanted }
        let plan = try plan(configuration)
        return .kept(plan, try change(to: plan, identifier: identifier, process: process, options))
    }

    /// What has come of keeping.
    package enum Keeping: Sendable {
        case nothingWanted
        case kept(HostPlan, Outcome)
    }

    /// The work of an apply, with the lock taken and nothing left behind by others.
    private func change(
        to plan: HostPlan, identifier: String, process: Int, _ options: Options
    ) throws(KernelError) -> Outcome {
        let before = try kernel.observe()
        let records = try store.records()
        let context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: records)
        var difference = NetworkPlanning.difference(from: before, to: plan, context: context)
        guard !difference.isRefused else { throw .refused(difference.notes) }
        if options.adopts { difference.steps += difference.conflicts.flatMap(\.adoption) }
        guard !difference.steps.isEmpty else {
            let asked = kernel.asking(plan, on: before)
            difference.note(NetworkPlanning.difference(from: asked, to: plan, context: context).conflicts)
            if let wanted = options.wanted { try store.write(wanted) }
            return .nothingToDo(difference)
        }
        guard options.proceeds(difference) else { return .postponed(difference) }
        difference.steps += Self.forgetting(before, in: difference.steps)

        var journal = Journal(
            identifier: identifier, process: process, before: before, steps: difference.steps,
            records: records, wanted: options.wanted)
        try store.write(journal)
        do throws(KernelError) {
            try options.armUndo?(journal)
            try kernel.perform(difference.steps, announce: announce)
            let changed = difference.records(after: records, among: before.settings)
            difference.note(try verify(plan, changed, options))
            try store.write(changed)
            journal.waits = options.armUndo != nil
            if journal.waits { try store.write(journal) } else { try finish(journal) }
        } catch {
            announce("# failed: taking everything back")
            try rollBack(journal, after: error)
        }
        return .applied(difference)
    }

    /// The apply of `journal` stays, and is what is wanted.
    private func finish(_ journal: Journal) throws(KernelError) {
        if let wanted = journal.wanted { try store.write(wanted) }
        try store.removeJournal()
    }

    /// Takes away all that is ours; connections whose translation goes are forgotten.
    package func remove(identifier: String, process: Int) throws(KernelError) -> Outcome {
        let nameless = Host(name: "", addresses: [])
        let plan = HostPlan(host: LocatedHost(place: "", host: nameless, podPrefixes: [], isNode: false))
        return try apply(
            plan, identifier: identifier, process: process, options: Options(wanted: .nothing))
    }

    /// Keeps what waits for a confirmation; the journal of it, or nil where nothing waits.
    package func confirm() throws(KernelError) -> Journal? {
        let lock = try store.lock()
        defer { _ = lock.number }
        guard let journal = try store.journal(), journal.waits else { return nil }
        try finish(journal)
        return journal
    }

    /// Takes back the apply of that identifier, unless it is finished or confirmed; true where there was
    /// something to take back.
    package func undo(_ identifier: String) throws(KernelError) -> Bool {
        let lock = try store.lock()
        defer { _ = lock.number }
        guard let journal = try store.journal(), journal.identifier == identifier else { return false }
        // Whoever follows the file must not apply it again by himself.
        if let wanted = journal.wanted { try store.write(unconfirmed: wanted) }
        try restore(journal)
        return true
    }

    // MARK: - Taking back

    /// Takes back what a run that was killed has left.
    private func recover() throws(KernelError) {
        guard let journal = try store.journal() else { return }
        guard !journal.waits else { throw .waiting(journal) }
        announce("# the apply of process \(journal.process) was cut short: taking it back first")
        try restore(journal)
    }

    private func rollBack(_ journal: Journal, after cause: KernelError) throws(KernelError) -> Never {
        do throws(KernelError) {
            try restore(journal)
        } catch {
            throw .notRolledBack(cause, because: error, journal: store.journalPath)
        }
        throw .rolledBack(cause)
    }

    /// Goes back to what was before `journal`; only when that is seen to be so, the journal goes.
    private func restore(_ journal: Journal) throws(KernelError) {
        let observed = try kernel.observe()
        let steps = journal.steps(from: observed)
        try kernel.perform(steps + Self.forgetting(observed, in: steps), announce: announce)
        let rest = journal.steps(from: try kernel.observe())
        guard rest.isEmpty else { throw .notConverged(rest) }
        try store.write(journal.records)
        try store.removeJournal()
    }

    /// What still stands in the way once the host is as planned.
    private func verify(
        _ plan: HostPlan, _ records: [SettingRecord], _ options: Options
    ) throws(KernelError) -> [Conflict] {
        let context = HostContext(
            resolvers: options.resolvers, sessions: options.sessions, records: records)
        let rest = NetworkPlanning.difference(
            from: try kernel.observe(asking: plan), to: plan, context: context)
        guard rest.steps.isEmpty else { throw .notConverged(rest.steps) }
        return rest.conflicts
    }

    /// Connections that a rule of ours translated until now: where the rule goes, they must be forgotten,
    /// too. A rule that stays as it is leaves its connections alone.
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

extension Change {
    /// Our table as the change leaves it, empty where it goes; nil for a change of something else.
    fileprivate var tableAfter: FilterTable? {
        switch self {
        case .remove(.table(let table)): FilterTable(family: table.family, name: table.name)
        case .replace(.table, with: .table(let table)): table
        default: nil
        }
    }
}

extension FilterTable {
    /// What its rules do, whatever they have counted and are called.
    fileprivate var anonymousRules: [FilterRule] {
        withoutCounters.chains.flatMap(\.rules).map { rule in
            var rule = rule
            rule.comment = nil
            return rule
        }
    }
}

extension FilterRule {
    /// The connections that the rule translates; empty where it does something else.
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
