import AnswerCache
import DNSWire
import Forwarding
import IPAddressing
import TestSupport
import Testing
import Time

/// Random clients, names, TTLs and servers that come and go: what must hold for every reply.
///
/// Each address that a server gives tells the cluster, the moment and the TTL it was given with, so that a reply can be judged
/// by itself.
@Suite struct CachePropertyTests {
    @Test(arguments: [41, 42, 43] as [UInt64])
    func `no reply is older than it may be, stale while a server answers, or another view's`(seed: UInt64) throws {
        let office = try Scenario(
            """
            bare-domain prod
            view 10.0.32.0/21 bare-domain staging
            cluster prod dns 172.17.16.10 172.17.16.11
            cluster staging dns 172.18.16.10 cache max-ttl 4
            cache max-ttl 20 negative-ttl 3 stale 60
            probed
            ---
            """)
        var play = CachePlay(seed: seed, policy: ForwardingPolicy(try office.inventory()))
        for _ in 0..<8_000 { play.step() }
        play.finish()
        let problems = play.problems.prefix(5).joined(separator: "\n")
        #expect(problems.isEmpty, "seed \(seed)")
        let counters = play.engine.counters
        #expect(counters.hits > 250 && counters.stale > 50 && counters.failed > 50 && counters.joined > 5)
        #expect(counters.refreshed > 0)
    }
}

