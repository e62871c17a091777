import DNSWire
import DomainNames
import IPAddressing
import Telemetry

/// The outcome of a request for a place.
enum Admission {
    /// It has its place.
    case admitted
    /// There is no room.
    case full
}

/// The questions in flight of one worker, found by message ID and by content, and the clients that wait
/// for them.
///
/// Slots are reused, last freed first, so that the steady state touches little memory and allocates none.
/// Bounded: beyond `mostTransactions` or `mostWaiters` nothing is accepted.
struct TransactionTable: ~Copyable {
    /// All slots.
    var transactions: [Transaction] = []
    /// The attempts of transaction i, the oldest first, from place i * `Transaction.mostAttempts`. They are
    /// stored separately so that reading one needs no reference count and no copy.
    private var attempts: [Attempt] = []
    /// The first free slot; -1 if there is none.
    private var freeTransaction: Int32 = -1
    /// The questions in flight.
    private(set) var activeCount = 0
    /// Of these: those without clients; see `keepListening`.
    var lateCount = 0

    /// All places for waiters.
    private(set) var waiters: [Waiter] = []
    /// The first free place; -1 if there is none.
    private var freeWaiter: Int32 = -1
    /// The waiting clients.
    private(set) var waiterCount = 0
    /// The question of waiter i as the client asked it, from octet i * `questionRoom`.
    private var questions: [UInt8] = []

    /// The message IDs.
    private var ids: MessageIDs
    /// The first slot of each hash bucket; -1 if empty.
    private(set) var buckets: [Int32]

    /// The IDs of abandoned questions.
    private var abandoned = AbandonedQuestions()
    /// For each path the attempts in state `waiting`; see `place`.
    private var waitingCounts: [Int32]
    /// For each group the transactions that ask it; see `enter`.
    private var groupCounts: [Int32]
    /// The waiting questions of each client.
    private var load = ClientLoad()
    /// The transactions of each client that ask each group; see `enter`.
    private var groupLoad = ClientLoad()
    /// The key of the hashes.
    private let hashKey: UInt64
    /// The table, and with it the engine, is not copied for calls.
    private let address = AddressOnly()

    /// The most questions in flight.
    let mostTransactions: Int
    /// The most waiting clients.
    let mostWaiters: Int

