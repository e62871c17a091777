package import LinuxSystem
package import NetworkModel
package import NetworkPlanning

/// Why a host could not be read or changed: each message says what failed, where, and what to do.
package indirect enum KernelError: Error, Sendable {
    /// The calling user may not change the network.
    case notPrivileged
    /// `package` is the name in Debian and Ubuntu.
    case missingProgram(String, package: String)
    /// A program is too old.
    case oldProgram(String, version: String, needed: String)
    /// A program did not end successfully.
    case failed(Command, ChildProcess.Ending, errors: String)
    /// The output of a program has another shape.
    case unreadable(ReadingError)
    /// A system call failed.
    case system(what: String, Errno)
    /// Another process is changing this host.
    case locked(path: String)
    /// Another agent maintains this host; nil if its process is not known.
    case agentRuns(process: Int?)
    /// A configuration from which no plan can be made.
    case notFollowed(path: String, why: String)
    /// The file names this host no more.
    case hostLeft(path: String, why: String)
    /// An earlier apply waits for `net confirm`.
    case waiting(Journal)
    /// A file of the state folder is damaged.
    case damagedFile(path: String, why: String)
    /// The plan must not be applied.
    case refused([PlanNote])
    /// The plan would cut packets that arrive now, between these places, as in `office->prod`.
    case cutsPackets([String], between: [String])
    /// The host is as planned, but packets do not do what was foreseen.
    case packetsDiffer([String])
    /// All commands succeeded, but the host is not as planned.
    case notConverged([Step])
    /// The cause; everything was undone.
    case rolledBack(KernelError)
    /// The cause, and why the undo failed.
    case notRolledBack(KernelError, because: KernelError, journal: String)
}

extension KernelError: CustomStringConvertible {
    /// What failed, where, and what to do.
    package var description: String {
        switch self {
        case .notPrivileged: "only root can read and change routes and rules: run it with sudo"
        case .missingProgram(let program, let package):
            "the program \(program) is not installed: install the package \(package)"
        case .oldProgram(let program, let version, let needed):
            "\(program) is of version \(version), and \(needed) is the oldest that will do: upgrade it"
        case .failed(let command, let ending, let errors):
            "\"\(command.line)\" \(Self.words(ending))" + (errors.isEmpty ? "" : ": \(errors)")
        case .unreadable(let error): "\(error): is that program of an unknown version?"
        case .system(let what, let error): "\(what): \(error)"
        case .locked(let path):
            "another namebridge is changing this host right now (it holds \(path)):"
                + " try again when it is done"
        case .agentRuns(let process):
            "another \"namebridge net agent\" keeps this host"
                + (process.map { " (process \($0))" } ?? "") + ": one is enough"
        case .notFollowed(let path, let why), .hostLeft(let path, let why): "\(path): \(why)"
        case .waiting(let journal):
            "the apply of process \(journal.process) waits for \"namebridge net confirm\":"
                + " confirm it, or wait until it is undone"
        case .damagedFile(let path, let why):
            "\(path): \(why): nothing was changed; compare \"namebridge net status\" with what you expect,"
                + " then delete the file: what is ours is recognised without it"
        case .refused(let notes):
            notes.filter { $0.severity == .refusal }.map(\.description).joined(separator: "\n")
        case .cutsPackets(let lines, let pairs):
            "the plan would cut packets that arrive now:\n" + lines.map { "  \($0)\n" }.joined()
                + "nothing was changed; \"namebridge net apply"
                + pairs.map { " --accept-loss '\($0)'" }.joined() + "\" applies it all the same"
        case .packetsDiffer(let lines):
            "packets do not do what was foreseen:\n" + lines.map { "  \($0)" }.joined(separator: "\n")
        case .notConverged(let steps):
            "the host is not as planned after all commands; still to be done:\n"
                + steps.map(\.text).joined()
        case .rolledBack(let cause): "\(cause)\neverything was undone: the host is as it was before"
        case .notRolledBack(let cause, let reason, let journal):
            "\(cause)\nit could not be undone: \(reason)\nwhat was there before is in \(journal): repair"
                + " the cause, then run \"namebridge net remove\" or \"net apply\": both do that first"
        }
    }

    /// The end of a program, as text.
    private static func words(_ ending: ChildProcess.Ending) -> String {
        switch ending {
        case .exit(let status): "failed (exit status \(status))"
        case .signal(let number): "was ended by signal \(number)"
        case .timeout: "did not end in time and was killed"
        case .tooMuchOutput: "printed more than is sensible and was killed"
        }
    }
}
