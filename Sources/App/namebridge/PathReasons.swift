import AdminServer
import IPAddressing
import Inventory
import LinuxSystem
import PathHealth
import Synchronization

/// Finds out why paths are down, on a thread of its own, which exists while there is something to find out.
final class PathReasons: Sendable {
    /// What is known, and what is to be found out.
    private let state: Mutex<State>
    /// Called when a reason was found.
    private let news: @Sendable () -> Void
    /// The last thread.
    private let thread = Mutex<NativeThread?>(nil)

    /// What is known, and what is to be found out.
    private struct State {
        /// The file that paths are of.
        var inventory: Inventory
        /// The reasons by the paths' names.
        var reasons: [String: ServerStatus.PathReason] = [:]
        /// The paths that have gone down since the thread looked, by their names.
        var waiting: [String: ProbedPath] = [:]
        /// True if the thread runs.
        var isRunning = false
    }

    /// The most paths whose reasons are found out and kept: with more of them down, the first tell enough.
    private static let mostPaths = 64

    /// - Parameter news: Called on the thread when a reason was found.
    init(_ inventory: Inventory, news: @escaping @Sendable () -> Void = {}) {
        state = Mutex(State(inventory: inventory))
        self.news = news
    }

    /// Another file is served by.
    func follow(_ inventory: Inventory) {
        state.withLock { state in
            state.inventory = inventory
            let names = Set(inventory.paths.flatMap(\.ends.keys))
            state.reasons = state.reasons.filter { reason in names.contains { reason.key.hasPrefix($0) } }
        }
    }

    /// Takes a verdict that is news; it returns at once.
    func take(_ verdict: PathVerdict) {
        let isFirst = state.withLock { state in
            let name = verdict.path.name
            guard verdict.state == .down else {
                state.reasons[name] = nil
                state.waiting[name] = nil
                return false
            }
            guard state.reasons[name] == nil,
                state.reasons.count + state.waiting.count < Self.mostPaths
            else { return false }
            state.waiting[name] = verdict.path
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { return }
        // It has nothing to do any more; its stack is freed once it was waited for.
        thread.withLock { $0 }?.join()
        do throws(Errno) {
            let new = try NativeThread(name: "reasons", stackSize: 1024 * 1024) { [self] in run() }
            thread.withLock { $0 = new }
        } catch {
            state.withLock { $0.isRunning = false }
            Log.warning("no reason for paths that are down", [("reason", "no thread: \(error)")])
        }
    }

    /// Why paths are down, by their names.
    var reasons: [String: ServerStatus.PathReason] { state.withLock { $0.reasons } }

    /// Finds out the reasons of all paths that are waiting. The network is built once for all of them.
    private func run() {
        // Ends: a path waits once for each time that it goes down.
        while let (inventory, paths) = takeWaiting() {
            let reasoning = PathReasoning(inventory, tells: false)
            for path in paths {
                let reason = reasoning.reason(of: path)
                // It may have come back in the meantime.
                let isDown = state.withLock { state in
                    guard state.waiting.removeValue(forKey: path.name) != nil else { return false }
                    state.reasons[path.name] = reason
                    return true
                }
                guard isDown, let reason else { continue }
                Log.notice(
                    "path reason", [("path", path.name), ("reason", reason.words), ("fix", reason.fix)])
                news()
            }
        }
    }

    /// The paths that are waiting; nil if none is, and the thread ends.
    private func takeWaiting() -> (Inventory, [ProbedPath])? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isRunning = false
                return nil
            }
            return (state.inventory, state.waiting.values.sorted { $0.name < $1.name })
        }
    }
}
