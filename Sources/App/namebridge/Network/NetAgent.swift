import ArgumentParser
import Glibc
import InventoryFile
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import Time

/// `namebridge net agent`: keeps the host as planned.
struct NetAgent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Keep this host as planned: restore what other programs remove, within a second.",
        discussion: """
            It applies the file at its start and whenever the file changes, or what "follow" finds in \
            clusters, in the way of "net apply" and with its refusals; a file with mistakes changes \
            nothing. It listens to the kernel's events, and checks the whole host from time to time. The log \
            says what was lost, for how long, and which program likely removed it. Another "net apply" or \
            "net remove" applies to the agent too. SIGHUP makes it check the file and the host; SIGTERM ends \
            it, and everything stays in place.

            Example:
              sudo namebridge net agent
            """)

    @OptionGroup var host: NetHostOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Check the whole host this often, such as 60s or 5m.", valueName: "duration"))
    var fullCheck = WholeSeconds.minute

    func run() throws {
        let loop = try NetFailure.reported { () throws(KernelError) in
            try LinuxKernel().check()
            return try AgentLoop(
                settings: NetworkAgent<LinuxKernel, KernelWatch>.Settings(
                    path: FilePath.fromRoot(host.configuration.path), host: host.host,
                    slowCheckSeconds: fullCheck.seconds, process: Int(ThisProcess.identifier),
                    wallClock: { ThisProcess.wallClock }, deviceIndex: NetworkDevices.index,
                    plan: AgentPlanning.plan))
        }
        try NetFailure.reported { () throws(KernelError) in try loop.run() }
    }
}

/// Waits for the events that an agent needs, and passes them to it.
final class AgentLoop {
    /// Decides what to do.
    private let agent: NetworkAgent<LinuxKernel, KernelWatch>
    /// The kernel's events.
    private let watch: KernelWatch
    /// The lock of the one agent of a host.
    private let lock: FileDescriptor
    /// Waits for all descriptors.
    private let epoll: Epoll
    /// The signals.
    private let signals: SignalFD
    /// The facts of followed clusters that were read last.
    private var facts: [FollowedText.FactsText] = []
    /// What is wrong with files of facts.
    private var factsWarnings: [String] = []
    /// The folder with the state.
    private let state: StateStore
    /// Chooses relays.
    private let relays: RelayWatch
    /// As last read.
    private var drained: [String: Int] = [:]
    /// Shows that the agent works.
    private let heart: AgentHeart

    /// Watches the folders of the state and of the file; another file gets a new watch.
    private var folders: FolderWatch
    /// The path of the file that is watched.
    private var watchedPath: String
    /// When the applied configuration was last read.
    private var lastFollow = MonotonicClock.now
    /// Seconds between full checks.
    private let slowCheck: Int

    /// The descriptors that are waited for.
    private enum Token: UInt64 { case kernel = 1, signals, folders, relays }

    init(settings: NetworkAgent<LinuxKernel, KernelWatch>.Settings) throws(KernelError) {
        state = try NetState.store()
        lock = try state.agentLock()
        watch = try KernelWatch()
        var settings = settings
        settings.resolvers = HostSurroundings.resolvers
        settings.ask = LinuxKernel.ask
        settings.pathPlans = AgentPlanning.pathPlans
        agent = NetworkAgent(
            kernel: LinuxKernel(), source: watch, store: state, settings: settings,
            clock: { MonotonicClock.now }, tell: AgentLog.write)
        var choices = try state.relayChoices()
        if !choices.announced.isEmpty {
            choices.announced = []
            try state.write(choices)
        }
        heart = AgentHeart(state, process: settings.process)
        slowCheck = settings.slowCheckSeconds * 1000
        watchedPath = settings.path
        do throws(Errno) {
            epoll = try Epoll()
            signals = try SignalFD([SIGTERM, SIGINT, SIGHUP])
            folders = try Self.folders(state.path, settings.path)
            try watch.register(with: epoll, token: Token.kernel.rawValue)
            try epoll.add(signals.descriptor, .readable, token: Token.signals.rawValue)
            try epoll.add(folders.descriptor, .readable, token: Token.folders.rawValue)
            relays = try RelayWatch(choices)
            try relays.register(with: epoll, token: Token.relays.rawValue)
        } catch {
            throw .system(what: "the agent cannot wait for events", error)
        }
        ThisProcess.ignore([SIGPIPE])
    }

