import InventoryFile
import LinuxSystem

/// Tells when facts of followed clusters change, from a thread of its own.
final class FactsWatch: Sendable {
    /// Ends the thread.
    private let end: EventFD
    /// The thread.
    private let thread: NativeThread

    /// The folder may be made, or made anew, while this runs: so often it is looked for, in milliseconds.
    private static let interval: Int32 = 5_000

    /// - Parameters:
    ///   - known: The configuration and the facts in use.
    ///   - tell: Called on the thread.
    /// - Returns: Nil, after a line in the log, if the host is short of something.
    init?(since known: FollowedText, _ tell: @escaping @Sendable () -> Void) {
        do throws(Errno) {
            let end = try EventFD()
            let loop = try FactsLoop(end, tell)
            thread = try NativeThread(name: "facts", stackSize: 256 * 1024) { loop.run(since: known) }
            self.end = end
        } catch {
            Log.warning("facts are not watched", [("reason", "\(error)")])
            return nil
        }
    }

    /// Ends the thread.
    func stop() {
        end.signal()
        thread.join()
    }

    /// The thread's part.
    private final class FactsLoop: Sendable {
        /// Reports changes in the folder.
        private let folders: FolderWatch
        /// Waits for them, and for the end.
        private let epoll: Epoll
        /// Called when facts have changed.
        private let tell: @Sendable () -> Void

        /// The descriptors that are waited for.
        private enum Token: UInt64 { case end = 1, folder }

        init(_ end: borrowing EventFD, _ tell: @escaping @Sendable () -> Void) throws(Errno) {
            folders = try FolderWatch()
            epoll = try Epoll()
            try epoll.add(end.descriptor, .readable, token: Token.end.rawValue)
            try epoll.add(folders.descriptor, .readable, token: Token.folder.rawValue)
            self.tell = tell
        }

        /// Until the end.
        func run(since known: FollowedText) {
            var events = EpollEvents(capacity: 2)
            var folder = watchedFolder
            // They may have changed between the start of the server and this watch.
            let now = FactsFolder.adding(to: known.file, earlier: known.facts)
            if now.whole != known.whole { tell() }
            while true {  // ends when it must
                do throws(Errno) {
                    let count = try epoll.wait(into: &events, milliseconds: FactsWatch.interval)
                    for index in 0..<count where events[index].token == Token.end.rawValue { return }
                    if try folders.names().contains(where: { $0.hasSuffix(FactsFolder.suffix) }) { tell() }
                } catch {
                    Log.warning("facts are not watched any more", [("reason", "\(error)")])
                    return
                }
                let now = watchedFolder
                if let now, now != folder { tell() }
                folder = now ?? folder
            }
        }

        /// The folder's number; nil if there is none.
        private var watchedFolder: Int32? { try? folders.add(FactsFolder.path) }
    }
}
