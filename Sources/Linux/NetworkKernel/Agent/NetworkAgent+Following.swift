import Inventory
package import LinuxSystem
import NetworkPlanning
import Time

extension NetworkAgent {
    /// Starts the agent: after an orderly end it applies its file, whatever was applied before; after a crash
    /// it continues with the last apply.
    package func start() throws(KernelError) {
        let crashed = store.agentStatus()?.isRunning ?? false
        switch try store.desired() {
        case .nothing? where !crashed: try store.removeWanted()
        case .configuration(let applied)? where crashed: path = applied.path
        default: break
        }
        writeStatus()
        mustFollow = true
    }

    /// Schedules a check soon: the desired state may have changed.
    package func checkSoon() { schedule.repeatCheck(at: clock()) }

    /// Schedules a check of the file and the host soon.
    package func lookAgain() {
        mustFollow = true
        // An editor may write in several steps.
        schedule.repeatCheck(at: clock().advanced(milliseconds: RepairSchedule.quiet))
    }

    /// Schedules a reading of the file: what belongs to it was replaced as a whole.
    package func noteFileChange() {
        mustFollow = true
        schedule.noteFileChange(at: clock())
    }

    /// The file is being read.
    func noteReading() {
        mustFollow = false
        schedule.noteReading()
    }

    /// Schedules a check if another command has changed the desired state of the host.
    package func noteDesired() {
        let desired: DesiredConfiguration?
        do throws(KernelError) { desired = try store.desired() } catch { return checkSoon() }
        if case .configuration(let known)? = desired, known == planned?.configuration { return }
        // It may be the consent to a changed file that waits.
        if rejected != nil { mustFollow = true }
        checkSoon()
    }

    /// What became of a file.
    package enum Following {
        /// It was applied, in place of an earlier one: the host was checked with it.
        case applied
        /// The host must still be checked.
        case unchecked
    }

    /// Compares the file with the last apply, and applies it if it differs.
    ///
    /// - Parameter file: The present content of the file at `path`, or why it cannot be read.
    @discardableResult
    package func follow(_ file: Result<String, Errno>) -> Following {
        noteReading()
        if let text = try? file.get(), isRejectedBeforeFacts(text) { return followFacts() }
        do throws(KernelError) {
            let text = try file.mapError { KernelError.system(what: "\(path) cannot be read", $0) }.get()
            let following = try follow(text)
            rejected = nil
            writeStatus()
            return following
        } catch .locked, .waiting {
            // Another command is running, or an apply waits for its confirmation: it goes first.
            mustFollow = true
            checkSoon()
        } catch {
            checkSoon()
            reject((try? file.get()) ?? "", "\(error)")
            return followFacts()
        }
        return .unchecked
    }

    /// True for the text of a file that was not applied, and has changed since in what was found of followed
    /// clusters alone: the file is tried again at the next look, and once in the interval of full checks
    /// however often that changes. Not for a file that a person has applied in the meantime.
    private func isRejectedBeforeFacts(_ text: String) -> Bool {
        let applied = (try? store.desired())?.applied
        let isApplied = applied.map { $0.path == path && settings.written($0.text) == settings.written(text) }
        guard let earlier = rejected, earlier.text != text, planned != nil,
            settings.written(earlier.text) == settings.written(text), isApplied != true,
            clock() < lastRejection.advanced(milliseconds: settings.slowCheckSeconds * 1_000)
        else { return false }
        rejected?.text = text
        return true
    }

    /// Applies what was found of followed clusters to the configuration that the host is kept by, while the
    /// changed file waits.
    private func followFacts() -> Following {
        do throws(KernelError) {
            guard case .configuration(let applied)? = try store.desired(), applied.path == path else {
                return .unchecked
            }
            return try follow(settings.refreshed(applied.text))
        } catch .locked, .waiting {
            mustFollow = true
            checkSoon()
        } catch {
            fail(error)
        }
        return .unchecked
    }

    /// What is foreseen of an apply; nil if nothing is. Nodes that come and go by themselves ask nothing:
    /// what a person has written counts.
    func foresight(of changed: AppliedConfiguration) throws(KernelError) -> PacketForesight? {
        if case .configuration(let applied)? = try store.desired(), applied.path == changed.path,
            settings.written(applied.text) == settings.written(changed.text)
        {
            return nil
        }
        return try settings.foresight(changed)
    }

    /// Applies the text of a changed file.
    private func follow(_ text: String) throws(KernelError) -> Following {
        var host = settings.host
        let desired = try store.desired()
        switch desired {
        case .nothing?: return .unchecked
        case .configuration(let applied)?:
            if applied.text == text, applied.path == path { return .unchecked }
            if host == nil, applied.isChosen, applied.path == path { host = applied.host }
        case nil: break
        }
        // Nodes that came or went since do not make it another file; that by which the host is kept follows
        // them all the same.
        let written = settings.written(text)
        let isKept = desired?.applied.map { $0.path == path && settings.written($0.text) == written } ?? false
        if case .configuration(let undone)? = try store.unconfirmed(),
            undone.text == text || !isKept && settings.written(undone.text) == written
        {
            throw .notFollowed(path: path, why: "its apply was undone because it was not confirmed")
        }
        let plan: HostPlan
        do throws(KernelError) {
            plan = try settings.plan(text, path, host)
        } catch .hostLeft(let path, let why) {
            guard case .configuration(let applied)? = desired, lacks(applied.host, text) else {
                throw .notFollowed(path: path, why: why)
            }
            var without = applied
            without.text = text
            try leave(why, foresight(of: without))
            return .unchecked
        }
        let name = "\(plan.host.place)/\(plan.host.host.name)"
        let configuration = AppliedConfiguration(path: path, host: name, isChosen: host != nil, text: text)
        guard planned != nil else {
            let steps = try apply(plan, configuration)
            tell(desired == nil ? .keeping(plan, path: path) : .followed(plan, steps: steps, path: path))
            checkSoon()
            return .unchecked
        }
        let steps = try applyChange(plan, configuration)
        tell(.followed(plan, steps: steps, path: path))
        return .applied
    }

    /// True if a file with that text names this host neither by `name` nor by an address: a host whose
    /// address was mistyped has not left.
    private func lacks(_ name: String, _ text: String) -> Bool {
        [name, nil].allSatisfy { host in
            do throws(KernelError) {
                _ = try settings.plan(text, path, host)
                return false
            } catch {
                if case .hostLeft = error { return true }
                return false
            }
        }
    }

    /// Removes what was made for earlier files, and goes on to read the file: the host may come back.
    private func leave(_ why: String, _ foresee: PacketForesight?) throws(KernelError) {
        try removeAll(foresee)
        tell(.left(path: path, reason: why))
    }

    /// Reported once for each written file and reason.
    private func reject(_ text: String, _ reason: String) {
        let isIdle: Bool
        do throws(KernelError) { isIdle = try store.desired() == nil } catch { isIdle = false }
        let isKnown =
            rejected.map { $0.reason == reason && settings.written($0.text) == settings.written(text) }
            ?? false
        rejected = (text, reason)
        lastRejection = clock()
        noteRejection(isIdle: isIdle)
        if !isKnown { tell(.notFollowed(path: path, reason: reason)) }
    }
}
