import DNSWire
import DomainNames
import IPAddressing
import Telemetry

/// The questions in flight of one worker, found by message ID and by what they ask, and the clients that wait
/// for them.
///
/// Slots are handed out again, last freed first, so that the steady state touches little memory and allocates
/// none. Bounded: beyond `mostTransactions` or `mostWaiters` nothing is taken in.
struct TransactionTable: ~Copyable {
    var transactions: [Transaction] = []
    /// The attempts of transaction i, the oldest first, from place i * `Transaction.mostAttempts`. They stand
    /// apart so that looking at one touches nothing that is counted or copied.
    private var attempts: [Attempt] = []
    private var freeTransaction: Int32 = -1
    private(set) var activeCount = 0

    private(set) var waiters: [Waiter] = []
    private var freeWaiter: Int32 = -1
    private(set) var waiterCount = 0
    /// The question of waiter i as it was asked, from octet i * `questionRoom`.
    private var questions: [UInt8] = []

    /// The transaction that uses each message ID; -1: none. Slots are at most 32767.
    private var transactionByID: [Int16]
    private var usedIDs = 0
    private var buckets: [Int32]

    var abandoned = AbandonedQuestions()
    /// For each path the attempts in state `waiting`; see `place`.
    private var waitingCounts: [Int32]
    /// For each group the transactions that ask it; see `enter`.
    private var groupCounts: [Int32]
    private var load = ClientLoad()
    /// The transactions of each client that ask each group; see `enter`.
    private var groupLoad = ClientLoad()
    private let hashKey: UInt64

    let mostTransactions: Int
    let mostWaiters: Int

    /// Name, type and class: 255 + 4 octets, rounded up.
    private static let questionRoom = 264
    private static let bucketCount = 4096
    private static let firstCapacity = 256

    /// - Parameters:
    ///   - mostTransactions: 1...32768, so that an unused message ID is always found quickly.
    ///   - servers: The number of servers that paths of attempts lead to.
    ///   - groups: The number of groups that these are in.
    ///   - hashKey: Random bits.
    init(mostTransactions: Int, mostWaiters: Int, servers: Int, groups: Int = 1, hashKey: UInt64 = 0) {
        groupCounts = Array(repeating: 0, count: groups)
        self.hashKey = hashKey
        waitingCounts = Array(repeating: 0, count: servers * Self.pathsPerServer)
        self.mostTransactions = min(mostTransactions, 32_768)
        self.mostWaiters = mostWaiters
        transactionByID = Array(repeating: -1, count: 65_536)
        buckets = Array(repeating: -1, count: Self.bucketCount)
    }

    // MARK: - Transactions

    /// A fresh slot under `key`; nil where the table is full, or full but for what is kept for proven
    /// clients.
    mutating func addTransaction(key: UInt64, isProven: Bool = true) -> Int? {
        guard isProven || activeCount < EngineLimits.open(mostTransactions) else { return nil }
        if freeTransaction < 0 {
            guard growTransactions() else { return nil }
        }
        let slot = Int(freeTransaction)
        freeTransaction = transactions[slot].next
        transactions[slot] = Transaction()
        transactions[slot].key = key
        transactions[slot].isProven = isProven
        let bucket = Int(key % UInt64(Self.bucketCount))
        transactions[slot].next = buckets[bucket]
        buckets[bucket] = Int32(slot)
        activeCount += 1
        return slot
    }

    /// Frees `slot`, its message IDs and its waiters.
    mutating func removeTransaction(_ slot: Int) {
        dropAttempts(of: slot)
        leaveGroup(slot)
        unlink(slot)
        var waiter = transactions[slot].firstWaiter
        while waiter >= 0 {  // a list without cycles: every waiter is in one
            let next = waiters[Int(waiter)].next
            countWaiter(waiters[Int(waiter)], -1)
            waiters[Int(waiter)].next = freeWaiter
            freeWaiter = waiter
            waiterCount -= 1
            waiter = next
        }
        transactions[slot].target = nil
        transactions[slot].next = freeTransaction
        freeTransaction = Int32(slot)
        activeCount -= 1
    }

