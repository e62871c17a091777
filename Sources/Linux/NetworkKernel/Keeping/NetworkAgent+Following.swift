import Inventory
package import LinuxSystem
import NetworkPlanning

extension NetworkAgent {
    /// Begins: a start that follows an end in order applies the agent's file, whatever was before; one after
    /// a crash goes on with what was.
    package func start() throws(KernelError) {
        let crashed = store.agentStatus()?.isRunning ?? false
        switch try store.wanted() {
        case .nothing? where !crashed: try store.removeWanted()
        case .configuration(let applied)? where crashed: path = applied.path
        default: break
        }
        writeStatus()
        mustFollow = true
    }

    /// Compares the file with what was applied, and applies it where it says something else.
    ///
    /// - Parameter file: What the file at `path` says now, or why it cannot be read.
    package func follow(_ file: Result<String, Errno>) {
        mustFollow = false
        do throws(KernelError) {
            let text = try file.mapError { KernelError.system(what: "\(path) cannot be read", $0) }.get()
            try follow(text)
            rejected = nil
        } catch .locked, .waiting {
            // Somebody is at work, or trying something out: his is the next word.
            mustFollow = true
        } catch {
            reject((try? file.get()) ?? "", "\(error)")
        }
    }

    private func follow(_ text: String) throws(KernelError) {
        var host = settings.host
        let wanted = try store.wanted()
        switch wanted {
        case .nothing?: return
        case .configuration(let applied)?:
            if applied.text == text, applied.path == path { return }
            if host == nil, applied.isChosen, applied.path == path { host = applied.host }
        case nil: break
        }
        if case .configuration(let undone)? = try store.unconfirmed(), undone.text == text {
            throw .notFollowed(path: path, why: "its apply was undone, since nobody confirmed it")
        }
        let plan = try settings.plan(text, path, host)
        let name = "\(plan.host.place)/\(plan.host.host.name)"
        let configuration = AppliedConfiguration(path: path, host: name, isChosen: host != nil, text: text)
        let steps = try apply(plan, configuration)
        tell(wanted == nil ? .keeping(plan, path: path) : .followed(plan, steps: steps, path: path))
    }

    /// Told once for each text and reason.
    private func reject(_ text: String, _ reason: String) {
        let isIdle: Bool
        do throws(KernelError) { isIdle = try store.wanted() == nil } catch { isIdle = false }
        noteRejection(isIdle: isIdle)
        guard rejected?.text != text || rejected?.reason != reason else { return }
        rejected = (text, reason)
        tell(.notFollowed(path: path, reason: reason))
    }
}
