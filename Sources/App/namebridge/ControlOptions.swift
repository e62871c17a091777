import AdminServer
import ArgumentParser
import Glibc
import JSON
import LinuxSystem

/// The path of the control socket: the same option for the server and for its clients.
struct ControlOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The server's control socket.",
            discussion: """
                Default: /run/namebridge/control.sock for root and under systemd, \
                $XDG_RUNTIME_DIR/namebridge.sock for other users.
                """,
            valueName: "path"),
        completion: .file(extensions: ["sock"]))
    var control: String?

    /// The path for a service and for root.
    private static let systemPath = "/run/namebridge/control.sock"

    /// The path for a user's own server; nil without a folder for such sockets.
    private static var userPath: String? { environment("XDG_RUNTIME_DIR").map { $0 + "/namebridge.sock" } }

    /// The path for a demo: never the one of a service or of a user's own server.
    private static var demoPath: String {
        let folder =
            geteuid() == 0
            ? "/run/namebridge-demo"
            : environment("XDG_RUNTIME_DIR").map { $0 + "/namebridge-demo" }
                ?? "/tmp/namebridge-demo-\(geteuid())"
        return folder + "/control.sock"
    }

    /// The path of this process's server; nil if there is no folder for it.
    ///
    /// systemd sets RUNTIME_DIRECTORY if the unit has a RuntimeDirectory (systemd.exec(5)).
    func serverPath(isDemo: Bool) -> String? {
        if let control { return control }
        if isDemo { return Self.demoPath }
        return Self.runtimePath ?? (geteuid() == 0 ? Self.systemPath : Self.userPath)
    }

    /// The path in the folder that a service manager or an image has named; nil without one.
    private static var runtimePath: String? {
        environment("RUNTIME_DIRECTORY")?.split(separator: ":").first.map { "\($0)/control.sock" }
    }

    /// Makes the folder of `serverPath` if it is the default one and missing; nil if there is none.
    func prepareFolder(isDemo: Bool) -> Folder? {
        guard let path = serverPath(isDemo: isDemo) else { return nil }
        let folder = FilePath.parent(of: path)
        // `listen` reports a folder that can't be made.
        let isMade = control == nil && (try? FilePath.makeFolder(folder)) == .new
        guard FilePath.isFolder(folder) else { return nil }
        guard control == nil else { return Folder(path: folder, isMade: false, isOurs: false) }
        // A demo that was killed has left its folder. RUNTIME_DIRECTORY may name any folder.
        let isKnown = isDemo || folder == FilePath.parent(of: Self.systemPath)
        return Folder(path: folder, isMade: isMade || isDemo, isOurs: isMade || isKnown)
    }

    /// The folder of the control socket.
    struct Folder {
        /// The folder's path.
        let path: String
        /// True if it is removed with the server.
        let isMade: Bool
        /// True if it holds nothing else: this process has made it, or it is the default one.
        let isOurs: Bool
    }

    /// The paths where a running server may listen, the likeliest first.
    func clientPaths(isDemo: Bool = false) -> [String] {
        if let control { return [control] }
        if isDemo { return [Self.demoPath] }
        let user = geteuid() == 0 ? nil : Self.userPath
        // A command in a container has the variables of its server.
        return [Self.runtimePath, user, Self.systemPath].compactMap { $0 }
    }

    /// Opens the control socket. Nil, after a line in the log, if the default path cannot be used: the server
    /// runs without.
    ///
    ///     - Throws: `ExitStatus.problem`, after a message, if the path of `--control` cannot be used.
    func listen(for control: ServerControl, isDemo: Bool) throws -> ControlServer? {
        guard let path = serverPath(isDemo: isDemo) else {
            Log.notice("no control socket", [("reason", "XDG_RUNTIME_DIR is not set")])
            return nil
        }
        do throws(ControlError) {
            return try ControlServer(
                path: path, makesFolder: self.control == nil, tick: control.tick,
                complain: { Log.warning("control socket accepts no connections", [("reason", "\($0)")]) },
                respond: control.answer)
        } catch {
            if self.control == nil {
                Log.notice("no control socket", [("reason", "\(error)")])
                return nil
            }
            Log.failure("not started", [("reason", "\(error)")])
            throw ExitStatus.problem
        }
    }
}
