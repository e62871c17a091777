import AdminServer
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
            The agent of this host does it, as long as another relay of the path works; with "failover: bgp" \
            or "vrrp" and for addresses of "dns.announce" it does so whatever others do, since it does not \
            know them: look at them first. It holds until "net undrain", also for the next agent. Connections that began before stay with the relay if it \
            carried the path alone. The exit code is 1 if packets are still led to the relay, or if \
            connections are left when the time is over, or if the agent does not show within ten seconds that \
            the relay is drained. With "failover: dns" the server of this host does it: names are no longer \
            answered with addresses of the relay's range.

            Examples:
              sudo namebridge net drain relay1
              sudo namebridge net drain relay1 --wait 10m
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @OptionGroup var control: ControlOptions

    @Argument(
        help: "The relay: NAME or CLUSTER-OR-SITE/NAME.",
        completion: .custom(ConfigurationCompletion.hosts))
    var relay: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Wait until no connection is left, at most for this time, such as 60s or 10m.",
            valueName: "duration"))
    var wait: ConfirmationTime?

    func run() throws {
        let drain = try RelayDrain(relay, try configuration.load(), control)
        try NetFailure.reported { () throws(KernelError) in
            try drain.store.changeDrainedRelays { drained in
                drained[drain.host] = drained[drain.host] ?? ThisProcess.wallClock
            }
        }
        let hasAgent = try NetFailure.reported { () throws(KernelError) in try drain.store.hasAgent() }
        guard hasAgent || drain.isByNames else {
            print("\(relay) is drained as soon as an agent runs: namebridge net agent")
            throw ExitStatus.problem
        }
        switch drain.progress(waiting: 10) {
        case .unknown where drain.isByNames:
            print("no server of this host shows that \(relay) is drained: namebridge status")
            throw ExitStatus.problem
        case .unknown:
            print("the agent of this host does not show that \(relay) is drained: namebridge net status")
            throw ExitStatus.problem
        case .led(let paths):
            for line in paths { print(line) }
            throw ExitStatus.problem
        case .past where drain.isByNames:
            print("names are not answered with addresses of \(relay) any more; its connections go on")
        case .past: try report(drain)
        }
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

    @Argument(help: "The relay: NAME or CLUSTER-OR-SITE/NAME.")
    var relay: String

    func run() throws {
        let drain = try RelayDrain(relay, try configuration.load(), ControlOptions())
        let wasDrained = try NetFailure.reported { () throws(KernelError) in
            try drain.store.changeDrainedRelays { $0.removeValue(forKey: drain.host) != nil }
        }
        print(wasDrained ? "\(relay) may carry again" : "\(relay) is not drained")
    }
}

/// A relay that gets no new connections, and what it still has.
private struct RelayDrain {
    /// The host, as in `prod/relay1`.
    let host: String
    /// The folder of the state.
    let store: StateStore
    /// True if nothing but names leads to the relay: the server of this host does it, no agent.
    let isByNames: Bool
    /// The file.
    private let inventory: Inventory
    /// Where the server of this host listens.
    private let control: ControlOptions

    /// Whether packets are led to the relay.
    enum Progress {
        /// The agent's status does not show the relay as drained.
        case unknown
        /// They are: one line for each path.
        case led([String])
        /// They are led past it, except for connections that stay.
        case past
    }

