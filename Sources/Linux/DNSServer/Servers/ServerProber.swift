import DNSWire
import DomainNames
package import Forwarding
package import IPAddressing
import LDNSBridge
import LinuxSystem
import Time

/// Probes the health of every name server from time to time, on a thread of its own, and updates the board.
///
/// A cluster's servers are asked for the SOA of its domain and for `dns-version`, which every Kubernetes DNS
/// has; other resolvers for the root's SOA. Messages are built and parsed by libldns.
final class ServerProber: Sendable {
    /// The policy with the servers.
    private let policy: ForwardingPolicy
    /// Where results are stored.
    private let board: HealthBoard
    /// The secrets of cookies and marks.
    private let identity: ProcessIdentity
    /// Called when a server changes.
    private let news: @Sendable (HealthNews) -> Void
    /// Waits for the sockets.
    private let epoll: Epoll
    /// Ends the thread.
    private let wake: EventFD
    /// The prober's thread.
    private let thread = ThreadBox()
    /// Sockets that may be open at a time: rounds beyond it wait until others have ended.
    private let mostOpen: Int

    /// - Parameters:
    ///   - mostOpen: Sockets that may be open at a time.
    ///   - news: Called on the prober's thread when a server dies, comes back or changes its mode.
    init(
        _ policy: ForwardingPolicy, _ board: HealthBoard, identity: ProcessIdentity, mostOpen: Int,
        news: @escaping @Sendable (HealthNews) -> Void
    ) throws(Errno) {
        self.mostOpen = max(mostOpen, ServerProbe.Way.allCases.count)
        self.policy = policy
        self.board = board
        self.identity = identity
        self.news = news
        epoll = try Epoll()
        wake = try EventFD()
        try epoll.add(wake.descriptor, .readable, token: .max)
    }

    /// Starts probing. To be called once.
    func start() throws(Errno) {
        let made = try NativeThread(name: "prober", stackSize: 512 * 1024) { [self] in run() }
        thread.set(made)
    }

    /// Ends probing, and waits until it has ended.
    func stop() {
        wake.signal()
        thread.join()
    }

    /// Probes until the wake event.
    private func run() {
        let start = MonotonicClock.now
        var probes = policy.servers.indices.map { index in
            // The first round at once; later ones spread out, since each has a slightly different length.
            var probed = ProbedServer(
                policy.servers[index], questions: questions(for: index),
                mark: identity.mark(of: index, in: policy), loopDomain: loopDomain(for: index),
                probe: ServerProbe(firstAt: start.advanced(milliseconds: index % 50)))
            // The result of an earlier configuration's prober is not news.
            probed.lastMode = board.servers[index].mode
            return probed
        }
        var events = EpollEvents(capacity: 64)
        let random = KernelRandom()
        var openCount = 0
        var first = 0
        while true {
            let isFull = openCount + ServerProbe.Way.allCases.count > mostOpen
            let timeout = pollTimeout(probes, atLeast: isFull ? 20 : 1)
            let count = (try? epoll.wait(into: &events, milliseconds: timeout)) ?? 0
            for index in 0..<count {
                let event = events[index]
                guard event.token != .max else { return }
                let server = Int(event.token / 4)
                guard let way = ServerProbe.Way(rawValue: Int(event.token % 4)),
                    probes.indices.contains(server)
                else { continue }
                probes[server].handle(way, epoll, at: MonotonicClock.now) { learn($0, server) }
            }
            let now = MonotonicClock.now
            openCount = probes.reduce(0) { $0 + $1.openCount }
            // If sockets are short, each server is in turn the first to get one.
            first = probes.isEmpty ? 0 : (first + 1) % probes.count
            for place in probes.indices {
                let index = (first + place) % probes.count
                step(&probes[index], index, random: random, openCount: &openCount, at: now)
            }
        }
    }

