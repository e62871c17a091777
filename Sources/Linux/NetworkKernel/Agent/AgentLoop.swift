import Glibc
package import LinuxSystem
package import Time

/// What an agent does when its loop wakes it.
package protocol AgentDuties: AnyObject {
    /// When `turn` is due even if nothing happens.
    var nextTurn: MonotonicTime { get }

    /// The folders in which changes of files matter. That of the state must exist; the others are watched
    /// as soon as they do.
    var folders: AgentFolders { get }

    /// Makes `epoll` report what the agent listens to itself.
    func register(with epoll: borrowing Epoll) throws(Errno)

    /// Does what is due. Called first, and after each wait. Between parts that take long it asks
    /// `AgentLoop.mustEnd`, and returns if that is true.
    func turn()

    /// Takes an event.
    func take(_ event: AgentEvent)

    /// Ends the agent in order.
    func stop()
}

/// The folders that an agent watches.
package struct AgentFolders: Hashable, Sendable {
    /// The folder of the state.
    package let state: String
    /// Further folders.
    package let others: [String]

    /// Creates a list of folders.
    package init(state: String, others: [String]) {
        self.state = state
        self.others = others
    }
}

/// What wakes an agent.
package enum AgentEvent: Hashable, Sendable {
    /// The kernel has reported changes.
    case kernel
    /// Probes have found something.
    case probes
    /// Files in watched folders have changed: their names, without folders.
    case files([String])
    /// SIGHUP: the file and the host are to be checked.
    case reload

    /// The tokens of what `AgentDuties.register` registers.
    package enum Token: UInt64 {
        case kernel = 1, probes
    }
}

/// Waits for the events that an agent needs, and passes them to it, on the thread that made it.
package final class AgentLoop {
    /// Does the work.
    private let duties: any AgentDuties
    /// Waits for all descriptors.
    private let epoll: Epoll
    /// The signals.
    private let signals: SignalFD
    /// Watches `watched`.
    private var folders: FolderWatch
    /// The folders at the last look; others get a new watch.
    private var watched: AgentFolders
    /// Receives failures to watch folders.
    private let complain: (String, Errno) -> Void

    /// The tokens of the loop's own descriptors; others are `AgentEvent.Token`.
    private enum Token: UInt64 { case signals = 1001, folders }

    /// The outcome of an event.
    private enum Outcome { case goOn, end }

    /// Takes SIGHUP, SIGTERM and SIGINT over.
    ///
    /// - Parameter complain: Receives a path whose folder can't be watched after another was, and why.
    package init(
        _ duties: any AgentDuties, complain: @escaping (_ path: String, _ error: Errno) -> Void
    ) throws(Errno) {
        self.duties = duties
        self.complain = complain
        epoll = try Epoll()
        signals = try SignalFD([SIGTERM, SIGINT, SIGHUP])
        watched = duties.folders
        folders = try Self.watch(watched)
        try duties.register(with: epoll)
        try epoll.add(signals.descriptor, .readable, token: Token.signals.rawValue)
        try epoll.add(folders.descriptor, .readable, token: Token.folders.rawValue)
    }

    /// Until SIGTERM or SIGINT, which end the agent.
    package func run() throws(Errno) {
        var events = EpollEvents(capacity: 8)
        while true {
            duties.turn()
            watchFolders()
            let left = duties.nextTurn.nanoseconds(since: MonotonicClock.now)
            let milliseconds = Int32(clamping: max(0, (left + 999_999) / 1_000_000))
            let count = try epoll.wait(into: &events, milliseconds: milliseconds)
            for index in 0..<count where try take(events[index].token) == .end {
                return duties.stop()
            }
        }
    }

    /// True once SIGTERM or SIGINT has come: what is not begun is left.
    package static var mustEnd: Bool { SignalFD.isWaiting([SIGTERM, SIGINT]) }

    /// Passes an event on.
    private func take(_ token: UInt64) throws(Errno) -> Outcome {
        switch Token(rawValue: token) {
        case .signals:
            while let signal = try signals.next() {  // ends with the signals that wait
                if signal != SIGHUP { return .end }
                duties.take(.reload)
            }
        case .folders: duties.take(.files(try folders.names()))
        case nil:
            switch AgentEvent.Token(rawValue: token) {
            case .kernel: duties.take(.kernel)
            case .probes: duties.take(.probes)
            case nil: break
            }
        }
        return .goOn
    }

    /// Watches the folders that the agent names now, and those that were made since.
    private func watchFolders() {
        let wanted = duties.folders
        guard wanted != watched else {
            // Watching a folder once more changes nothing.
            return Self.watch(wanted.others, with: folders)
        }
        watched = wanted
        do throws(Errno) {
            folders = try Self.watch(wanted)
            try epoll.add(folders.descriptor, .readable, token: Token.folders.rawValue)
        } catch {
            // The periodic check reads the file anyway.
            complain(wanted.others.first ?? wanted.state, error)
        }
    }

    /// A watch of these folders.
    private static func watch(_ wanted: AgentFolders) throws(Errno) -> FolderWatch {
        let folders = try FolderWatch()
        try folders.add(wanted.state)
        watch(wanted.others, with: folders)
        return folders
    }

    /// Watches those of these folders that exist.
    private static func watch(_ others: [String], with folders: borrowing FolderWatch) {
        for folder in others {
            do throws(Errno) { try folders.add(folder) } catch {}
        }
    }
}
