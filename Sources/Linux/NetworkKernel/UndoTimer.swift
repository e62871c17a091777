import LinuxSystem
import NetworkModel

/// A separate process that undoes an apply that is not confirmed in time: it outlives the apply, the login
/// and the terminal that it was started from.
package enum UndoTimer {
    /// Starts the timer for the journal of that identifier.
    ///
    /// With systemd it is a transient unit, since the end of a login can end all of its processes; without
    /// systemd, or in a network namespace, where a unit would be in another network, it is a process in its
    /// own session.
    package static func start(journal: String, seconds: Int, store: StateStore) throws(KernelError) {
        guard let program = ThisProcess.path else {
            throw .system(what: "the program's own file cannot be found", Errno(code: 2))
        }
        let arguments = ["net", "undo", journal, String(seconds), store.path]
        if ThisProcess.isInHostNetwork, !FileContents.names(in: "/run/systemd/system").isEmpty,
            HostTools.isInstalled(.systemdRun)
        {
            let unit = ["--quiet", "--collect", "--unit=namebridge-undo-\(journal)"]
            let result = try HostTools.attempt(
                Command(.systemdRun, ([program] + arguments).map { .word($0) }, options: unit))
            if result.ending == .exit(status: 0) { return }
        }
        do throws(Errno) {
            try ChildProcess.startDetached(program, arguments, log: store.logPath)
        } catch {
            throw .system(what: "the undo timer could not be started", error)
        }
    }
}

extension Command.Program {
    /// Starts transient units.
    fileprivate static let systemdRun = Command.Program("systemd-run")
}