    /// Ends the round of a server if it is over, and begins one that is due.
    private func step(
        _ probed: inout ProbedServer, _ index: Int, random: KernelRandom, openCount: inout Int,
        at now: MonotonicTime
    ) {
        let health = board.servers[index]
        openCount -= probed.openCount
        defer { openCount += probed.openCount }
        if health.isDead, probed.lastMode != health.mode {
            probed.probe.hurry(at: now)
            tell(&probed, index, mode: health.mode, reason: health.lastError)
        }
        if probed.probe.mayDoubtLife(at: now), health.takeSilence() == .taken {
            probed.probe.doubtLife(at: now)
        }
        if health.isDoubted { probed.probe.hurryLoopCheck(at: now) }
        if probed.takeLoopProof() == .found { health.confirmLoop(at: now) }
        switch probed.probe.finish(isDead: health.isDead, at: now) {
        case .alive where health.isLooping(at: now), .dead where health.isLooping(at: now):
            probed.close()
        case .alive(let mode, let roundTrip, let payloadSize):
            probed.close()
            if let keeps = probed.keepsLetterCase { health.learn(keepsLetterCase: keeps) }
            health.answered(in: mode, after: roundTrip, payloadSize: payloadSize, at: now)
            if mode != probed.lastMode { tell(&probed, index, mode: mode, reason: "") }
        case .dead(let reason):
            probed.close()
            health.markDead(reason)
            if probed.lastMode != .dead { tell(&probed, index, mode: .dead, reason: reason) }
        case .notAsked(let failure):
            probed.close()
            board.shortages.note(failure, for: policy.servers[index], at: now)
        case .doubtful, nil:
            if !probed.probe.isRunning { probed.close() }
        }
        guard probed.probe.isRunning || openCount + ServerProbe.Way.allCases.count <= mostOpen else {
            return
        }
        let ways = probed.probe.begin(isDead: health.isDead, isDoubted: health.isDoubted, at: now)
        guard !ways.isEmpty else { return }
        beginRound(&probed, health, random: random)
        for way in ways {
            let bits = (id: UInt16(truncatingIfNeeded: random.next()), letters: random.next())
            probed.ask(way, bits, token: UInt64(index * 4 + way.rawValue), with: epoll)
        }
    }

    /// Draws the name by which a round detects a loop, if it does.
    private func beginRound(_ probed: inout ProbedServer, _ health: ServerHealth, random: KernelRandom) {
        guard probed.probe.isLoopRound else { return probed.beginRound(nil) }
        let check = LoopCheck(name: random.next(), secret: random.next())
        health.begin(check)
        probed.beginRound(check)
    }

    /// Stores and reports a server's mode.
    private func tell(_ probed: inout ProbedServer, _ index: Int, mode: ServerHealth.Mode, reason: String) {
        probed.lastMode = mode
        news(
            HealthNews(
                group: policy.groups[policy.groupOfServer[index]].name, server: policy.servers[index],
                mode: mode, reason: reason,
                aliveServers: policy.groups[policy.groupOfServer[index]].servers.count {
                    !board.servers[$0].isDead
                }))
    }

    /// The SOA record of a cluster's domain is used for answers that are made here.
    private func learn(_ record: ResourceRecord, _ server: Int) {
        board.learnSOA(group: policy.groupOfServer[server], record: record.wire)
    }

    /// The time until something is due, rounded up to a millisecond; also short enough to see servers that
    /// workers gave up.
    ///
    /// - Parameter shortest: In milliseconds; 1, or more while a round that is due waits for sockets.
    private func pollTimeout(_ probes: [ProbedServer], atLeast shortest: Int64) -> Int32 {
        let now = MonotonicClock.now
        let next = probes.map { $0.probe.due.nanoseconds(since: now) }.min() ?? 100_000_000
        return Int32(clamping: max(shortest, min(100, (next + 999_999) / 1_000_000)))
    }

    /// The domain of names that do not exist: beside a cluster's services, since forwarders on the way may
    /// deny what no cluster can have, or below `internal`, which ICANN keeps free.
    private func loopDomain(for server: Int) -> DomainName? {
        guard let domain = policy.groups[policy.groupOfServer[server]].domain else {
            return try? DomainName(parsing: "internal")
        }
        return try? DomainName(labels: [Array("default".utf8), Array("svc".utf8)]).appending(domain)
    }

    /// The questions for a server.
    private func questions(for server: Int) -> [ProbeQuestion] {
        let group = policy.groupOfServer[server]
        guard let domain = policy.groups[group].domain else {
            return [ProbeQuestion(name: .root, type: UInt16(RecordType.soa))]
        }
        let apex = ProbeQuestion(name: domain, type: UInt16(RecordType.soa))
        guard let label = try? DomainName(labels: [Array("dns-version".utf8)]),
            let version = try? label.appending(domain)
        else { return [apex] }
        return [apex, ProbeQuestion(name: version, type: UInt16(RecordType.txt))]
    }
}

/// A change in how a name server can be reached.
package struct HealthNews: Sendable {
    /// The cluster's key, or `upstream`.
    package let group: String
    /// The server.
    package let server: Endpoint
    /// How it can be reached.
    package let mode: ServerHealth.Mode
    /// Why it is dead; else empty.
    package let reason: String
    /// Servers of the group that are not dead, now.
    package let aliveServers: Int
}

/// What a probe asks.
struct ProbeQuestion {
    /// The name.
    let name: DomainName
    /// The type.
    let type: UInt16
}