private struct CachePlay: ~Copyable {
    var engine: ForwardingEngine
    var problems: [String] = []
    private let board: HealthBoard
    private var turn: Turn
    private var random: SplitMix64
    private var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }
    /// What the client of each path number asked, until it gets its reply.
    private var owed: [UInt32: (name: String, isStaging: Bool)] = [:]
    private var nextClient: UInt32 = 0
    /// What was given: by the address's number.
    private var given: [Given] = []
    /// When each name of each cluster was last asked of a server.
    private var lastAsked: [Asked: MonotonicTime] = [:]
    /// Addresses with a lower number are over: a server has said something newer that is kept.
    private var firstValid: [Asked: Int] = [:]
    /// Questions that were sent: to which server, and when.
    private var sent: [(path: UpstreamPath, octets: [UInt8], time: MonotonicTime)] = []
    private var isUp = [true, true, true]

    private struct Asked: Hashable {
        let name: String
        let isStaging: Bool
    }

    private struct Given {
        let askedAt: MonotonicTime
        let time: MonotonicTime
        let ttl: UInt32
        let asked: Asked
    }

    init(seed: UInt64, policy: ForwardingPolicy) {
        random = SplitMix64(seed: seed)
        turn = Turn(at: MonotonicTime(nanoseconds: 50_000_000_000), random: SplitMix64(seed: ~seed))
        board = HealthBoard(servers: 3, groups: policy.groups.count, isProbed: true)
        engine = ForwardingEngine(
            policy: policy, hashKey: seed, cache: AnswerCache(octets: 64 * 1024, hashKey: seed), board: board)
    }

    mutating func step() {
        switch random.number(in: 0..<40) {
        case 0...19: ask()
        case 20...32: answer()
        case 33 where random.oneIn(4): toggle(random.number(in: 0..<3))
        default: pass(milliseconds: random.number(in: 0..<(random.oneIn(5) ? 5_000 : 80)))
        }
        take()
    }

    /// A server goes, or comes and is found alive.
    private mutating func toggle(_ server: Int) {
        isUp[server].toggle()
        guard isUp[server] else { return }
        board.servers[server].answered(in: .full, after: 1_000_000, payloadSize: 1_232, at: now)
    }

    private mutating func ask() {
        let isStaging = random.oneIn(2)
        let label = random.oneIn(10) ? "rare\(random.next() % 10_000)" : "n\(random.number(in: 0..<12))"
        let name = "\(label).test.svc.cluster.local"
        var message = PlainMessage()
        message.id = UInt16(truncatingIfNeeded: nextClient)
        message.flags = 0x0100
        message.questions = [PlainQuestion(PlainName(random.oneIn(2) ? name : name.uppercased()), type: 1)]
        if random.oneIn(2) {
            message.additionals = [
                PlainRecord(PlainName(labels: []), type: 41, recordClass: 1_232, ttl: 0, [])
            ]
        }
        let octets = message.encoded()
        let client = IPAddress(v4: (isStaging ? 0x0A00_2000 : 0x0A00_0000) + nextClient % 200)
        let path = ClientPath(
            client: Endpoint(address: client, port: 1), local: IPAddress(v4: 1), interface: 0,
            socket: nextClient, generation: 0, transport: .udp)
        owed[nextClient] = (name, isStaging)
        nextClient += 1
        engine.receiveQuestion(octets.span, from: path, in: &turn)
    }

    private mutating func answer() {
        guard !sent.isEmpty else { return }
        let question = sent.remove(at: random.number(in: 0..<sent.count))
        guard isUp[question.path.server], let asked = try? PlainMessage(decoding: question.octets),
            let owner = asked.questions.first?.name
        else { return }
        let key = Asked(name: "\(owner)".lowercased(), isStaging: question.path.server == 2)
        var isNewer = false
        var message = PlainMessage()
        message.id = asked.id
        message.questions = asked.questions
        message.flags = 0x8500
        switch random.number(in: 0..<12) {
        case 0: message.flags |= 2
        case 1:
            message.flags |= 3
            isNewer = true
        default:
            let ttl = UInt32(random.pick([0, 1, 3, 5, 5, 5, 30, 4_000_000_000]))
            let address = octets32(UInt32(given.count))
            message.answers = [PlainRecord(owner, type: 1, recordClass: 1, ttl: ttl, [.octets(address)])]
            // RFC 2181 section 8: a TTL with the highest bit set is none.
            let life = ttl > 0x7FFF_FFFF ? 0 : ttl
            given.append(Given(askedAt: question.time, time: now, ttl: life, asked: key))
            isNewer = life > 0
        }
        let octets = message.encoded()
        let passedOver = engine.counters.unmatched + engine.counters.late
        engine.receiveAnswer(octets.span, over: question.path, in: &turn)
        guard isNewer, engine.counters.unmatched + engine.counters.late == passedOver else { return }
        firstValid[key] = message.answers.isEmpty ? given.count : given.count - 1
    }

    private mutating func pass(milliseconds: Int) {
        let end = now.advanced(milliseconds: milliseconds)
        while let due = engine.nextDeadline, due <= end {  // each deadline is later than the one before
            now = max(now, due)
            engine.expire(in: &turn)
            take()
        }
        now = end
        // What a prober finds of servers that workers wait for.
        for server in 0..<3 where board.servers[server].takeSilence() == .taken && !isUp[server] {
            board.servers[server].markDead("timeout")
        }
    }

    mutating func finish() {
        pass(milliseconds: 10_000)
        take()
        if !owed.isEmpty { problems.append("\(owed.count) questions got no reply") }
        if engine.transactionCount != 0 { problems.append("questions are still in flight") }
    }

    private mutating func take() {
        for reply in turn.outbox.replies {
            let octets = (reply.start..<reply.end).map { turn.outbox.octets[$0] }
            guard let asked = owed.removeValue(forKey: reply.path.socket) else {
                problems.append("a reply that no client is owed")
                continue
            }
            guard let message = try? PlainMessage(decoding: octets) else {
                problems.append("not readable: \(hexadecimal(octets))")
                continue
            }
            for record in message.answers { judge(record, asked, isStale: isMarkedStale(message)) }
        }
        for question in turn.outbox.questions {
            let octets = (question.start..<question.end).map { turn.outbox.octets[$0] }
            sent.append((question.path, octets, now))
            if let owner = try? PlainMessage(decoding: octets).questions.first?.name {
                lastAsked[Asked(name: "\(owner)".lowercased(), isStaging: question.path.server == 2)] = now
            }
        }
        if sent.count > 60 { sent.removeFirst(30) }
        turn.outbox.removeAll()
    }

    /// True with EDE 3, false with another or none; nil without EDNS, which has no room for it.
    private func isMarkedStale(_ message: PlainMessage) -> Bool? {
        guard let opt = message.opt else { return nil }
        for case .octets(let options) in opt.data where options.count >= 6 {
            return options[..<2] == [0, 15] && options[4...5] == [0, 3]
        }
        return false
    }

    private mutating func judge(
        _ record: PlainRecord, _ asked: (name: String, isStaging: Bool), isStale: Bool?
    ) {
        guard case .octets(let data) = record.data.first, data.count == 4 else {
            problems.append("an answer without address")
            return
        }
        let number = Int(data[0]) << 24 | Int(data[1]) << 16 | Int(data[2]) << 8 | Int(data[3])
        guard given.indices.contains(number) else {
            problems.append("address \(number) was never given")
            return
        }
        let origin = given[number]
        let key = origin.asked
        if key.name != asked.name { problems.append("\(asked.name) got the address of \(key.name)") }
        if key.isStaging != asked.isStaging { problems.append("\(asked.name) got another view's answer") }
        if number < firstValid[key, default: 0] { problems.append("\(asked.name) got what was over") }
        let cap: UInt32 = asked.isStaging ? 4 : 20
        let life = Int64(min(origin.ttl, cap)) * 1_000_000_000
        // Who waited for it gets it as it came, unless it is stale already because it came late; for the others it ages
        // from when it was asked for.
        let fullAge = now.nanoseconds(since: origin.askedAt)
        let isLate = fullAge >= life && (isStale ?? (record.ttl == min(30, cap)))
        let age = now == origin.time && !isLate ? 0 : fullAge
        if age > 0, age >= life {
            judgeStale(key)
            if age >= life + 60_000_000_000 { problems.append("older than stale allows: \(age) ns") }
            if isStale == false { problems.append("an expired answer without EDE 3") }
            if record.ttl != min(30, cap) { problems.append("a stale answer with TTL \(record.ttl)") }
        } else {
            if isStale == true { problems.append("a fresh answer with EDE 3") }
            let left = min(Int64(origin.ttl) - age / 1_000_000_000, Int64(cap))
            if Int64(record.ttl) > left { problems.append("TTL \(record.ttl) where \(left) are left") }
        }
    }

    /// A stale answer is sent if its question failed, which takes two seconds and is remembered for one more, or where there is
    /// no server to be asked.
    private mutating func judgeStale(_ key: Asked) {
        let isNobodyThere = (key.isStaging ? [2] : [0, 1]).allSatisfy { board.servers[$0].isDead }
        let time = lastAsked[key] ?? MonotonicTime(nanoseconds: 0)
        if !isNobodyThere, now.nanoseconds(since: time) > 3_100_000_000 {
            problems.append("\(key.name) was stale although a server could be asked")
        }
    }
}
