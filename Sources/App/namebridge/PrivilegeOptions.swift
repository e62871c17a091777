import ArgumentParser
import LinuxSystem

/// The privileges of the server's process once its sockets are bound.
struct PrivilegeOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The user of the server when root starts it.",
            discussion: "Default: namebridge, where there is such a user. `--user root` keeps it root.",
            valueName: "name"))
    var user: String?

    /// The user without `--user`.
    private static let usualUser = "namebridge"

    /// Gives up privileges that are no longer needed; must be called before any thread is started.
    ///
    /// - Parameters:
    ///   - socketFolder: The folder of the control socket; nil: no socket. If this process owns it, it is
    ///     given to the server's user; others, such as /run, keep their owner.
    ///   - logFolders: Where files of the query log may be made and appended to.
    ///   - isDemo: True if root stays root unless `--user` says otherwise.
    /// - Throws: `ExitStatus`, after a message, if the user is unknown or a privilege could not be given up.
    func drop(socketFolder: ControlOptions.Folder?, logFolders: [String], isDemo: Bool) throws {
        let wanted = user ?? (isDemo ? "root" : Self.usualUser)
        let found = SystemUser(named: wanted)
        if user != nil, found == nil {
            Log.failure("not started", [("reason", "there is no user \"\(wanted)\" in /etc/passwd")])
            throw ExitStatus.usage
        }
        let target = ProcessPrivileges.isRoot && found?.user != 0 ? found : nil
        do throws(Errno) {
            if let target, let socketFolder, socketFolder.isOurs {
                try FilePath.give(socketFolder.path, to: target)
            }
            let left = try ProcessPrivileges.reduce(
                to: target, socketFolder: socketFolder?.path, logFolders: logFolders)
            if ProcessPrivileges.isRoot, user == nil, !isDemo {
                Log.warning("stays root", [("reason", "there is no user \(Self.usualUser) in /etc/passwd")])
            }
            log(left, target, logFolders: logFolders)
        } catch {
            Log.failure("not started", [("reason", "privileges could not be given up: \(error)")])
            throw ExitStatus.problem
        }
    }

    /// Logs what was given up.
    private func log(_ left: ProcessPrivileges.Left, _ target: SystemUser?, logFolders: [String]) {
        Log.notice(
            "privileges dropped",
            [
                ("user", target?.name ?? "unchanged"),
                ("capabilities", left.mayBindLowPorts ? "net-bind-service" : "none"),
                (
                    "writes",
                    left.isKeptFromWriting
                        ? (["control-socket"] + logFolders).joined(separator: ",") : "not-kept-from"
                ),
            ])
    }
}
