import DNSWire
import IPAddressing
import TestSupport
import Testing
import Time

@testable import Forwarding

@Suite struct TransactionTableTests {
    private let path = ClientPath(
        client: Endpoint(address: IPAddress(v4: 1), port: 1), local: IPAddress(v4: 2), interface: 0,
        socket: 0,
        generation: 0, transport: .udp)

    private func terms() throws -> ReplyTerms {
        let octets: [UInt8] = Array(repeating: 0, count: 12)
        return ReplyTerms(header: try MessageHeader(reading: octets.span), edns: nil, limit: 512)
    }

    @Test func `a slot that is used again begins like a new one`() {
        let now = MonotonicTime(nanoseconds: 1_000_000_000)
        var used = Transaction()
        used.addWaiter(3, isAddressValidated: true)
        used.start(milliseconds: 10, at: now)
        used.enterGroup(1, of: 2, milliseconds: 5, at: now)
        used.extendGroup()
        used.noteFailure([1])
        used.becomeLate(until: now)
        (used.attemptCount, used.lastDecline, used.isTurnedAway) = (2, .refused, true)
        (used.countedGroup, used.followedGroup) = (1, 2)
        (used.leadersFailure, used.loopMarks, used.merged) = ([1], [2], MergedAnswer(skipped: [3]))
        used.end()
        var both = [used, Transaction()]
        var texts = ["", ""]
        for index in both.indices {
            both[index].reset(key: 7, isAddressValidated: false)
            both[index].start(milliseconds: 20, at: now)
            both[index].enterGroup(0, of: 1, milliseconds: 20, at: now)
            dump(both[index], to: &texts[index])
        }
        #expect(texts[0] == texts[1])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `slots, waiters and IDs come back whatever the order`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var table = TransactionTable(mostTransactions: 300, mostWaiters: 700, servers: 4)
        let terms = try terms()
        var waiters: [Int: Int] = [:]
        var ids: [Int: Set<UInt16>] = [:]
        let question: [UInt8] = [0, 0, 1, 0, 1]
        for _ in 0..<20_000 {
            let slot = waiters.keys.sorted().first { _ in random.oneIn(20) }
            switch random.number(in: 0..<4) {
            case 0:
                let added = table.addTransaction(key: UInt64(random.number(in: 0..<50)))
                #expect((added == nil) == (waiters.count == 300))
                if let added {
                    #expect(waiters[added] == nil)
                    waiters[added] = 0
                    ids[added] = []
                }
            case 1:
                guard let slot else { continue }
                let isAdded = table.addWaiter(path, terms, question: question.span, to: slot) == .admitted
                #expect(isAdded == (waiters.values.reduce(0, +) < 700))
                if isAdded { waiters[slot, default: 0] += 1 }
            case 2:
                guard let slot, table.transactions[slot].attemptCount < Transaction.mostAttempts else {
                    continue
                }
                let id = table.drawID(for: slot, random: &random)
                #expect(ids.values.allSatisfy { !$0.contains(id) })
                table[slot, table.transactions[slot].attemptCount].id = id
                table.transactions[slot].attemptCount += 1
                ids[slot, default: []].insert(id)
            default:
                guard let slot else { continue }
                for id in ids[slot, default: []] { #expect(table.transaction(withID: id) == slot) }
                table.removeTransaction(slot)
                for id in ids[slot, default: []] { #expect(table.transaction(withID: id) == nil) }
                waiters[slot] = nil
                ids[slot] = nil
            }
            #expect(table.activeCount == waiters.count, "seed \(seed)")
        }
    }

    /// 16,384 questions that are each asked eight times need more IDs than there are.
    @Test func `a full table still finds message IDs`() {
        var random = SplitMix64(seed: 9)
        var table = TransactionTable(mostTransactions: 16_384, mostWaiters: 1, servers: 4)
        for key in 0..<16_384 {
            guard let slot = table.addTransaction(key: UInt64(key)) else { continue }
            for attempt in 0..<Transaction.mostAttempts {
                let id = table.drawID(for: slot, random: &random)
                table[slot, attempt].id = id
                table.transactions[slot].attemptCount = attempt + 1
                if table.transaction(withID: id) != slot { Issue.record("ID \(id) is another's") }
            }
        }
        #expect(table.activeCount == 16_384)
        for slot in 0..<16_384 { table.removeTransaction(slot) }
        #expect((0...UInt16.max).allSatisfy { table.transaction(withID: $0) == nil })
    }
}
