import Glibc
import InventoryFile
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import Time

/// The agent of this host: decides with `NetworkAgent` and `RelayWatch` what each event leads to.
final class RunningAgent: AgentDuties {
    /// Keeps the host as planned.
    private let agent: NetworkAgent<LinuxKernel, KernelWatch>
    /// The kernel's events.
    private let watch: KernelWatch
    /// The lock of the one agent of a host.
    private let lock: FileDescriptor
    /// The facts of followed clusters that were read last.
    private var facts: [FollowedText.FactsText] = []
    /// What is wrong with files of facts.
    private var factsWarnings: [String] = []
    /// The folder with the state.
    private let state: StateStore
    /// Chooses relays.
    private let relays: RelayWatch
    /// The configuration by which reasons are found.
    private var reasoned: AppliedConfiguration?
    /// The files that keepalived tracks, as last written.
    private var tracked: [String: Bool] = [:]
    /// As last read.
    private var drained: [String: Int] = [:]
    /// Shows that the agent works.
    private let heart: AgentHeart
    /// When the applied configuration was last read.
    private var lastFollow = MonotonicClock.now
    /// Milliseconds between full checks.
    private let slowCheck: Int

    /// Takes the lock, and starts the probes.
    ///
    /// - Parameter serverPaths: Where the control socket of this host's server may be.
    init(
        settings: NetworkAgent<LinuxKernel, KernelWatch>.Settings, serverPaths: [String]
    ) throws(KernelError) {
        state = try NetState.store()
        lock = try state.agentLock()
        watch = try KernelWatch()
        var settings = settings
        settings.resolvers = HostSurroundings.resolvers
        settings.ask = LinuxKernel.ask
        settings.pathPlans = AgentPlanning.pathPlans
        settings.written = FactsFolder.written
        settings.refreshed = FactsFolder.refreshing
        heart = AgentHeart(state, process: settings.process)
        agent = NetworkAgent(
            kernel: LinuxKernel(patience: { [heart] in heart.patience }, breathe: heart.continueBeating),
            source: watch, store: state, settings: settings,
            clock: { MonotonicClock.now }, tell: AgentLog.write)
        var choices = try state.relayChoices()
        if !choices.announced.isEmpty {
            choices.announced = []
            try state.write(choices)
        }
        slowCheck = settings.slowCheckSeconds * 1000
        do throws(Errno) {
            relays = try RelayWatch(choices, serverPaths: serverPaths)
        } catch {
            throw .system(what: "the agent cannot probe relays", error)
        }
    }

    /// Until SIGTERM or SIGINT.
    func run() throws(KernelError) {
        defer { _ = lock.number }
        let loop: AgentLoop
        do throws(Errno) {
            loop = try AgentLoop(self) { path, error in
                Log.warning("file not watched", [("path", path), ("reason", "\(error)")])
            }
        } catch {
            throw .system(what: Self.cannotWait, error)
        }
        ThisProcess.ignore([SIGPIPE])
        try agent.start()
        readDrained()
        do throws(Errno) {
            try loop.run()
        } catch {
            throw .system(what: Self.cannotWait, error)
        }
    }

    /// What a failed loop means.
    private static let cannotWait = "the agent cannot wait for events"

    // MARK: - Duties

    var nextTurn: MonotonicTime {
        let next = min(agent.nextTime, relays.nextDeadline ?? agent.nextTime)
        return relays.mustBeat ? min(next, heart.nextBeat) : next
    }

    var folders: AgentFolders {
        // Without the file's folder the file is read at the periodic check. The follower, which may start
        // later, makes the one with the facts.
        AgentFolders(state: state.path, others: [FilePath.parent(of: agent.path), FactsFolder.path])
    }

    func register(with epoll: borrowing Epoll) throws(Errno) {
        try watch.register(with: epoll, token: AgentEvent.Token.kernel.rawValue)
        try relays.register(with: epoll, token: AgentEvent.Token.probes.rawValue)
    }

    func turn() {
        if MonotonicClock.now >= agent.nextTime { check() }
        if !AgentLoop.mustEnd { chooseRelays() }
    }

