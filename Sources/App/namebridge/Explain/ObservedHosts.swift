import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning

/// The states of hosts that were observed: this one's, and those of files.
struct ObservedHosts {
    /// The states by place and name of the host, as in `prod/relay1`.
    private(set) var states: [String: HostState] = [:]
    /// Which relays carry, as the agent of this host has chosen; no choices if it is not read.
    private(set) var choices = RelayChoices()
    /// The file.
    private let inventory: Inventory

    init(_ inventory: Inventory) { self.inventory = inventory }

    /// Reads every file `*.json` of a folder.
    /// - Throws: `ExitStatus.usage`, after a message, if one cannot be read.
    mutating func read(folder: String) throws {
        let names = FileContents.names(in: folder).filter { $0.hasSuffix(".json") }.sorted()
        if names.isEmpty { throw complaint("\(folder): there are no files *.json") }
        for name in names {
            let path = "\(folder)/\(name)"
            do {
                let observation = try HostObservation(reading: contents(ofFile: path))
                guard add(observation.state) == .added else {
                    printError("\(path): no host of the configuration has an address of \(observation.name)")
                    continue
                }
            } catch let error as FileError {
                throw complaint("\(error)")
            } catch {
                throw complaint("\(path): \(error)")
            }
        }
    }

    /// Reads this host, if it is one of the file's: as a whole if this process may do so, else its settings
    /// and routes, unless a file has told of it.
    ///
    /// - Parameter tells: True if a message says why a part is not read.
    mutating func readThisHost(tells: Bool = true) {
        let found = inventory.hosts(carrying: NetworkInterfaces.all.map(\.address))
        guard let host = found.first, found.count == 1 else { return }
        let name = "\(host.place)/\(host.host.name)"
        if ProcessPrivileges.isRoot {
            do throws(KernelError) {
                states[name] = try LinuxKernel().observe(allOfNAT: true)
                choices = try NetState.relayChoices()
                return
            } catch {
                if tells { printError("namebridge: the rules of this host are not read: \(error)") }
            }
        }
        if states[name] == nil { states[name] = LinuxKernel().observeUnprivileged() }
    }

    /// The outcome of adding a state.
    private enum Addition {
        /// It is that of a host of the file.
        case added
        /// The file has no such host, or several.
        case unknown
    }

    /// Adds the state of the host that has its addresses.
    @discardableResult
    private mutating func add(_ state: HostState) -> Addition {
        let found = inventory.hosts(carrying: state.addresses.map(\.address))
        guard let host = found.first, found.count == 1 else { return .unknown }
        states["\(host.place)/\(host.host.name)"] = state
        return .added
    }

    /// Writes a message, and gives the exit code.
    private func complaint(_ text: String) -> any Error {
        printError("namebridge: \(text)")
        return ExitStatus.usage
    }
}