    /// - Throws: `ExitStatus.usage`, after a message, if no path has that relay, or if several have one of
    ///   that name.
    init(_ relay: String, _ inventory: Inventory, _ control: ControlOptions) throws {
        func hosts(of path: Path) -> [String] {
            path.relayHosts.compactMap { inventory.host($0, in: path.ends.keys.reversed())?.reference }
        }
        let forwarders = (inventory.dns.announce?.hosts ?? []).compactMap {
            inventory.forwarder($0)?.reference
        }
        let known = Set(inventory.paths.flatMap(hosts) + forwarders)
        // A machine that stands under several places is located at the first.
        let wanted =
            relay.contains("/")
            ? known.filter { $0 == inventory.host(relay, in: [])?.reference }
            : known.filter { $0.split(separator: "/").last.map(String.init) == relay }
        guard let host = wanted.first, wanted.count == 1 else {
            let names = (wanted.isEmpty ? known : wanted).sorted().joined(separator: ", ")
            printError(
                wanted.isEmpty
                    ? "namebridge: \"\(relay)\" is no relay of a path; known: \(names)"
                    : "namebridge: \"\(relay)\" is the name of several relays: \(names)")
            throw ExitStatus.usage
        }
        self.host = host
        self.inventory = inventory
        self.control = control
        let relayed = inventory.paths.filter { hosts(of: $0).contains(host) }
        isByNames = !relayed.isEmpty && !forwarders.contains(host) && relayed.allSatisfy(\.hasRangePerRelay)
        store = try NetFailure.reported { () throws(KernelError) in try NetState.store() }
    }

    /// Where packets are led, once the agent has done what it can, or after that many seconds.
    func progress(waiting seconds: Int) -> Progress {
        var progress = Progress.unknown
        for _ in 0..<seconds * 20 {
            progress = self.progress
            if case .past = progress { break }
            ThisProcess.sleep(milliseconds: 50)
        }
        return progress
    }

    /// Where packets are led now.
    private var progress: Progress {
        isByNames ? progressOfNames : progressOfAgent
    }

    /// Whether names are answered with addresses of the relay's ranges.
    private var progressOfNames: Progress {
        let paths: [ServerStatus.RelayGroup]
        do throws(ControlError) {
            let answer = try ControlClient.ask(
                .status, at: control.clientPaths(), timeoutMilliseconds: ControlServer.timeoutMilliseconds
            ).answer
            paths = ServerStatus(json: answer).paths.compactMap(\.relays)
        } catch {
            return .unknown
        }
        let chosen = paths.compactMap { group in
            let places = [group.to, group.from]
            return group.relays.first { inventory.host($0.name, in: places)?.reference == host }
                .map { (group: group, relay: $0) }
        }
        guard !chosen.isEmpty, chosen.allSatisfy({ $0.relay.drainedSince != nil }) else { return .unknown }
        let led = chosen.filter { $0.group.carrying.contains($0.relay.name) }.map { choice in
            "\(choice.group.path): \(choice.relay.name) still carries, no other relay works"
        }
        return led.isEmpty ? .past : .led(led)
    }

    /// Where the agent leads packets.
    private var progressOfAgent: Progress {
        guard let status = store.agentStatus(), status.isRunning, !status.isMoving,
            Int32(exactly: status.process).map(ThisProcess.sees) == true
        else { return .unknown }
        let chosen = status.relays.compactMap { group in
            group.relays.first { $0.host == host }.map { (group: group, relay: $0) }
        }
        let relayed = status.relayed.filter { $0.relay.host == host }
        let relays = chosen.map(\.relay) + relayed.map(\.relay)
        guard !relays.isEmpty, relays.allSatisfy({ $0.drainedSince != nil }) else { return .unknown }
        let led =
            chosen.filter { $0.group.carrying.contains($0.relay.name) }.map { choice in
                "\(choice.group.path): \(choice.relay.name) still carries, no other relay works"
            } + relayed.filter(\.isAnnounced).map { "\($0.path): still announced" }
        return led.isEmpty ? .past : .led(led)
    }

    /// How many connections are left; nil if none stays with the relay.
    func connections() throws(KernelError) -> Int? {
        let staying = try store.relayChoices().staying
        let status = store.agentStatus()
        let kept = (status?.relays ?? []).filter { group in
            group.relays.contains { $0.host == host && staying[group.path] == $0.name }
        }
        let groups =
            kept.map { ($0.from, $0.to) }
            + (status?.relayed ?? []).filter { $0.relay.host == host }.map { ($0.from, $0.to) }
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