    func take(_ event: AgentEvent) {
        switch event {
        case .kernel: agent.listen()
        case .probes: relays.noteNews()
        case .reload: agent.lookAgain()
        case .files(let names):
            let file = agent.path.split(separator: "/").last.map(String.init) ?? ""
            // A ConfigMap's file is a link through ..data, which is what is replaced.
            if names.contains(file) || names.contains("..data") { agent.lookAgain() }
            // The follower replaces files as a whole.
            if names.contains(where: { $0.hasSuffix(FactsFolder.suffix) }) { agent.noteFileChange() }
            if names.contains(StateStore.wantedName) { agent.noteDesired() }
            if names.contains(StateStore.drainedName) { readDrained() }
            for name in names where name.hasPrefix(TrackedFile.prefix) { noteTracked(name) }
        }
    }

    func stop() {
        relays.stop()
        withdraw()
        agent.stop()
        Log.notice("stopped, everything stays in place")
    }

    // MARK: - One turn

    /// Reads the file if it is time to, and checks the host.
    private func check() {
        let now = MonotonicClock.now
        if agent.mustFollow || now >= lastFollow.advanced(milliseconds: slowCheck) {
            lastFollow = now
            if agent.follow(read(agent.path)) == .applied || AgentLoop.mustEnd { return }
        }
        if MonotonicClock.now >= agent.nextCheck { agent.check() }
    }

    /// Leads packets to the relays that work.
    private func chooseRelays() {
        relays.follow(agent.relayGroups, agent.relayedPaths, announcing: agent.announcedServices)
        let choices = relays.elect(drained: drained)
        tellKeepalived()
        if let choices { agent.move(to: choices) }
        followReasons()
        agent.note(relays.report, relays.relayedReport)
        heart.beat(if: relays.mustBeat)
    }

    /// Has it found out why paths are down.
    private func followReasons() {
        if let configuration = agent.configuration, configuration != reasoned {
            reasoned = configuration
            // What was read to plan by it can be read.
            do throws(KernelError) {
                relays.follow(try AgentPlanning.inventory(configuration.text, configuration.path))
            } catch {}
        }
        relays.findReasons()
    }

    /// Writes the files that keepalived tracks, as far as they change.
    private func tellKeepalived() {
        for (name, works) in relays.tracked where tracked[name] != works { write(works: works, to: name) }
        for name in tracked.keys where relays.tracked[name] == nil { write(works: false, to: name) }
    }

    /// One of these files has changed. While this agent hung, the guard may have written it: then what holds
    /// now is written again.
    private func noteTracked(_ name: String) {
        if let works = tracked[name], state.works(name) != works { tracked[name] = nil }
    }

    /// Writes one of these files; if it can't be, it is tried again with the next turn.
    private func write(works: Bool, to name: String) {
        do throws(KernelError) {
            try state.write(works: works, to: name)
            tracked[name] = relays.tracked[name]
        } catch {
            Log.failure("keepalived is not told", [("reason", "\(error)")])
        }
    }

    /// Takes back what is announced: nothing is announced without an agent. A check of the host would take
    /// longer than who ends the agent waits.
    private func withdraw() {
        guard relays.mustBeat else { return }
        do throws(KernelError) {
            try Announcements.withdraw(state)
            if let choices = relays.lastChoices { try state.write(choices) }
        } catch {
            // The guard goes on trying.
            Log.failure("not withdrawn", [("reason", "\(error)")])
        }
    }

    /// A file that cannot be read changes nothing.
    private func readDrained() {
        do throws(KernelError) {
            drained = try state.drainedRelays()
        } catch {
            Log.warning("drained relays not known", [("reason", "\(error)")])
        }
    }

    /// Reads the configuration file; facts that can't be used are told once.
    private func read(_ path: String) -> Result<String, Errno> {
        do throws(FileError) {
            let reading = FactsFolder.adding(to: try contents(ofFile: path), earlier: facts)
            facts = FollowedText(reading.whole).facts
            let warnings = reading.warnings.map { "\($0)" }
            if warnings != factsWarnings {
                for warning in warnings { Log.warning("facts not used", [("reason", warning)]) }
            }
            factsWarnings = warnings
            return .success(String(decoding: reading.whole, as: UTF8.self))
        } catch {
            return .failure(Errno(code: error.code))
        }
    }
}
