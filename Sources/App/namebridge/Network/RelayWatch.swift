import AdminServer
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import PathHealth
import PathProbing
import Time

/// Probes the relays that an agent can choose from, and decides which of them carry.
///
/// Used by one thread, the agent's; the probes have a thread of their own.
final class RelayWatch {
    /// Probes all paths.
    private let prober: PathProber
    /// Signalled with each change of a verdict.
    private let wake: Wake
    /// The paths with several relays.
    private var groups: [RelayGroup] = []
    /// The elections of `groups`, in their order.
    private var elections: [RelayElection] = []
    /// The paths that this host relays.
    private var relayed: [RelayedPath] = []
    /// The addresses of forwarders that this host shares.
    private var services: [AnnouncedService] = []
    /// Where the control socket of the forwarder may be.
    private let serverPaths: [String]
    /// Asks the forwarder; nil while no address is shared.
    private var readiness: ReadinessWatch?
    /// The names of files that keepalived tracks, and whether what they stand for works.
    private(set) var tracked: [String: Bool] = [:]
    /// What the status says of relayed paths.
    private(set) var relayedReport: [AgentStatus.RelayedPath] = []
    /// What the status says, by the names of the groups.
    private var reports: [String: AgentStatus.RelayGroup] = [:]
    /// The choices so far, also for paths that the file has lost meanwhile: it may get them back.
    private var choices: RelayChoices

    /// Finds out why relays are down.
    private let why: PathReasons
    /// The states of paths when `why` was last told, by their names.
    private var reasoned: [String: PathState] = [:]

    /// An event that both threads have.
    private final class Wake: Sendable {
        /// The event.
        let event: EventFD

        /// Creates an event that is not signalled.
        init() throws(Errno) { event = try EventFD() }
    }

    /// Connections of probes that may be open at a time.
    private static let mostOpen = 1024

    /// Starts the thread of the probes.
    ///
    /// - Parameters:
    ///   - choices: Those of the agent before.
    ///   - serverPaths: Where the control socket of this host's server may be.
    init(_ choices: RelayChoices, serverPaths: [String]) throws(Errno) {
        self.choices = choices
        self.serverPaths = serverPaths
        // What an agent announced that is dead is not proven by this one yet.
        self.choices.announced = []
        let wake = try Wake()
        self.wake = wake
        let mostOpen = min(Self.mostOpen, ProcessLimits.descriptorLimit(orIfUnknown: 1024) / 2)
        let log = PathLog()
        why = PathReasons(Inventory()) { wake.event.signal() }
        prober = try PathProber([], mostOpen: mostOpen) { verdict in
            log.write(verdict)
            wake.event.signal()
        }
        try prober.start()
    }

    /// Ends the probes.
    func stop() {
        prober.stop()
        readiness?.stop()
    }

    /// Makes `epoll` report that there are news.
    func register(with epoll: borrowing Epoll, token: UInt64) throws(Errno) {
        try epoll.add(wake.event.descriptor, .readable, token: token)
    }

    /// The news are taken with the next `elect`.
    func noteNews() { wake.event.clear() }

    /// When `elect` is to be called again even without news; nil: no need.
    var nextDeadline: MonotonicTime? { elections.compactMap(\.nextDeadline).min() }

    /// Chooses for these paths from now on; what was found out of those that stay goes on.
    func follow(
        _ groups: [RelayGroup], _ relayed: [RelayedPath], announcing services: [AnnouncedService]
    ) {
        if services != self.services { watch(services) }
        guard groups != self.groups || relayed != self.relayed else { return }
        self.groups = groups
        self.relayed = relayed
        elections = groups.map { group in
            RelayElection(
                group.election.members, preference: group.election.preference, hold: group.election.hold,
                carrying: choices.carrying[group.name] ?? [])
        }
        for (group, election) in zip(groups, elections) where reports[group.name] == nil {
            let path = group.members[0].probed
            reports[group.name] = AgentStatus.RelayGroup(
                path: group.name, from: path.from, to: path.to, carrying: election.carrying,
                since: ThisProcess.wallClock)
        }
        prober.replace(groups.flatMap(\.probedPaths) + relayed.map(\.probed))
    }

