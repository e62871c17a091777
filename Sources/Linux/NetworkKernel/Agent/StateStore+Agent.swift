import JSON
package import LinuxSystem
import NetworkModel

/// The files by which an agent and the other commands exchange state.
extension StateStore {
    /// The desired state of the host; nil if nothing was applied or removed since its start.
    package func desired() throws(KernelError) -> DesiredConfiguration? { try desired("wanted") }

    /// The configuration whose apply was undone because it was not confirmed.
    package func unconfirmed() throws(KernelError) -> DesiredConfiguration? { try desired("unconfirmed") }

    /// Writes the desired state.
    package func write(_ desired: DesiredConfiguration) throws(KernelError) {
        try write("wanted", desired.json.description)
    }

    /// Writes the configuration that was not confirmed.
    package func write(unconfirmed: DesiredConfiguration) throws(KernelError) {
        try write("unconfirmed", unconfirmed.json.description)
    }

    /// Deletes the record of an apply that was not confirmed: a person has decided otherwise since.
    package func removeUnconfirmed() throws(KernelError) { try remove("unconfirmed") }

    /// Deletes the record that everything was removed.
    package func removeWanted() throws(KernelError) { try remove("wanted") }

    /// Reads a desired state.
    private func desired(_ name: String) throws(KernelError) -> DesiredConfiguration? {
        guard let json = try read(name) else { return nil }
        guard let desired = DesiredConfiguration(json) else {
            throw damaged(name, "it is no record of an apply of this version")
        }
        return desired
    }

    /// The name of the file that changes with the desired state.
    package static var wantedName: String { "wanted" }

    // MARK: - The agent

    /// A line of JSON, for other programs, too.
    package func write(_ status: AgentStatus) throws(KernelError) {
        try writePlain("agent.json", status.json)
    }

    /// Nil if no agent has run since the host's start, or if the file cannot be read.
    package func agentStatus() -> AgentStatus? { readPlain("agent.json").flatMap { AgentStatus($0) } }

    /// Makes this process the host's only agent until the end of the lock.
    package func agentLock() throws(KernelError) -> FileDescriptor {
        // Another process may hold the lock for a moment to find out whether there is an agent.
        for _ in 0..<25 {
            if let lock = try lockUnlessTaken("agent.lock") { return lock }
            ThisProcess.sleep(milliseconds: 20)
        }
        throw .agentRuns(process: agentStatus()?.process)
    }

    /// True while an agent runs.
    package func hasAgent() throws(KernelError) -> Bool {
        guard let lock = try lockUnlessTaken("agent.lock") else { return true }
        _ = lock.number
        return false
    }
}