    /// Until SIGTERM or SIGINT.
    func run() throws(KernelError) {
        defer { _ = lock.number }
        try agent.start()
        readDrained()
        var events = EpollEvents(capacity: 8)
        while true {
            if MonotonicClock.now >= agent.nextCheck { turn() }
            chooseRelays()
            var next = min(agent.nextCheck, relays.nextDeadline ?? agent.nextCheck)
            if relays.mustBeat { next = min(next, heart.nextBeat) }
            let left = next.nanoseconds(since: MonotonicClock.now)
            let milliseconds = Int32(clamping: max(0, (left + 999_999) / 1_000_000))
            do throws(Errno) {
                let count = try epoll.wait(into: &events, milliseconds: milliseconds)
                for index in 0..<count where try take(events[index].token) {
                    relays.stop()
                    if let choices = relays.lastChoices { agent.move(to: choices) }
                    agent.stop()
                    Log.notice("stopped, everything stays in place")
                    return
                }
            } catch {
                throw .system(what: "the agent cannot wait for events", error)
            }
        }
    }

    /// - Returns: True if a signal requests the end.
    private func take(_ token: UInt64) throws(Errno) -> Bool {
        switch Token(rawValue: token) {
        case .kernel: agent.listen()
        case .signals:
            while let signal = try signals.next() {  // ends with the signals that wait
                if signal != SIGHUP { return true }
                agent.lookAgain()
            }
        case .folders:
            let names = try folders.names()
            let file = watchedPath.split(separator: "/").last.map(String.init) ?? ""
            // A ConfigMap's file is a link through ..data, which is what is replaced.
            if names.contains(file) || names.contains("..data") { agent.lookAgain() }
            if names.contains(where: { $0.hasSuffix(FactsFolder.suffix) }) { agent.lookAgain() }
            if names.contains(StateStore.wantedName) { agent.checkSoon() }
            if names.contains(StateStore.drainedName) { readDrained() }
        case .relays: relays.noteNews()
        case nil: break
        }
        return false
    }

    /// Lets the agent do what is due.
    private func turn() {
        let now = MonotonicClock.now
        if agent.mustFollow || now >= lastFollow.advanced(milliseconds: slowCheck) {
            lastFollow = now
            agent.follow(read(agent.path))
        }
        agent.check()
        watchFile()
    }

    /// Leads packets to the relays that work.
    private func chooseRelays() {
        relays.follow(agent.relayGroups, agent.relayedPaths)
        if let choices = relays.elect(drained: drained) { agent.move(to: choices) }
        agent.note(relays.report)
        agent.note(relays.relayedReport)
        if relays.mustBeat { heart.beat() }
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

    /// Watches the folder of another file if one was applied.
    private func watchFile() {
        // Made by the follower, which may start later; watching it once more changes nothing.
        do throws(Errno) { try folders.add(FactsFolder.path) } catch {}
        guard agent.path != watchedPath else { return }
        watchedPath = agent.path
        do throws(Errno) {
            folders = try Self.folders(state.path, watchedPath)
            try epoll.add(folders.descriptor, .readable, token: Token.folders.rawValue)
        } catch {
            // The periodic check reads the file anyway.
            Log.warning("file not watched", [("path", watchedPath), ("reason", "\(error)")])
        }
    }

    /// Watches the folders of the state and of the file.
    private static func folders(_ state: String, _ file: String) throws(Errno) -> FolderWatch {
        let folders = try FolderWatch()
        try folders.add(state)
        let end = file.lastIndex(of: "/") ?? file.startIndex
        // Without its folder the file is read at the periodic check.
        do throws(Errno) { try folders.add(end == file.startIndex ? "/" : String(file[..<end])) } catch {}
        return folders
    }
}

/// A time of whole seconds, as `60s` or `5m`, up to a day.
struct WholeSeconds: ExpressibleByArgument, CustomStringConvertible {
    /// 1...86400.
    let seconds: Int

    static let minute = WholeSeconds(seconds: 60)

    private init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        guard let time = ConfirmationTime(argument: argument) else { return nil }
        seconds = time.seconds
    }

    var description: String { "\(seconds)s" }
}