    /// Asks the forwarder of this host as long as it has shared addresses.
    private func watch(_ services: [AnnouncedService]) {
        if services.isEmpty {
            readiness?.stop()
            readiness = nil
        } else if readiness == nil {
            do throws(Errno) {
                let wake = wake
                readiness = try ReadinessWatch(at: serverPaths) { wake.event.signal() }
            } catch {
                // Tried again with the next turn; until then nothing is announced.
                Log.failure("the forwarder can't be watched", [("reason", "\(error)")])
                return
            }
        }
        self.services = services
    }

    /// Reasons about the paths of this file from now on.
    func follow(_ inventory: Inventory) {
        why.follow(inventory)
        reasoned = [:]
    }

    /// Has reasons found for paths that went down, on another thread. Called once packets are led past them:
    /// it takes as many programs as a check of the host.
    func findReasons() {
        for verdict in prober.verdicts where reasoned[verdict.path.name] != verdict.state {
            reasoned[verdict.path.name] = verdict.state
            why.take(verdict)
        }
    }

    /// The choices from now on; nil if all of them stay.
    ///
    /// - Parameter drained: As `StateStore.drainedRelays`.
    func elect(drained: [String: Int]) -> RelayChoices? {
        let verdicts = prober.verdicts
        let now = MonotonicClock.now
        let before = choices
        for index in groups.indices {
            let group = groups[index]
            // Hosts of other places may have the same names.
            let drained = [String: Int](
                group.members.compactMap { member in drained[member.host].map { (member.name, $0) } },
                uniquingKeysWith: min)
            let observed = group.members.map { member in
                RelayElection.Observation(verdicts.first { $0.path == member.probed }, at: now)
            }
            let move = elections[index].update(observed, drained: Set(drained.keys), at: now)
            if let move {
                choices.carrying[group.name] = move.after
                note(move, of: group, at: now)
            }
            keepConnections(of: group, after: move, observed: observed, drained: drained)
            report(observed, drained, of: group, at: now)
        }
        announce(verdicts, drained, at: now)
        return choices == before ? nil : choices
    }

    /// Announces the relayed paths and shared addresses that work, and no others.
    private func announce(_ verdicts: [PathVerdict], _ drained: [String: Int], at now: MonotonicTime) {
        var announced: Set<String> = []
        let paths = relayed.map { path in
            let observation = RelayElection.Observation(
                verdicts.first { $0.path == path.probed }, at: now)
            let place = Announcer(
                name: path.probed.relays.first ?? "", host: path.host, path: path.name)
            var relay = relay(place, observation, drained: drained, at: now)
            relay.reason = reason(path.probed, observation)
            if relay.state == PathState.up.rawValue, relay.drainedSince == nil, path.failover == .bgp {
                announced.insert(path.name)
            }
            return AgentStatus.RelayedPath(
                path: path.name, from: path.probed.from, to: path.probed.to, relay: relay,
                isAnnounced: announced.contains(path.name))
        }
        let addresses = services.map { service in
            let observation = readiness?.observation ?? RelayElection.Observation(nil, at: now)
            let place = Announcer(name: service.hostName, host: service.host, path: service.name)
            let relay = relay(place, observation, drained: drained, at: now)
            if relay.state == PathState.up.rawValue, relay.drainedSince == nil, service.failover == .bgp {
                announced.insert(service.name)
            }
            return AgentStatus.RelayedPath(
                path: service.name, from: AnnouncedService.origin, to: service.addresses, relay: relay,
                isAnnounced: announced.contains(service.name))
        }
        relayedReport = paths + addresses
        let byAddress =
            relayed.map { $0.failover == .vrrp } + services.map { $0.failover == .vrrp }
        tracked = Dictionary(
            zip(relayedReport, byAddress).filter(\.1).map { report, _ in
                let works = report.relay.state == PathState.up.rawValue && report.relay.drainedSince == nil
                return (TrackedFile.name(of: "\(report.from)/\(report.to)"), works)
            }, uniquingKeysWith: { $0 && $1 })
        for name in announced.subtracting(choices.announced).sorted() {
            Log.notice("path announced", [("path", name)])
        }
        for name in choices.announced.subtracting(announced).sorted() {
            let cause = relayedReport.first { $0.path == name }?.relay.cause ?? ""
            Log.notice("path withdrawn", [("path", name), ("reason", cause)])
        }
        choices.announced = announced
    }

