import JSON
package import LinuxSystem
import NetworkModel
package import NetworkPlanning

/// The state between two runs: the journal of an unfinished apply, and the settings that we changed. The
/// kernel's objects are never looked up here; they are recognised by their marks.
package struct StateStore: Sendable {
    /// The folder.
    private let folder: StateFolder

    /// The default is below /run: like the kernel's state, it is gone after a reboot.
    package static let defaultPath = TrackedFile.folder

    /// Opens the folder, which is made if needed.
    package init(path: String) throws(KernelError) {
        do throws(Errno) {
            folder = try StateFolder(path: path)
        } catch {
            throw .system(what: "the folder \(path) cannot be made", error)
        }
    }

    /// The path of the folder.
    package var path: String { folder.path }
    /// The path of the journal.
    package var journalPath: String { "\(folder.path)/journal" }

    /// The output of the undo timer.
    package var logPath: String { "\(folder.path)/undo.log" }

    /// Prevents other processes from changing the host, until the end of the lock.
    package func lock() throws(KernelError) -> FileDescriptor {
        // A command of a killed process may run a moment longer than the process; a repair by the agent takes
        // about as long.
        for _ in 0..<100 {
            if let lock = try lockUnlessTaken() { return lock }
            ThisProcess.sleep(milliseconds: 20)
        }
        throw .locked(path: "\(folder.path)/lock")
    }

    /// The lock, without waiting; nil if another process holds it.
    package func lockUnlessTaken(_ name: String = "lock") throws(KernelError) -> FileDescriptor? {
        do throws(Errno) {
            return try folder.lock(name)
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be locked", error)
        }
    }

    /// Nil if no apply is unfinished.
    package func journal() throws(KernelError) -> Journal? {
        guard let json = try read("journal") else { return nil }
        guard let journal = Journal(json) else {
            throw damaged("journal", "it is no journal of this version")
        }
        return journal
    }

    /// Writes the journal.
    package func write(_ journal: Journal) throws(KernelError) { try write("journal", journal.text) }

    /// Removes the journal.
    package func removeJournal() throws(KernelError) { try remove("journal") }

    /// The settings that we changed and have not reset.
    package func records() throws(KernelError) -> [SettingRecord] {
        guard let json = try read("settings") else { return [] }
        guard let records = [SettingRecord](json: json) else {
            throw damaged("settings", "it is no list of settings of this version")
        }
        return records
    }

    /// Writes the records of settings.
    package func write(_ records: [SettingRecord]) throws(KernelError) {
        if records.isEmpty { try remove("settings") } else { try write("settings", records.json.description) }
    }

    // MARK: - Files that end with a checksum line

    /// Reads a file; nil if there is none.
    func read(_ name: String) throws(KernelError) -> JSONValue? {
        let octets: [UInt8]?
        do throws(Errno) {
            octets = try folder.read(name)
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be read", error)
        }
        guard let octets else { return nil }
        let lines = octets.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.count == 3, lines[2].isEmpty, Array(lines[1]) == Array(Self.seal(lines[0]).utf8) else {
            throw damaged(name, "it is cut short or was changed")
        }
        do throws(JSONError) {
            return try JSONReader.read(Array(lines[0]))
        } catch {
            throw damaged(name, "\(error)")
        }
    }

    /// Writes a file with its checksum.
    ///
    /// - Parameter isForAll: True if other users may read it.
    func write(_ name: String, _ text: String, isForAll: Bool = false) throws(KernelError) {
        let line = Array(text.utf8)
        do throws(Errno) {
            try folder.write(name, line + Array("\n\(Self.seal(line[...]))\n".utf8), isForAll: isForAll)
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be written", error)
        }
    }

    /// Writes a file that other programs and users read, too: one line of JSON.
    func writePlain(_ name: String, _ json: JSONValue) throws(KernelError) {
        do throws(Errno) {
            try folder.write(name, Array("\(json)\n".utf8), isForAll: true)
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be written", error)
        }
    }

    /// Tells keepalived whether what a file of `TrackedFile` stands for works.
    package func write(works: Bool, to name: String) throws(KernelError) {
        do throws(Errno) {
            try folder.write(name, Array(TrackedFile.text(works: works).utf8))
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be written", error)
        }
    }

    /// What keepalived was last told by such a file; nil if the file is missing or can't be read.
    package func works(_ name: String) -> Bool? {
        let octets = (try? folder.read(name)) ?? nil
        return octets.map { $0 == Array(TrackedFile.text(works: true).utf8) }
    }

    /// Tells keepalived that nothing works any more.
    package func writeNothingWorks() throws(KernelError) {
        for name in FileContents.names(in: folder.path)
        where name.hasPrefix(TrackedFile.prefix) && !name.hasSuffix(".new") {
            try write(works: false, to: name)
        }
    }

    /// Nil if the file is missing or damaged.
    func readPlain(_ name: String) -> JSONValue? {
        do {
            return try folder.read(name).map { octets in try JSONReader.read(octets) }
        } catch {
            return nil
        }
    }

    /// Removes a file.
    func remove(_ name: String) throws(KernelError) {
        do throws(Errno) {
            try folder.remove(name)
        } catch {
            throw .system(what: "\(folder.path)/\(name) cannot be removed", error)
        }
    }

    /// The error for a damaged file.
    func damaged(_ name: String, _ why: String) -> KernelError {
        .damagedFile(path: "\(folder.path)/\(name)", why: why)
    }

    /// FNV-1a over 64 bits: it only has to detect accidental damage.
    private static func seal(_ line: ArraySlice<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in line { hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3 }
        return "end \(String(hash, radix: 16))"
    }
}
