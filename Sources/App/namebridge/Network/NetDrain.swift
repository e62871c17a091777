import ArgumentParser
import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import Time

/// `namebridge net drain`: no new connections for a relay.
struct NetDrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Lead new connections past a relay, and tell how many it still has.",
        discussion: """
            The agent of this host does it, as long as another relay of the path works; it holds until \
            "net undrain", also for the next agent. Connections that began before stay with the relay if it \
            carried the path alone. The exit code is 1 if packets are still led to the relay, or if \
            connections are left when the time is over.

            Examples:
              sudo namebridge net drain relay1
              sudo namebridge net drain relay1 --wait 10m
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "The relay's name.")
    var relay: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Wait until no connection is left, at most for this time, such as 60s or 10m.",
            valueName: "duration"))
    var wait: ConfirmationTime?

    func run() throws {
        let drain = try RelayDrain(relay, try configuration.load())
        try NetFailure.reported { () throws(KernelError) in
            var drained = try drain.store.drainedRelays()
            drained[drain.name] = drained[drain.name] ?? ThisProcess.wallClock
            try drain.store.write(drained: drained)
        }
        guard try NetFailure.reported({ () throws(KernelError) in try drain.store.hasAgent() }) else {
            print("\(relay) is drained as soon as an agent runs: namebridge net agent")
            throw ExitStatus.problem
        }
        let carrying = drain.groups(waiting: 5)
        for group in carrying {
            print("\(group.path): \(relay) still carries, no other relay works")
        }
        if !carrying.isEmpty { throw ExitStatus.problem }
        try report(drain)
    }

    /// Prints how many connections are left, now and at each change while it waits.
    private func report(_ drain: RelayDrain) throws {
        let end = MonotonicClock.now.advanced(milliseconds: (wait?.seconds ?? 0) * 1000)
        var told: Int?
        while true {  // ends at `end`
            let left = try NetFailure.reported { () throws(KernelError) in try drain.connections() }
            guard let left else {
                print("\(relay) gets no packets any more")
                return
            }
            if left != told { announce("\(relay) gets no new connections, \(left) are left") }
            told = left
            if left == 0 || wait == nil { return }
            if MonotonicClock.now >= end { throw ExitStatus.problem }
            ThisProcess.sleep(milliseconds: 1000)
        }
    }
}

/// `namebridge net undrain`: a relay carries again.
struct NetUndrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain",
        abstract: "Let a drained relay carry again.",
        discussion: """
            It carries again if the path has no better one, or shares it with relays of equal priority, once \
            it has been up for the hold time.

            Example:
              sudo namebridge net undrain relay1
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "The relay's name.")
    var relay: String

    func run() throws {
        let drain = try RelayDrain(relay, try configuration.load())
        let wasDrained = try NetFailure.reported { () throws(KernelError) in
            var drained = try drain.store.drainedRelays()
            let since = drained.removeValue(forKey: drain.name)
            try drain.store.write(drained: drained)
            return since != nil
        }
        print(wasDrained ? "\(relay) may carry again" : "\(relay) is not drained")
    }
}

/// A relay that gets no new connections, and what it still has.
private struct RelayDrain {
    /// The name of the host.
    let name: String
    let store: StateStore
    private let inventory: Inventory

    /// - Throws: `ExitStatus.usage`, after a message, if no path has that relay.
    init(_ relay: String, _ inventory: Inventory) throws {
        let known = inventory.paths.flatMap { path in
            path.relayHosts.compactMap { inventory.host($0, in: path.ends.keys.reversed())?.host.name }
        }
        let name = relay.split(separator: "/").last.map(String.init) ?? relay
        guard known.contains(name) else {
            let names = Set(known).sorted().joined(separator: ", ")
            printError("namebridge: \"\(relay)\" is no relay of a path; known: \(names)")
            throw ExitStatus.usage
        }
        self.name = name
        self.inventory = inventory
        store = try NetFailure.reported { () throws(KernelError) in try NetState.store() }
    }

    /// The paths that the relay still carries after that many seconds at most.
    func groups(waiting seconds: Int) -> [AgentStatus.RelayGroup] {
        var carrying: [AgentStatus.RelayGroup] = []
        for _ in 0..<seconds * 20 {
            carrying = (store.agentStatus()?.relays ?? []).filter { $0.carrying.contains(name) }
            if carrying.isEmpty { break }
            ThisProcess.sleep(milliseconds: 50)
        }
        return carrying
    }

    /// How many connections are left; nil if none stays with the relay.
    func connections() throws(KernelError) -> Int? {
        let staying = try store.relayChoices().staying.filter { $0.value == name }.keys
        let status = store.agentStatus()
        let groups =
            (status?.relays ?? []).filter { staying.contains($0.path) }.map { ($0.from, $0.to) }
            + (status?.relayed ?? []).filter { $0.relay.name == name }.map { ($0.from, $0.to) }
        guard !groups.isEmpty else { return nil }
        let prefixes = inventory.paths.flatMap { path -> [IPPrefix] in
            guard case .oneWay(let from, let to) = path.ends, let cluster = inventory.cluster(to),
                groups.contains(where: { $0.0 == from && $0.1 == to })
            else { return [] }
            return path.visiblePrefixes(of: cluster)
        }
        return try LinuxKernel.connections(to: prefixes, withoutMark: ProbeWay.laterBit)
    }
}
