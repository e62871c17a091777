import DNSWire
import DomainNames
package import Telemetry

// What is learnt beside the answers: that a question could not leave, that ICMP says that no answer will
// come, and that forged ones arrive. None of it shows anything of the server.

extension ForwardingEngine {
    /// Questions to `server` go out of place `socket` of its pool from now on.
    package mutating func sendQuestions(to server: Int, from socket: Int) {
        takingSockets[server] = UInt8(truncatingIfNeeded: socket)
    }

    /// ICMP says that no answers come by `path`, which can be forged: they are waited for as before, another
    /// server is asked at once, or the same by another socket, and a probe finds out whether it is so.
    package mutating func upstreamHinted(
        _ path: UpstreamPath, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        if board.isProbed { board.servers[path.server].suspectSilence() }
        for slot in slotsWaiting(for: path) {
            guard let target = table.transactions[slot].target else { continue }
            let isFirst = !isHinted(slot)
            for index in 0..<table.transactions[slot].attemptCount
            where table[slot, index].path == path && table[slot, index].state == .waiting {
                table[slot, index].isHinted = true
            }
            if let server = unaskedServer(slot, target) {
                counters.retried += 1
                send(slot, target, to: server, .udp, at: now, random: &random, into: &outbox)
            } else if isFirst {
                askNextServer(slot, target, at: now, random: &random, into: &outbox)
            }
        }
    }

    /// The question with `id` could not leave by `path`, for want of something here: another server is asked
    /// at once, and the same one a little later.
    package mutating func questionUnsent(
        _ id: UInt16, over path: UpstreamPath, _ failure: LocalFailure, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        guard let slot = table.transaction(withID: id), let target = table.transactions[slot].target,
            let index = attempt(of: slot, id: id, path)
        else { return }
        count(.unsent, path.server)
        table.endAttempt(index, of: slot, .unsent(failure))
        retryUnsent(slot, target, at: now, random: &random, into: &outbox)
    }

    /// Nothing that waits for an answer by `path` gets one, for want of something here.
    package mutating func upstreamFailed(
        _ path: UpstreamPath, here failure: LocalFailure, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        count(.unsent, path.server)
        for slot in slotsWaiting(for: path) {
            guard let target = table.transactions[slot].target else { continue }
            endAttempts(of: slot, by: path, .unsent(failure))
            retryUnsent(slot, target, at: now, random: &random, into: &outbox)
        }
    }

    /// Too many answers came by `path` that match no question: one of them could be right by chance, so all
    /// that waits there is asked over TCP, which can't be forged so.
    package mutating func distrust(
        _ path: UpstreamPath, at now: MonotonicTime, random: inout some RandomNumberGenerator,
        into outbox: inout Outbox
    ) {
        for slot in slotsWaiting(for: path) {
            guard let target = table.transactions[slot].target else { continue }
            endAttempts(of: slot, by: path, .distrusted)
            askOverTCP(slot, target, path.server, at: now, random: &random, into: &outbox)
        }
    }

    /// Asks `server` over TCP, unless it was; then another one if none is waited for.
    mutating func askOverTCP(
        _ slot: Int, _ target: RouteTarget, _ server: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        guard timesAskedOverTCP(server, by: slot) == 0 else {
            if !isWaiting(slot) { askNextServer(slot, target, at: now, random: &random, into: &outbox) }
            return
        }
        counters.askedOverTCP += 1
        send(slot, target, to: server, .tcp, at: now, random: &random, into: &outbox)
    }

    /// The answer as if the question had been asked in the client's letter case: its records' names refer to
    /// the question's.
    func inClientsLetterCase(
        _ message: Span<UInt8>, _ slot: Int, _ target: RouteTarget
    ) -> OctetBuffer {
        var answer = OctetBuffer(capacity: message.count)
        answer.append(message)
        let shape = table.transactions[slot].question
        let kept = target.rewritesQuestion ? shape.suffixStart : shape.nameLength
        answer.replace(at: Question.nameStart, with: table.question(of: slot).extracting(first: kept))
        let inner = target.mapping.inner.wire
        if target.rewritesQuestion { answer.replace(at: Question.nameStart + kept, with: inner.span) }
        return answer
    }

    /// An answer with the right ID came by the right path to another question: it may be forged, or the
    /// server does not repeat questions, and the right one is asked for over TCP.
    mutating func distrustAnswer(
        _ slot: Int, _ target: RouteTarget, _ attempt: Int, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        let path = table[slot, attempt].path
        guard path.transport == .udp else { return }
        table.abandonAttempt(attempt, of: slot, .distrusted)
        askOverTCP(slot, target, path.server, at: now, random: &random, into: &outbox)
    }

    // MARK: - What waits

    /// The transactions with an attempt that waits for an answer by `path`.
    private func slotsWaiting(for path: UpstreamPath) -> [Int] {
        var left = table.waitingCount(path)
        var slots: [Int] = []
        for slot in table.transactions.indices where table.transactions[slot].target != nil {
            guard left > 0 else { break }
            let count = (0..<table.transactions[slot].attemptCount).count {
                table[slot, $0].path == path && table[slot, $0].state == .waiting
            }
            guard count > 0 else { continue }
            left -= count
            slots.append(slot)
        }
        return slots
    }

    private mutating func endAttempts(of slot: Int, by path: UpstreamPath, _ state: Attempt.State) {
        for index in 0..<table.transactions[slot].attemptCount
        where table[slot, index].path == path && table[slot, index].state == .waiting {
            table.abandonAttempt(index, of: slot, state)
        }
    }

    private func isHinted(_ slot: Int) -> Bool {
        (0..<table.transactions[slot].attemptCount).contains { table[slot, $0].isHinted }
    }

    /// A server of the current group that may be asked and was not.
    private func unaskedServer(_ slot: Int, _ target: RouteTarget) -> Int? {
        guard table.transactions[slot].attemptCount < Transaction.mostAttempts else { return nil }
        let group = policy.groups[target.groups[table.transactions[slot].groupPosition]]
        let mostCopies = table.transactions[slot].loopMarks.isEmpty ? Self.mostCopies : 1
        return group.servers.first { server in
            !(board.isProbed && board.servers[server].isDead)
                && table.waitingCopies(of: slot, at: server) < mostCopies
                && !(0..<table.transactions[slot].attemptCount).contains {
                    table[slot, $0].path.server == server
                }
        }
    }

    /// Asks a server that was not asked, else waits a little, each time longer: what is missing here may be
    /// there again.
    private mutating func retryUnsent(
        _ slot: Int, _ target: RouteTarget, at now: MonotonicTime,
        random: inout some RandomNumberGenerator, into outbox: inout Outbox
    ) {
        if let server = unaskedServer(slot, target) {
            return send(slot, target, to: server, .udp, at: now, random: &random, into: &outbox)
        }
        let pause = now.advanced(milliseconds: 20 << table.transactions[slot].attemptCount)
        timers.set(slot, due: min(pause, table.transactions[slot].groupDeadline), now: now)
    }
}