    /// Name, type and class: 255 + 4 octets, rounded up.
    private static let questionRoom = 264
    /// Hash buckets.
    static let bucketCount = 4096
    /// Slots at the start.
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
        ids = MessageIDs(mostTransactions: self.mostTransactions)
        buckets = Array(repeating: -1, count: Self.bucketCount)
    }

    // MARK: - Transactions

    /// A free slot under `key`; nil if the table is full, or only the reserve for clients with validated
    /// addresses is left.
    mutating func addTransaction(key: UInt64, isAddressValidated: Bool = true) -> Int? {
        guard isAddressValidated || activeCount < EngineLimits.open(mostTransactions) else { return nil }
        if freeTransaction < 0 {
            guard growTransactions() == .admitted else { return nil }
        }
        let slot = Int(freeTransaction)
        freeTransaction = transactions[slot].next
        transactions[slot].reset(key: key, isAddressValidated: isAddressValidated)
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
        if transactions[slot].isLate { lateCount -= 1 }
        var waiter = transactions[slot].firstWaiter
        while waiter >= 0 {  // a list without cycles: every waiter is in one
            let next = waiters[Int(waiter)].next
            free(waiter: waiter)
            waiter = next
        }
        transactions[slot].end()
        transactions[slot].next = freeTransaction
        freeTransaction = Int32(slot)
        activeCount -= 1
    }

    /// Removes `slot` from its hash bucket.
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

    /// Adds free slots, unless the table has its full size.
    private mutating func growTransactions() -> Admission {
        let old = transactions.count
        let new = min(max(old * 2, Self.firstCapacity), mostTransactions)
        guard new > old else { return .full }
        transactions.append(contentsOf: repeatElement(Transaction(), count: new - old))
        attempts.append(
            contentsOf: repeatElement(Attempt(), count: (new - old) * Transaction.mostAttempts))
        for slot in (old..<new).reversed() {
            transactions[slot].next = freeTransaction
            freeTransaction = Int32(slot)
        }
        return .admitted
    }

    /// The transaction that a client of this question can wait for: same target, view, folded name, type,
    /// class and flags.
    ///
    /// Servers may refuse a question because of its marks, which any client can set: a question without marks
    /// waits only for another one without. One with marks waits for one with the same marks, and beyond
    /// `mostMarked` different trails for any with marks.
    func find(
        _ asked: AskedQuestion, for target: RouteTarget, _ loopMarks: [UInt64], key: UInt64
    ) -> Int? {
        var marked: Int?
        var markedCount = 0
        var current = buckets[Int(key % UInt64(Self.bucketCount))]
        while current >= 0 {  // the bucket's list ends
            let slot = Int(current)
            if transactions[slot].key == key, !transactions[slot].isLate,
                transactions[slot].isOf(target),
                Int(transactions[slot].view) == asked.view, transactions[slot].question == asked.shape,
                transactions[slot].loopMarks.isEmpty == loopMarks.isEmpty,
                transactions[slot].waiterCount < EngineLimits.mostWaitersPerTransaction,
                isSameName(slot, asked.message, asked.shape.nameLength)
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

    /// True if `slot` has the name in `message`.
    private func isSameName(_ slot: Int, _ message: Span<UInt8>, _ length: Int) -> Bool {
        let start = Int(transactions[slot].firstWaiter) * Self.questionRoom
        return isEqualFolded(questions.span, at: start, message, at: Question.nameStart, count: length)
    }

    // MARK: - Numbers in flight

    /// Counts `slot` for `group`, and no longer for another; for none if the group, or the client's share of
    /// it, is full.
    ///
    /// No fixed number suits both one resolver that asks for a whole office and many clients. So a group may
    /// use as many places as are free, and a client as many of the group's places as are free there: a silent
    /// group or client always leaves room for the others.
    mutating func enter(_ group: Int, _ slot: Int, atMost most: Int) -> Admission {
        leaveGroup(slot)
        transactions[slot].followedGroup = nil
        let free = freePlaces(
            of: group, atMost: most, isAddressValidated: transactions[slot].isAddressValidated)
        let client = clientHash(slot, group)
        guard free > 0, client == 0 || groupLoad.count(client) < free else { return .full }
        groupCounts[group] += 1
        if client != 0 { groupLoad.change(client, by: 1) }
        transactions[slot].countedGroup = group
        return .admitted
    }

    /// Lets `slot` wait for its leader in `group`, where it is not counted.
    mutating func follow(in group: Int, _ slot: Int) {
        leaveGroup(slot)
        transactions[slot].followedGroup = group
        transactions[slot].leadersFailure = []
    }

    /// No longer counts `slot` for its group.
    mutating func leaveGroup(_ slot: Int) {
        guard let group = transactions[slot].countedGroup else { return }
        groupCounts[group] -= 1
        let client = clientHash(slot, group)
        if client != 0 { groupLoad.change(client, by: -1) }
        transactions[slot].countedGroup = nil
    }

    /// How many more questions of a client `group` would accept; 0 or less: none.
    private func freePlaces(of group: Int, atMost most: Int, isAddressValidated: Bool) -> Int {
        let places = isAddressValidated ? mostTransactions : EngineLimits.open(mostTransactions)
        return min(isAddressValidated ? most : EngineLimits.open(most), places - activeCount)
            - Int(groupCounts[group])
    }

    /// Of the first client that waits for `slot`, and `group`; 0 for clients that are not counted: this host,
    /// and a refresh.
    private func clientHash(_ slot: Int, _ group: Int) -> UInt64 {
        let waiter = Int(transactions[slot].firstWaiter)
        let address = waiters[waiter].path.client.address
        guard waiters[waiter].terms.limit != ReplyTerms.noReply, !address.isLoopback else { return 0 }
        return waiters[waiter].loadKey &+ UInt64(group) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// Questions that wait for `group`.
    func count(of group: Int) -> Int { Int(groupCounts[group]) }

    /// True if `group` would accept one more question of a client with a validated address.
    func hasRoom(for group: Int, atMost most: Int) -> Bool {
        freePlaces(of: group, atMost: most, isAddressValidated: true) > 0
    }

    /// True if the table would accept one more question of a client with a validated address.
    var hasRoom: Bool { activeCount < mostTransactions && waiterCount < mostWaiters }

    /// Waiting questions of the client; sometimes too many, never too few.
    ///
    /// - Parameter isAddressValidated: Those that came over TCP or with a cookie of ours, or else the others,
    ///   which another host may have sent in the client's name.
    func waiterCount(of client: IPAddress, isAddressValidated: Bool) -> Int {
        load.count(loadHash(client, isAddressValidated: isAddressValidated))
    }

    /// The client's key in `load`.
    private func loadHash(_ client: IPAddress, isAddressValidated: Bool) -> UInt64 {
        client.hostHash(key: isAddressValidated ? ~hashKey : hashKey)
    }

    /// Counts a waiter for its client.
    private mutating func countWaiter(_ waiter: Int, _ change: Int32) {
        guard waiters[waiter].terms.limit != ReplyTerms.noReply else { return }
        load.change(waiters[waiter].loadKey, by: change)
    }

    // MARK: - Message IDs

    /// Draws an unused message ID at random for `slot` (RFC 5452 section 9.2).
    mutating func drawID(for slot: Int, random: inout some RandomNumberGenerator) -> UInt16 {
        let attempts = transactions[slot].attemptCount
        let last = attempts > 0 ? self[slot, attempts - 1].id : nil
        return ids.draw(for: slot, insteadOf: last, random: &random)
    }

    /// The transaction that sent a question with this ID.
    func transaction(withID id: UInt16) -> Int? { ids.owner(of: id) }

    // MARK: - Attempts

    /// Attempt `index` of `slot`, 0..<8; those from `attemptCount` on mean nothing.
    subscript(slot: Int, index: Int) -> Attempt {
        _read { yield attempts[slot * Transaction.mostAttempts + index] }
        _modify { yield &attempts[slot * Transaction.mostAttempts + index] }
    }

    /// The attempts of `slot` towards its current group, the oldest first.
    @_lifetime(borrow self)
    func attempts(of slot: Int) -> Span<Attempt> {
        let start = slot * Transaction.mostAttempts
        return attempts.span.extracting(start..<(start + transactions[slot].attemptCount))
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
        if self[slot, index].isWaiting { waitingCounts[Self.place(self[slot, index].path)] -= 1 }
        self[slot, index].state = state
    }

    /// An attempt waits no longer, although its answer may still come.
    mutating func abandonAttempt(_ index: Int, of slot: Int, _ state: Attempt.State) {
        abandoned.note(self[slot, index].id, at: Self.place(self[slot, index].path))
        endAttempt(index, of: slot, state)
    }

    /// No attempt of `slot` by `path` waits any longer.
    ///
    /// - Parameter isAbandoned: True if answers may still come.
    /// - Returns: How many waited.
    mutating func endAttempts(
        of slot: Int, by path: UpstreamPath, _ state: Attempt.State, isAbandoned: Bool = false
    ) -> Int {
        var count = 0
        for index in 0..<transactions[slot].attemptCount where self[slot, index].isWaiting(for: path) {
            if isAbandoned { abandoned.note(self[slot, index].id, at: Self.place(path)) }
            endAttempt(index, of: slot, state)
            count += 1
        }
        return count
    }

    /// ICMP says of the attempts of `slot` by `path` that no answer will come.
    mutating func hintAttempts(of slot: Int, by path: UpstreamPath) {
        for index in 0..<transactions[slot].attemptCount where self[slot, index].isWaiting(for: path) {
            self[slot, index].isHinted = true
        }
    }

    /// Removes all attempts of `slot`: later answers to them are ignored.
    mutating func dropAttempts(of slot: Int) {
        let count = transactions[slot].attemptCount
        guard count > 0 else { return }
        transactions[slot].attemptCount = 0
        let first = slot * Transaction.mostAttempts
        for place in first..<(first + count) {
            let id = attempts[place].id
            if attempts[place].isWaiting {
                let path = Self.place(attempts[place].path)
                abandoned.note(id, at: path)
                waitingCounts[path] -= 1
            }
            attempts[place].state = .unused
            ids.release(id, of: slot)
        }
    }

    /// The transactions with an attempt that waits for an answer by `path`.
    func slots(waitingFor path: UpstreamPath) -> [Int] {
        var left = waitingCount(path)
        var slots: [Int] = []
        for slot in transactions.indices where !transactions[slot].isFree {
            guard left > 0 else { break }
            let attempts = attempts(of: slot)
            var count = 0
            for index in attempts.indices where attempts[index].isWaiting(for: path) { count += 1 }
            guard count > 0 else { continue }
            left -= count
            slots.append(slot)
        }
        return slots
    }

    /// An answer with this ID came by `path`: `late`, once, if it is to a question that was given up.
    mutating func takeAbandoned(_ id: UInt16, by path: UpstreamPath) -> AnswerOutcome {
        abandoned.take(id, at: Self.place(path))
    }

    /// How many attempts wait for an answer by `path`.
    func waitingCount(_ path: UpstreamPath) -> Int { Int(waitingCounts[Self.place(path)]) }

    /// The pool's sockets, and TCP.
    private static let pathsPerServer = UpstreamSockets.perServer + 1

    /// The number of a path.
    static func place(_ path: UpstreamPath) -> Int {
        path.server * pathsPerServer + (path.transport == .tcp ? UpstreamSockets.perServer : path.socket)
    }

    // MARK: - Waiters

    /// Lets a client wait for `slot` if there is room.
    ///
    /// - Parameters:
    ///   - question: Name, type and class as this client asked.
    ///   - isAddressValidated: True if it may use the reserve for clients with validated addresses; then
    ///     `slot` may, too.
    mutating func addWaiter(
        _ path: ClientPath, _ terms: ReplyTerms, question: Span<UInt8>, to slot: Int,
        isAddressValidated: Bool = true
    ) -> Admission {
        let most = isAddressValidated ? mostWaiters : EngineLimits.open(mostWaiters)
        guard waiterCount < most, question.count <= Self.questionRoom else { return .full }
        let isProven = path.transport == .tcp || terms.isAddressValidated
        let loadKey = loadHash(path.client.address, isAddressValidated: isProven)
        let new = Waiter(path: path, terms: terms, loadKey: loadKey)
        if freeWaiter < 0 { growWaiters(new) }
        let index = Int(freeWaiter)
        freeWaiter = waiters[index].next
        waiters[index] = new
        countWaiter(index, 1)
        waiterCount += 1
        copyQuestion(question, to: index)
        let last = transactions[slot].lastWaiter
        if last >= 0 { waiters[Int(last)].next = Int32(index) }
        transactions[slot].addWaiter(Int32(index), isAddressValidated: isAddressValidated)
        return .admitted
    }

    /// No client waits for `slot` any longer. The first one's place stays, since its question stands there.
    mutating func dismissWaiters(of slot: Int) {
        let first = Int(transactions[slot].firstWaiter)
        countWaiter(first, -1)
        waiters[first].terms.limit = ReplyTerms.noReply
        var waiter = waiters[first].next
        while waiter >= 0 {  // a list without cycles
            let next = waiters[Int(waiter)].next
            free(waiter: waiter)
            waiter = next
        }
        waiters[first].next = -1
        transactions[slot].lastWaiter = transactions[slot].firstWaiter
        transactions[slot].waiterCount = 0
    }

    private mutating func free(waiter: Int32) {
        countWaiter(Int(waiter), -1)
        waiters[Int(waiter)].next = freeWaiter
        freeWaiter = waiter
        waiterCount -= 1
    }

    /// Stores the question of a waiter.
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

    /// Adds free places for waiters.
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