    /// This host in one of the things that it has announced.
    private struct Announcer {
        /// Its name.
        let name: String
        /// It, as in `prod/relay1`.
        let host: String
        /// What is announced, as `AgentStatus.RelayedPath.path`.
        let path: String
    }

    /// What the status says of this host as a relay or forwarder.
    private func relay(
        _ announcer: Announcer, _ observation: RelayElection.Observation, drained: [String: Int],
        at now: MonotonicTime
    ) -> AgentStatus.Relay {
        var relay = AgentStatus.Relay(
            name: announcer.name, host: announcer.host, state: observation.state.rawValue,
            since: ThisProcess.wallClock - now.seconds(since: observation.since), cause: observation.cause)
        let old = relayedReport.first { $0.path == announcer.path }?.relay
        if let old, old.state == relay.state { relay.since = old.since }
        relay.drainedSince = drained[announcer.host]
        return relay
    }

    /// The choices of an agent that ends: nothing is announced without one.
    var lastChoices: RelayChoices? {
        guard !choices.announced.isEmpty else { return nil }
        var last = choices
        last.announced = []
        return last
    }

    /// True if there is something that must not outlive the agent, or that others ask it for.
    var mustBeat: Bool { !relayed.isEmpty || !services.isEmpty }

    /// Connections stay with a relay that was drained as long as it works, if no other one carried beside it:
    /// then it is not known whose they are.
    private func keepConnections(
        of group: RelayGroup, after move: RelayElection.Move?, observed: [RelayElection.Observation],
        drained: [String: Int]
    ) {
        for (member, observation) in zip(group.members, observed) {
            let name = member.name
            if move?.before == [name], drained[name] != nil, observation.state == .up {
                choices.staying[group.name] = name
            } else if choices.staying[group.name] == name,
                observation.state == .down || choices.carrying[group.name]?.contains(name) == true
            {
                choices.staying[group.name] = nil
            }
        }
    }

    /// Notes what the status says of the relays of `group`.
    private func report(
        _ observed: [RelayElection.Observation], _ drained: [String: Int], of group: RelayGroup,
        at now: MonotonicTime
    ) {
        let old = reports[group.name]?.relays ?? []
        reports[group.name]?.relays = zip(group.members, observed).map { member, observation in
            var relay = AgentStatus.Relay(
                name: member.name, host: member.host, state: observation.state.rawValue,
                since: ThisProcess.wallClock - now.seconds(since: observation.since),
                cause: observation.cause)
            // Computed again it might differ by a second.
            if let known = old.first(where: { $0.name == relay.name && $0.state == relay.state }) {
                relay.since = known.since
            }
            relay.drainedSince = drained[relay.name]
            relay.reason = reason(member.probed, observation)
            return relay
        }
    }

    /// Why a path is down and what to do; nil if it is not, or nothing was reasoned yet.
    private func reason(_ path: ProbedPath, _ observation: RelayElection.Observation) -> JSONValue? {
        observation.state == .down ? why.reasons[path.name]?.json : nil
    }

    /// What the status says of each path.
    var report: [AgentStatus.RelayGroup] { groups.compactMap { reports[$0.name] } }

    /// Notes a move for the status, and logs it.
    private func note(_ move: RelayElection.Move, of group: RelayGroup, at now: MonotonicTime) {
        reports[group.name]?.carrying = move.after
        reports[group.name]?.since = ThisProcess.wallClock
        reports[group.name]?.reason = move.reason
        reports[group.name]?.moves += 1
        reports[group.name]?.lostMilliseconds += Int(move.gap / 1_000_000)
        PathLog.write(move, of: group.name)
    }
}