    private mutating func unlink(_ slot: Int) {
        let bucket = Int(transactions[slot].key % UInt64(Self.bucketCount))
        var current = buckets[bucket]
        guard current != Int32(slot) else {
            buckets[bucket] = transactions[slot].next
            return
        }
        while current >= 0 {  // the bucket's list ends
            let next = transactions[Int(current)].next
            if next == Int32(slot) {
                transactions[Int(current)].next = transactions[slot].next
                return
            }
            current = next
        }
    }

    private mutating func growTransactions() -> Bool {
        let old = transactions.count
        let new = min(max(old * 2, Self.firstCapacity), mostTransactions)
        guard new > old else { return false }
        transactions.append(contentsOf: repeatElement(Transaction(), count: new - old))
        attempts.append(
            contentsOf: repeatElement(Attempt(), count: (new - old) * Transaction.mostAttempts))
        for slot in (old..<new).reversed() {
            transactions[slot].next = freeTransaction
            freeTransaction = Int32(slot)
        }
        return true
    }

    /// The transaction that a client of this question can wait for: same target, view, folded name, type,
    /// class and flags.
    ///
    /// Servers may refuse a question for the marks that it brings, which any client can put there: one
    /// without marks waits for another one without. One with marks waits for its like, and beyond
    /// `mostMarked` different trails for any that has marks.
    func find(
        key: UInt64, target: RouteTarget, view: Int, _ shape: QuestionShape, loopMarks: [UInt64] = [],
        in message: Span<UInt8>
    ) -> Int? {
        var marked: Int?
        var markedCount = 0
        var current = buckets[Int(key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let slot = Int(current)
            if transactions[slot].key == key, transactions[slot].target === target,
                Int(transactions[slot].view) == view, transactions[slot].question == shape,
                transactions[slot].loopMarks.isEmpty == loopMarks.isEmpty,
                transactions[slot].waiterCount < EngineLimits.mostWaitersPerTransaction,
                isSameName(slot, message, shape.nameLength)
            {
                if transactions[slot].loopMarks == loopMarks { return slot }
                marked = slot
                markedCount += 1
            }
            current = transactions[slot].next
        }
        return markedCount < Self.mostMarked ? nil : marked
    }

    /// Transactions with different trails for one question.
    private static let mostMarked = 16

    private func isSameName(_ slot: Int, _ message: Span<UInt8>, _ length: Int) -> Bool {
        let start = Int(transactions[slot].firstWaiter) * Self.questionRoom
        return isEqualFolded(questions.span, start, message, Question.nameStart, count: length)
    }

    // MARK: - Identical questions

    // Clients may ask for one name under several suffixes and views, with any flags and marks: towards a
    // server these are the same name, type and class, and whoever guesses answers (RFC 5452 section 5) gains
    // with each copy in flight. So one transaction asks (the leader), and the others wait for its answer,
    // which each maps for its own clients (followers). All have the same key.

    /// The transaction whose answer from `group` serves `slot` as well; nil if there is none.
    ///
    /// One without marks follows only another one without: see `find`.
    func leader(of slot: Int, in group: Int) -> Int? {
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if other != slot, transactions[other].key == transactions[slot].key,
                transactions[other].countedGroup == Int32(group), transactions[other].attemptCount > 0,
                transactions[slot].loopMarks.isEmpty ? transactions[other].loopMarks.isEmpty : true,
                hasSameFlags(slot, other), isSameOnTheWire(slot, other)
            {
                return other
            }
            current = transactions[other].next
        }
        return nil
    }

