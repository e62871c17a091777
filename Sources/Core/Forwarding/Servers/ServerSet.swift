import DNSWire
import DomainNames
import IPAddressing
import Time

/// The name servers of a policy as one worker knows them: which one is asked next, how, and how long to wait
/// for its answer.
struct ServerSet {
    /// The policy.
    private let policy: ForwardingPolicy
    /// Its groups, here so that a look at one needs no reference count.
    private let groups: [ServerGroup]
    /// Their health, shared with the other workers and the prober.
    let board: HealthBoard
    /// As `ForwardingPolicy.servers`.
    private var states: [ServerState]
    /// For each server the place in its pool of sockets that questions use now.
    private var takingSockets: [UInt8]

    /// The servers of `policy`.
    init(_ policy: ForwardingPolicy, _ board: HealthBoard, _ identity: ProcessIdentity) {
        self.policy = policy
        groups = policy.groups
        self.board = board
        states = policy.servers.indices.map { server in
            ServerState(policy.servers[server], mark: identity.mark(of: server, in: policy), identity)
        }
        takingSockets = Array(repeating: 0, count: policy.servers.count)
    }

    /// Knowledge of servers that are in both policies is kept.
    mutating func learn(from old: ServerSet) {
        for (server, place) in policy.places(in: old.policy).enumerated() {
            if let place { states[server] = old.states[place] }
        }
    }

    /// The state of a server.
    subscript(server: Int) -> ServerState {
        _read { yield states[server] }
        _modify { yield &states[server] }
    }

    /// From now on questions to `server` use place `socket` of its pool.
    mutating func sendQuestions(to server: Int, from socket: Int) {
        takingSockets[server] = UInt8(truncatingIfNeeded: socket)
    }

    // MARK: - Which server

    /// The choice of the next server.
    enum Choice {
        /// This server.
        case server(Int)
        /// One could be asked if fewer copies of the same question waited for it.
        case crowded
        /// No server.
        case none
    }

    /// The most copies of one question that may wait for an answer of one server, whatever clients vary: each
    /// is one more chance for an attacker who guesses answers (RFC 5452 section 5).
    ///
    /// Questions with marks are asked only while no copy waits, so that they never prevent others from
    /// being asked.
    private static let mostCopies = 4

    /// True if no more copies of the question of `slot` may wait for `server`.
    private func isCrowded(_ server: Int, for slot: Int, in table: borrowing TransactionTable) -> Bool {
        let isMarked = !table.transactions[slot].loopMarks.isEmpty
        if isMarked, table.waitingCopies(of: slot, at: server, includingLate: false) > 0 { return true }
        return table.waitingCopies(of: slot, at: server, includingLate: true) >= Self.mostCopies
    }

    /// The server to ask next: the least often asked by this transaction, of these one without recent
    /// failures, of these the quickest, of these the first of the file. None if each is dead, or has been
    /// asked as often as allowed, or has answered. Below 5 ms all count as equally quick: no client notices.
    mutating func choose(
        from group: Int, for slot: Int, in table: borrowing TransactionTable, at now: MonotonicTime
    ) -> Choice {
        let attempts = table.attempts(of: slot)
        guard attempts.count < Transaction.mostAttempts else { return .none }
        var best: Int?
        var bestRank = Int.max
        var isCrowded = false
        let servers = groups.span[group].servers
        for place in servers.indices {
            let server = servers[place]
            let health = board.servers[server]
            notice(server, health)
            guard !(board.isProbed && health.isDead), let asked = attempts.timesAsked(server) else {
                continue
            }
            guard !self.isCrowded(server, for: slot, in: table) else {
                isCrowded = true
                continue
            }
            let slowness = min(max(Int(roundTrip(of: server, health) / 1_000_000) - 4, 0), 9_999)
            let rank = asked * 100_000 + (states.span[server].isAvoided(at: now) ? 10_000 : 0) + slowness
            if rank < bestRank {
                best = server
                bestRank = rank
            }
        }
        if let best { return .server(best) }
        return isCrowded ? .crowded : .none
    }

    /// A server of `group` that may be asked and was not; nil if there is none.
    func unasked(
        of group: Int, for slot: Int, in table: borrowing TransactionTable
    ) -> Int? {
        let attempts = table.attempts(of: slot)
        guard attempts.count < Transaction.mostAttempts else { return nil }
        for server in groups.span[group].servers
        where !isGivenUp(server) && !attempts.hasAsked(server)
            && !isCrowded(server, for: slot, in: table)
        {
            return server
        }
        return nil
    }

    /// True if only probes are sent to `server`.
    private func isGivenUp(_ server: Int) -> Bool { board.isProbed && board.servers[server].isDead }

    /// True if probes found every server of `group` dead.
    func isGivenUp(group: Int) -> Bool {
        board.isProbed && groups.span[group].servers.allSatisfy { board.servers[$0].isDead }
    }

    /// True if probes find exactly one server of `group` alive: no other one could answer in its place.
    func isDownToOne(group: Int) -> Bool {
        board.isProbed && groups.span[group].servers.count { !board.servers[$0].isDead } == 1
    }

    /// True if a server of the group is not silent: only then is a retry over TCP useful for a client.
    func isAnswering(_ group: ServerGroup, at now: MonotonicTime) -> Bool {
        group.servers.contains { !board.servers[$0].isDead && !states[$0].isAvoided(at: now) }
    }

    // MARK: - Learning

