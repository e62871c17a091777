import AdminServer
import ArgumentParser
import Glibc
import JSON
import LinuxSystem

/// Where the control socket is: the same for the server and for those who ask it.
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

    /// Where a service and root's server listen.
    private static let systemPath = "/run/namebridge/control.sock"

    /// Where a user's own server listens; nil without a folder for such things.
    private static var userPath: String? { environment("XDG_RUNTIME_DIR").map { $0 + "/namebridge.sock" } }

    /// Where a demo listens: never where a service or a user's own server does.
    private static var demoPath: String {
        let folder =
            geteuid() == 0
            ? "/run/namebridge-demo"
            : environment("XDG_RUNTIME_DIR").map { $0 + "/namebridge-demo" }
                ?? "/tmp/namebridge-demo-\(geteuid())"
        return folder + "/control.sock"
    }

    /// Where a server of this process listens; nil if there is no folder for it.
    ///
    /// RUNTIME_DIRECTORY is set by systemd, where the unit has a RuntimeDirectory (systemd.exec(5)).
    func serverPath(isDemo: Bool) -> String? {
        if let control { return control }
        if isDemo { return Self.demoPath }
        if let folder = environment("RUNTIME_DIRECTORY")?.split(separator: ":").first {
            return "\(folder)/control.sock"
        }
        return geteuid() == 0 ? Self.systemPath : Self.userPath
    }

    /// Makes the folder of `serverPath` where it is the default one and missing; nil if there is none.
    func prepareFolder(isDemo: Bool) -> Folder? {
        guard let path = serverPath(isDemo: isDemo) else { return nil }
        let folder = FilePath.parent(of: path)
        // `listen` says what is wrong with a folder that can't be made.
        let isMade = control == nil ? (try? FilePath.makeFolder(folder)) ?? false : false
        guard FilePath.isFolder(folder) else { return nil }
        guard control == nil else { return Folder(path: folder, isMade: false, isOurs: false) }
        // A demo that was killed has left its folder. RUNTIME_DIRECTORY may name any.
        let isKnown = isDemo || folder == FilePath.parent(of: Self.systemPath)
        return Folder(path: folder, isMade: isMade || isDemo, isOurs: isMade || isKnown)
    }

    /// What the control socket stands in.
    struct Folder {
        let path: String
        /// True if it goes with the server.
        let isMade: Bool
        /// True if nothing else can be kept in it: this process has made it, or it is the default one.
        let isOurs: Bool
    }

    /// Where a running server is looked for, the likeliest first.
    func clientPaths(isDemo: Bool = false) -> [String] {
        if let control { return [control] }
        if isDemo { return [Self.demoPath] }
        let user = geteuid() == 0 ? nil : Self.userPath
        return [user, Self.systemPath].compactMap { $0 }
    }

    /// Lets a running server be asked. Nil, after a line in the log, where the default path is not to be
    /// had: the server does without.
    /// - Throws: `ExitStatus.problem`, after a message, where `--control` names a path that is not to be had.
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
