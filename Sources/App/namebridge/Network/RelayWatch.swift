import IPAddressing
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import PathHealth
import PathProbing
import Telemetry

/// Probes the relays that an agent can choose from, and decides which of them carry.
///
/// Used by one thread, the agent's; the probes have a thread of their own.
final class RelayWatch {
    private let prober: PathProber
    private let wake: Wake
    private var groups: [RelayGroup] = []
    private var elections: [RelayElection] = []
    /// What the status says, by the names of the groups.
    private var reports: [String: AgentStatus.RelayGroup] = [:]
    /// The choices so far, also for paths that the file has lost meanwhile: it may get them back.
    private var choices: RelayChoices

    /// Signalled with each change of a verdict.
    private final class Wake: Sendable {
        let event: EventFD

        init() throws(Errno) { event = try EventFD() }
    }

    /// Connections of probes that may be open at a time.
    private static let mostOpen = 1024

    /// - Parameter choices: Those of the agent before.
    init(_ choices: RelayChoices) throws(Errno) {
        self.choices = choices
        let wake = try Wake()
        self.wake = wake
        let mostOpen = min(Self.mostOpen, ProcessLimits.descriptorLimit(orIfUnknown: 1024) / 2)
        let log = PathLog()
        prober = try PathProber([], mostOpen: mostOpen) { verdict in
            log.write(verdict)
            wake.event.signal()
        }
        try prober.start()
    }

    func stop() { prober.stop() }

    /// Makes `epoll` report that there are news.
    func register(with epoll: borrowing Epoll, token: UInt64) throws(Errno) {
        try epoll.add(wake.event.descriptor, .readable, token: token)
    }

    /// The news are taken with the next `elect`.
    func noteNews() { _ = wake.event.clear() }

    /// When `elect` is to be called again even without news; nil: no need.
    var nextDeadline: MonotonicTime? { elections.compactMap(\.nextDeadline).min() }

    /// Chooses for these paths from now on; what was found out of those that stay goes on.
    func follow(_ groups: [RelayGroup]) {
        guard groups != self.groups else { return }
        self.groups = groups
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
        prober.replace(groups.flatMap(\.probedPaths))
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
            let observed = group.members.map { member in
                Self.observation(verdicts.first { $0.path == member.probed }, at: now)
            }
            let move = elections[index].update(observed, drained: Set(drained.keys), at: now)
            if let move {
                choices.carrying[group.name] = move.after
                note(move, of: group, at: now)
            }
            keepConnections(of: group, move, observed, drained)
            report(observed, drained, of: group, at: now)
        }
        return choices == before ? nil : choices
    }

    /// Connections stay with a relay that was drained as long as it works, if no other one carried beside it:
    /// then it is not known whose they are.
    private func keepConnections(
        of group: RelayGroup, _ move: RelayElection.Move?, _ observed: [RelayElection.Observation],
        _ drained: [String: Int]
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

    private func report(
        _ observed: [RelayElection.Observation], _ drained: [String: Int], of group: RelayGroup,
        at now: MonotonicTime
    ) {
        let old = reports[group.name]?.relays ?? []
        reports[group.name]?.relays = zip(group.members, observed).map { member, observation in
            var relay = AgentStatus.Relay(
                name: member.name, state: observation.state.rawValue,
                since: ThisProcess.wallClock - now.seconds(since: observation.since),
                cause: observation.cause)
            // Computed again it might differ by a second.
            if let known = old.first(where: { $0.name == relay.name && $0.state == relay.state }) {
                relay.since = known.since
            }
            relay.drainedSince = drained[relay.name]
            return relay
        }
    }

    /// What the status says of each path.
    var report: [AgentStatus.RelayGroup] { groups.compactMap { reports[$0.name] } }

    private static func observation(
        _ verdict: PathVerdict?, at now: MonotonicTime
    ) -> RelayElection.Observation {
        guard let verdict else {
            return .init(
                state: .unknown, since: now, cause: "no probe has been answered yet", lastAnswer: nil)
        }
        return .init(
            state: verdict.state, since: verdict.since, cause: verdict.cause, lastAnswer: verdict.lastAnswer)
    }

    private func note(_ move: RelayElection.Move, of group: RelayGroup, at now: MonotonicTime) {
        reports[group.name]?.carrying = move.after
        reports[group.name]?.since = ThisProcess.wallClock
        reports[group.name]?.reason = move.reason
        reports[group.name]?.moves += 1
        reports[group.name]?.lostMilliseconds += Int(move.gap / 1_000_000)
        var fields = [
            ("path", group.name), ("carries", move.after.joined(separator: ",")),
            ("before", move.before.joined(separator: ",")), ("reason", move.reason),
        ]
        if move.gap > 0 { fields.append(("lost", "\(move.gap / 1_000_000)ms")) }
        Log.notice("relay moved", fields)
    }
}