    /// Takes over the results of the server's probes.
    private mutating func notice(_ server: Int, _ health: ServerHealth) {
        states[server].notice(answeredProbes: health.answeredProbes, isFull: health.mode == .full)
    }

    /// The server's round-trip time in nanoseconds: what this worker measured, or a probe since then.
    ///
    /// A server that became slow, and is not asked any more, is asked again once probes find it quick.
    private func roundTrip(of server: Int, _ health: ServerHealth) -> Int64 {
        let probed = health.roundTrip
        return states.span[server].isProbedSince && probed > 0 ? probed : states.span[server].roundTrip
    }

    /// Counts a failure of the server, which is asked after others for a while.
    ///
    /// It is no proof: some names take long to resolve, and a client may ask for them intentionally. A probe
    /// decides whether the server is given up.
    mutating func blame(_ server: Int, at now: MonotonicTime) {
        notice(server, board.servers[server])
        states[server].failed(at: now)
        suspectSilence(of: server)
    }

    /// Requests a probe of `server`.
    func suspectSilence(of server: Int) {
        if board.isProbed { board.servers[server].suspectSilence() }
    }

    /// True for an attempt that waits for so many milliseconds, or for nil longer than the server's answers
    /// usually take, and was not counted.
    func isOverdue(_ attempt: Attempt, _ milliseconds: Int?, at now: MonotonicTime) -> Bool {
        let allowed = milliseconds ?? states[attempt.path.server].usualMilliseconds
        return attempt.isWaiting && !attempt.isBlamed
            && now.nanoseconds(since: attempt.sent) >= Int64(allowed) * 1_000_000
    }

    // MARK: - How a server is asked

    /// The attempt that carries out `plan`.
    func attempt(
        _ plan: AttemptPlan, id: UInt16, random: inout some RandomNumberGenerator, at now: MonotonicTime
    ) -> Attempt {
        let health = board.servers[plan.server]
        let mode = health.mode
        let transport = mode == .onlyTCP ? .tcp : plan.transport
        var attempt = Attempt(id: id, state: .waiting, sent: now)
        attempt.path = UpstreamPath(
            server: plan.server, socket: transport == .udp ? Int(takingSockets[plan.server]) : 0,
            transport: transport)
        if transport == .udp, health.keepsLetterCase { attempt.letterCase = LetterCase(bits: random.next()) }
        attempt.usesEDNS =
            plan.usesEDNS && mode != .withoutEDNS && !states.span[plan.server].refusesEDNS(at: now)
        // Not by a span, which would copy the cookie's octets.
        attempt.sentCookie = attempt.usesEDNS && states[plan.server].cookie.isSent(at: now)
        return attempt
    }

    /// How long to wait for the newest attempt of `slot` before another one is made.
    ///
    /// While there is a server that was not asked yet, it is asked as soon as an answer of the first
    /// is overdue.
    func retryMilliseconds(
        of group: Int, for slot: Int, in table: borrowing TransactionTable
    ) -> Int {
        let attempts = table.attempts(of: slot)
        let isFirst = attempts.count == 1
        let timeouts = groups.span[group].timeouts
        let wait = isFirst ? timeouts.firstRetry : timeouts.laterRetries
        guard groups.span[group].servers.count > 1, attempts[attempts.count - 1].path.transport == .udp
        else {
            return wait
        }
        let server = attempts[attempts.count - 1].path.server
        for other in groups.span[group].servers
        where other != server && attempts.timesAsked(other) == 0 && !board.servers[other].isDead {
            return min(wait, states[server].usualMilliseconds)
        }
        return wait
    }

    /// Appends our OPT record of a question by `attempt`: size, DO, our cookie and the trail by which we
    /// recognise the question.
    ///
    /// - Parameter loopMarks: Those in the client's question.
    func appendOPT(
        of attempt: Attempt, wantsDNSSEC: Bool, _ loopMarks: [UInt64], to octets: inout OctetBuffer
    ) {
        let server = attempt.path.server
        var opt = OPTRecord(wantsDNSSEC: wantsDNSSEC)
        opt.payloadSize = board.servers[server].payloadSize
        octets.append(opt)
        let length =
            LoopTrail.optionLength(loopMarks.count + 1)
            + (attempt.sentCookie ? states[server].cookie.optionLength : 0)
        octets.set16(length, at: octets.count - 2)
        if attempt.sentCookie { octets.append(states[server].cookie) }
        octets.appendLoopTrail(loopMarks, states[server].mark)
    }

    // MARK: - Text

    /// Which server of `group` failed how, as in `10.0.0.10:53 timeout, 10.0.0.11:53 answered SERVFAIL`.
    func failureText(of group: ServerGroup, _ attempts: Span<Attempt>) -> String {
        var parts: [String] = []
        for server in group.servers {
            var outcome: String?
            for index in attempts.indices where attempts[index].path.server == server {
                // A report of ICMP is shown once probes have found the same.
                let isFoundDead = attempts[index].isHinted && board.servers[server].isDead
                outcome = isFoundDead ? nil : "\(attempts[index])"
            }
            if board.servers[server].mode == .looping { outcome = "forwards our questions back to us" }
            if outcome == nil, board.servers[server].isDead {
                outcome = "down (\(board.servers[server].lastError))"
            }
            if let outcome { parts.append("\(policy.servers[server]) \(outcome)") }
        }
        return parts.joined(separator: ", ")
    }
}
