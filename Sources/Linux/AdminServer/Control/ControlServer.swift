package import JSON
package import LinuxSystem

/// Answers requests on a local socket, on a thread of its own.
///
/// It serves root, its own user and its own group. No client can block the thread: it never waits for one of
/// them, there are few at a time, and each has two seconds.
package final class ControlServer: Sendable {
    /// The path of the socket.
    package let path: String
    /// The folder that was made for the socket, and is removed with it; nil if it existed before.
    private let madeFolder: String?
    /// The server's thread.
    private let thread: ConnectionThread

    /// Handles a request.
    package typealias Responder = @Sendable (ControlRequest) -> JSONValue

    /// How long a client may take to send its request and to read the answer.
    package static let timeoutMilliseconds = 2_000

    /// Listens at `path`; a socket that an earlier process has left there is replaced.
    ///
    /// - Parameters:
    ///   - makesFolder: Whether the folder of `path` is made if it is missing.
    ///   - tick: Called every five seconds on the server's thread.
    ///   - mayAsk: Whether a client of these credentials is served.
    ///   - complain: Called at most once a minute if connections cannot be accepted.
    package init(
        path: String, makesFolder: Bool = false,
        mayAsk: @escaping @Sendable (Credentials) -> Bool = ControlServer.isOneOfUs,
        tick: @escaping @Sendable () -> Void = {},
        complain: @escaping @Sendable (Errno) -> Void = { _ in }, respond: @escaping Responder
    ) throws(ControlError) {
        try Self.clear(path)
        do throws(Errno) {
            let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
            madeFolder = if makesFolder, try FilePath.makeFolder(folder) == .new { folder } else { nil }
            thread = try ConnectionThread(
                name: "control", [StreamListener(LocalSocket.listen(at: path))],
                ControlService(mayAsk: mayAsk, respond: respond),
                ConnectionDuties(tick: tick, complain: complain))
        } catch {
            throw .failed(path: path, error)
        }
        self.path = path
    }

    deinit {
        stop()
    }

    /// Ends the thread and removes the socket.
    package func stop() {
        guard thread.stop() == .stopped else { return }
        // Best effort: the next start replaces a socket that is left.
        do throws(Errno) {
            try FilePath.remove(path)
            if let madeFolder { try FilePath.removeFolder(madeFolder) }
        } catch {}
    }

    /// Root, our own user, and the members of our own group.
    package static func isOneOfUs(_ peer: Credentials) -> Bool {
        let own = Credentials.own
        return peer.user == 0 || peer.user == own.user || peer.group == own.group
            || peer.otherGroups.contains(own.group)
    }

    /// Removes a stale socket at `path`; a live server there is an error.
    private static func clear(_ path: String) throws(ControlError) {
        guard let isSocket = try standing(at: path) else { return }
        guard isSocket else { throw .isNoSocket(path: path) }
        do throws(Errno) {
            _ = try LocalSocket.connect(to: path)
        } catch {
            guard error == .connectionRefused else { throw .failed(path: path, error) }
            do throws(Errno) { try FilePath.remove(path) } catch { throw .failed(path: path, error) }
            return
        }
        throw .isTaken(path: path)
    }

    /// True for a socket, false for anything else, nil for nothing.
    private static func standing(at path: String) throws(ControlError) -> Bool? {
        do throws(Errno) { return try FilePath.isSocket(path) } catch { throw .failed(path: path, error) }
    }
}
