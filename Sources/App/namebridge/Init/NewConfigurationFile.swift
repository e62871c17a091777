import Glibc
import Inventory
import InventoryFile
import LinuxSystem
import NetworkPlanning

/// The configuration that `namebridge init` writes.
struct NewConfigurationFile {
    /// Its path.
    let path: String

    /// True if something is at the path. Corresponds to access(2).
    var exists: Bool {
        // Sound: the path is read during the call.
        unsafe access(path, F_OK) == 0
    }

    /// What `check` says of the text.
    static func problems(of text: String, name: String) -> [Diagnostic] {
        InventoryFile.read(
            Array(text.utf8), name: name, isOwnAddress: HostAddresses.contains,
            hostRoutes: HostRoutes.prefixes, furtherProblems: { NetworkPlanner($0).refusals() }
        ).problems
    }

    /// True if a unit of the service is installed.
    static var hasUnit: Bool {
        ["/usr/lib", "/lib", "/usr/local/lib", "/etc"].contains { folder in
            NewConfigurationFile(path: folder + "/systemd/system/namebridge.service").exists
        }
    }

    /// Writes the file, for all users to read; one that is there already is kept as `FILE.old`.
    ///
    /// - Returns: The path of the file that is kept; nil if there was none.
    /// - Throws: `ExitStatus.usage`, after a message, if it cannot be written.
    func write(_ text: String) throws -> String? {
        let whole = FilePath.fromRoot(path)
        let slash = whole.lastIndex(of: "/") ?? whole.startIndex
        let (folder, name) = (String(whole[..<slash]), String(whole[whole.index(after: slash)...]))
        do throws(Errno) {
            // Whatever umask(2) says: the server reads the file as another user.
            let state = try folder.isEmpty ? StateFolder(existing: "/") : StateFolder(forAll: folder)
            let old = try state.read(name)
            if let old { try state.write(name + ".old", old, isForAll: true) }
            try state.write(name, Array(text.utf8), isForAll: true)
            return old.map { _ in path + ".old" }
        } catch {
            printError("namebridge: \(path) cannot be written: \(error)")
            printError("Use sudo, name another file with --config FILE, or look with --dry-run.")
            throw ExitStatus.usage
        }
    }
}