    /// The transactions that follow `slot` in the group that it asks; empty, without an allocation, for most.
    func followers(of slot: Int) -> [Int] {
        let group = transactions[slot].countedGroup
        var found: [Int] = []
        guard group >= 0 else { return found }
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if other != slot, transactions[other].key == transactions[slot].key,
                transactions[other].followedGroup == group, hasSameFlags(slot, other),
                isSameOnTheWire(slot, other)
            {
                found.append(other)
            }
            current = transactions[other].next
        }
        return found
    }

    /// Copies of the question of `slot`, its own included, that wait for an answer of `server`.
    func waitingCopies(of slot: Int, at server: Int) -> Int {
        var count = 0
        var current = buckets[Int(transactions[slot].key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let other = Int(current)
            if transactions[other].key == transactions[slot].key,
                other == slot || isSameOnTheWire(slot, other)
            {
                for index in 0..<transactions[other].attemptCount
                where self[other, index].state == .waiting && self[other, index].path.server == server {
                    count += 1
                }
            }
            current = transactions[other].next
        }
        return count
    }

    private func hasSameFlags(_ one: Int, _ other: Int) -> Bool {
        transactions[one].question.wantsDNSSEC == transactions[other].question.wantsDNSSEC
            && transactions[one].question.checkingDisabled == transactions[other].question.checkingDisabled
    }

    /// True where both ask servers for the same name, type and class, whatever suffix their clients used.
    private func isSameOnTheWire(_ one: Int, _ other: Int) -> Bool {
        guard let target = transactions[one].target, let second = transactions[other].target,
            transactions[one].question.type == transactions[other].question.type,
            transactions[one].question.recordClass == transactions[other].question.recordClass
        else { return false }
        let length = nameLength(of: one, target)
        guard length == nameLength(of: other, second) else { return false }
        for offset in 0..<length where octet(offset, of: one, target) != octet(offset, of: other, second) {
            return false
        }
        return true
    }

    /// Octets of the name that servers are asked for.
    private func nameLength(of slot: Int, _ target: RouteTarget) -> Int {
        target.rewritesQuestion
            ? transactions[slot].question.suffixStart + target.mapping.inner.wire.count
            : transactions[slot].question.nameLength
    }

    /// Octet `offset` of the name that servers are asked for, folded.
    private func octet(_ offset: Int, of slot: Int, _ target: RouteTarget) -> UInt8 {
        let start = transactions[slot].question.suffixStart
        guard target.rewritesQuestion, offset >= start else {
            return foldedOctet(questions[Int(transactions[slot].firstWaiter) * Self.questionRoom + offset])
        }
        return foldedOctet(target.mapping.inner.wire[offset - start])
    }

    // MARK: - Numbers in flight

    /// Counts `slot` for `group`, and no longer for another; false, and for none, if the group, or the
    /// client's share of it, is full.
    ///
    /// No fixed number serves both one resolver that asks for a whole office and many clients. So a group may
    /// have as many places as are free, and a client as many of the group's as are free there: whatever is
    /// silent, something is left for every other group, and of each group for every other client.
    mutating func enter(_ group: Int, _ slot: Int, atMost most: Int) -> Bool {
        leaveGroup(slot)
        transactions[slot].followedGroup = nil
        let free = freePlaces(of: group, atMost: most, isProven: transactions[slot].isProven)
        let client = clientHash(slot, group)
        guard free > 0, client == 0 || groupLoad.count(client) < free else { return false }
        groupCounts[group] += 1
        if client != 0 { groupLoad.change(client, by: 1) }
        transactions[slot].countedGroup = Int32(group)
        return true
    }

    /// Lets `slot` wait for its leader in `group`, for which it does not count.
    mutating func follow(in group: Int, _ slot: Int) {
        leaveGroup(slot)
        transactions[slot].followedGroup = Int32(group)
        transactions[slot].leadersFailure = []
    }

    private mutating func leaveGroup(_ slot: Int) {
        let group = transactions[slot].countedGroup
        guard group >= 0 else { return }
        groupCounts[Int(group)] -= 1
        let client = clientHash(slot, Int(group))
        if client != 0 { groupLoad.change(client, by: -1) }
        transactions[slot].countedGroup = -1
    }

    /// How many more questions of a client `group` would take in; 0 or less: none.
    private func freePlaces(of group: Int, atMost most: Int, isProven: Bool) -> Int {
        let places = isProven ? mostTransactions : EngineLimits.open(mostTransactions)
        return min(isProven ? most : EngineLimits.open(most), places - activeCount) - Int(groupCounts[group])
    }

    /// Of the first client that waits for `slot`, and `group`; 0 for clients that are not counted: this host,
    /// and a refresh.
    private func clientHash(_ slot: Int, _ group: Int) -> UInt64 {
        let waiter = waiters[Int(transactions[slot].firstWaiter)]
        let address = waiter.path.client.address
        guard waiter.terms.limit != ReplyTerms.nobody, !address.isLoopback else { return 0 }
        let isProven = waiter.path.transport == .tcp || waiter.terms.isProven
        return loadHash(address, isProven: isProven) &+ UInt64(group) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// True if one more question for `group` of a proven client would be taken in.
    func hasRoom(for group: Int, atMost most: Int) -> Bool {
        freePlaces(of: group, atMost: most, isProven: true) > 0
    }

    /// True where one more question of a proven client would be taken in.
    var hasRoom: Bool { activeCount < mostTransactions && waiterCount < mostWaiters }

    /// Questions of the client that wait; sometimes more than there are, never fewer.
    ///
    /// - Parameter isProven: Those that came over TCP or with a cookie of ours, or else the others, which
    ///   somebody else may have sent in the client's name.
    func waiterCount(of client: IPAddress, isProven: Bool) -> Int {
        load.count(loadHash(client, isProven: isProven))
    }

    private func loadHash(_ client: IPAddress, isProven: Bool) -> UInt64 {
        client.hostHash(key: isProven ? ~hashKey : hashKey)
    }

    private mutating func countWaiter(_ waiter: Waiter, _ change: Int32) {
        guard waiter.terms.limit != ReplyTerms.nobody else { return }
        let isProven = waiter.path.transport == .tcp || waiter.terms.isProven
        load.change(loadHash(waiter.path.client.address, isProven: isProven), by: change)
    }

    // MARK: - Message IDs

    /// Draws an unused message ID at random for `slot` (RFC 5452 section 9.2).
    ///
    /// Each transaction's first ID is its own; where many are in use, a later attempt goes out with the one
    /// before.
    mutating func drawID(for slot: Int, random: inout some RandomNumberGenerator) -> UInt16 {
        let sent = transactions[slot].attemptCount
        if sent > 0, usedIDs >= Self.mostUsedIDs - mostTransactions {
            return self[slot, sent - 1].id
        }
        while true {  // ends, after four turns on average at worst: a quarter of all IDs is never in use
            let id = UInt16(truncatingIfNeeded: random.next())
            if transactionByID[Int(id)] < 0 {
                transactionByID[Int(id)] = Int16(slot)
                usedIDs += 1
                return id
            }
        }
    }

    /// Three of four: retries stop taking new ones early enough that each transaction still gets its first.
    private static let mostUsedIDs = 49_152

    private mutating func releaseID(_ id: UInt16, of slot: Int) {
        guard transactionByID[Int(id)] == Int16(slot) else { return }
        transactionByID[Int(id)] = -1
        usedIDs -= 1
    }

    /// The transaction that sent a question with this ID.
    func transaction(withID id: UInt16) -> Int? {
        let slot = Int(transactionByID[Int(id)])
        return slot < 0 ? nil : slot
    }

    // MARK: - Attempts

    /// Attempt `index` of `slot`, 0..<8; those from `attemptCount` on mean nothing.
    subscript(slot: Int, index: Int) -> Attempt {
        get { attempts[slot * Transaction.mostAttempts + index] }
        set { attempts[slot * Transaction.mostAttempts + index] = newValue }
    }

    /// Adds an attempt that waits; there is room for it.
    mutating func addAttempt(_ attempt: Attempt, to slot: Int) {
        let index = transactions[slot].attemptCount
        self[slot, index] = attempt
        transactions[slot].attemptCount = index + 1
        waitingCounts[Self.place(attempt.path)] += 1
    }

    /// An attempt waits no longer.
    mutating func endAttempt(_ index: Int, of slot: Int, _ state: Attempt.State) {
        if self[slot, index].state == .waiting {
            waitingCounts[Self.place(self[slot, index].path)] -= 1
        }
        self[slot, index].state = state
    }

    /// Forgets all attempts of `slot`: what still comes for them is not ours any more.
    mutating func dropAttempts(of slot: Int) {
        for index in 0..<transactions[slot].attemptCount {
            let attempt = self[slot, index]
            if attempt.state == .waiting {
                abandoned.note(attempt.id, at: Self.place(attempt.path))
            }
            releaseID(attempt.id, of: slot)
            endAttempt(index, of: slot, .unused)
        }
        transactions[slot].attemptCount = 0
    }

    /// How many attempts wait for an answer by `path`.
    func waitingCount(_ path: UpstreamPath) -> Int { Int(waitingCounts[Self.place(path)]) }

    /// The pool's sockets, and TCP.
    private static let pathsPerServer = UpstreamSockets.perServer + 1

    static func place(_ path: UpstreamPath) -> Int {
        path.server * pathsPerServer + (path.transport == .tcp ? UpstreamSockets.perServer : path.socket)
    }

    // MARK: - Waiters

    /// Lets a client wait for `slot`; false where there is no room.
    ///
    /// - Parameters:
    ///   - question: Name, type and class as this client asked.
    ///   - isProven: True where it may take what is kept for proven clients; then `slot` may, too.
    mutating func addWaiter(
        _ path: ClientPath, _ terms: ReplyTerms, question: Span<UInt8>, to slot: Int, isProven: Bool = true
    ) -> Bool {
        let most = isProven ? mostWaiters : EngineLimits.open(mostWaiters)
        guard waiterCount < most, question.count <= Self.questionRoom else { return false }
        if isProven { transactions[slot].isProven = true }
        if freeWaiter < 0 { growWaiters(Waiter(path: path, terms: terms)) }
        let index = Int(freeWaiter)
        freeWaiter = waiters[index].next
        waiters[index] = Waiter(path: path, terms: terms)
        countWaiter(waiters[index], 1)
        waiterCount += 1
        copyQuestion(question, to: index)
        if transactions[slot].firstWaiter < 0 {
            transactions[slot].firstWaiter = Int32(index)
        } else {
            waiters[Int(transactions[slot].lastWaiter)].next = Int32(index)
        }
        transactions[slot].lastWaiter = Int32(index)
        transactions[slot].waiterCount += 1
        return true
    }

    private mutating func copyQuestion(_ question: Span<UInt8>, to waiter: Int) {
        let start = waiter * Self.questionRoom
        unsafe questions.withUnsafeMutableBytes { room in
            unsafe question.withUnsafeBytes { octets in
                // Sound: each waiter has `questionRoom` octets, and `addWaiter` lets no longer question in.
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[start..<(start + octets.count)])
                    .copyMemory(from: octets)
            }
        }
    }

    private mutating func growWaiters(_ filler: Waiter) {
        let old = waiters.count
        let new = max(old * 2, Self.firstCapacity)
        waiters.append(contentsOf: repeatElement(filler, count: new - old))
        questions.append(contentsOf: repeatElement(0, count: (new - old) * Self.questionRoom))
        for index in (old..<new).reversed() {
            waiters[index].next = freeWaiter
            freeWaiter = Int32(index)
        }
    }

    /// Name, type and class as a waiter asked; `length` octets.
    @_lifetime(borrow self)
    func question(ofWaiter index: Int, length: Int) -> Span<UInt8> {
        let start = index * Self.questionRoom
        return questions.span.extracting(start..<(start + length))
    }

    /// Name, type and class as the first client asked.
    @_lifetime(borrow self)
    func question(of slot: Int) -> Span<UInt8> {
        question(
            ofWaiter: Int(transactions[slot].firstWaiter), length: transactions[slot].question.nameLength + 4)
    }
}
