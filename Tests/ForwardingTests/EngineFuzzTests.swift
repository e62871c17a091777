import DNSWire
import IPAddressing
import Inventory
import TestSupport
import Testing
import Time

@testable import Forwarding

/// Random and broken questions, answers, failures and pauses, in any order.
@Suite struct EngineFuzzTests {
    @Test(arguments: [11, 12] as [UInt64])
    func `every question gets one reply and nothing is left behind`(seed: UInt64) throws {
        var fuzz = EngineFuzz(seed: seed, inventory: try EngineFuzz.inventory())
        for _ in 0..<25_000 { fuzz.step() }
        fuzz.finish()
        let problems = fuzz.problems.prefix(5).joined(separator: "\n")
        #expect(problems.isEmpty, "seed \(seed)")
        #expect(fuzz.replied > 1_000)
    }
}

private struct EngineFuzz: ~Copyable {
    var engine: ForwardingEngine
    var turn: Turn
    var random: SplitMix64
    var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }
    var problems: [String] = []
    var replied = 0
    /// When each question that is owed a reply came in; the socket number of its path is its name.
    var owed: [UInt32: MonotonicTime] = [:]
    var sent: [(path: UpstreamPath, octets: [UInt8])] = []
    var nextClient: UInt32 = 0
    let maker = RandomMessage(domain: PlainName("cluster.local"))

    init(seed: UInt64, inventory: Inventory) {
        random = SplitMix64(seed: seed)
        turn = Turn(at: MonotonicTime(nanoseconds: 5_000_000_000), random: SplitMix64(seed: ~seed))
        var limits = EngineLimits()
        limits.transactions = 300
        limits.waiters = 400
        engine = ForwardingEngine(policy: ForwardingPolicy(inventory), hashKey: seed, limits: limits)
    }

    static func inventory() throws -> Inventory {
        try Scenario(
            """
            bare-domain prod staging
            view 10.0.1.0/24 bare-domain staging
            upstream 172.16.1.1
            merge all.cluster.local clusters prod fourth
            clusterset main members prod fourth third
            merge every.cluster.local clusters fourth prod mode union partial
            cluster prod dns 172.17.16.10 172.17.16.11 also corp.internal services 172.17.16.0/20
            cluster fourth dns 172.20.16.10
            cluster staging domain k.local names staging.cluster.local s.example.com dns 172.18.16.10
            cluster third names cluster.local.third dns 172.19.16.10 172.19.16.11 172.19.16.12
            ---
            """
        ).inventory()
    }

    mutating func step() {
        switch random.number(in: 0..<10) {
        case 0...3: ask()
        case 4...7: answer()
        case 8 where random.oneIn(4): fail()
        default: pass(milliseconds: random.number(in: 0..<60))
        }
        take()
    }

    private mutating func mutated(_ octets: [UInt8]) -> [UInt8] {
        var octets = octets
        guard random.oneIn(3) else { return octets }
        for _ in 0..<random.number(in: 1..<4) where !octets.isEmpty {
            switch random.number(in: 0..<4) {
            case 0: octets.removeLast(random.number(in: 0..<octets.count))
            case 1: octets += random.octets(random.number(in: 0..<20))
            default: octets[random.number(in: 0..<octets.count)] = UInt8(random.number(in: 0..<256))
            }
        }
        return octets
    }

    private mutating func ask() {
        var message = PlainMessage()
        message.id = UInt16(random.number(in: 0..<65_536))
        message.flags = random.pick([0x0100, 0x0100, 0x0000, 0x0110])
        var name = maker.name(using: &random)
        if random.oneIn(3) { name = PlainName(random.pick(["a", "b", "c"]) + ".prod.cluster.local") }
        if random.oneIn(4) {
            name = PlainName(
                "a.b.svc." + random.pick(["all.cluster.local", "every.cluster.local", "corp.internal", "main.clusterset.local"]))
        }
        if random.oneIn(9) { name = PlainName("\(random.number(in: 0..<256)).17.17.172.in-addr.arpa") }
        message.questions = [PlainQuestion(name, type: random.pick([1, 28, 12, 255, 33, 252]))]
        if random.oneIn(2) { message.additionals = [maker.opt(using: &random)] }
        let octets = mutated(message.encoded())
        let path = ClientPath(
            client: Endpoint(
                address: IPAddress(v4: 0x0A00_0000 + UInt32(random.number(in: 0..<512))), port: 1),
            local: IPAddress(v4: 1), interface: 0, socket: nextClient, generation: 0,
            transport: random.oneIn(4) ? .tcp : .udp)
        owed[nextClient] = now
        let outcome = engine.receiveQuestion(octets.span, from: path, in: &turn)
        if outcome == .ignored { owed[nextClient] = nil }
        nextClient += 1
    }

    private mutating func answer() {
        guard !sent.isEmpty else { return }
        let place = random.number(in: 0..<sent.count)
        let question = random.oneIn(4) ? sent[place] : sent.remove(at: place)
        guard let asked = try? PlainMessage(decoding: question.octets) else {
            problems.append("not readable: \(hexadecimal(question.octets))")
            return
        }
        var message = maker.response(using: &random)
        message.id = asked.id
        message.questions = asked.questions
        if random.oneIn(8) { message.flags |= 0x0200 }
        if random.oneIn(8) { message.flags = 0x8001 + UInt16(random.number(in: 0..<6)) }
        let octets = mutated(message.encoded(random.pick([.none, .owners, .everywhere])))
        engine.receiveAnswer(octets.span, over: question.path, in: &turn)
    }

    private mutating func fail() {
        guard !sent.isEmpty else { return }
        let path = random.pick(sent.map(\.path))
        switch random.number(in: 0..<5) {
        case 0:
            let failure = random.pick([UpstreamFailure.refused, .unreachable, .closed, .timeout])
            engine.take(.failed(failure), on: path, in: &turn)
        case 1: engine.take(.failedHere(.descriptors), on: path, in: &turn)
        case 2: engine.take(.hinted, on: path, in: &turn)
        case 3: engine.take(.distrusted, on: path, in: &turn)
        default:
            let octets = random.pick(sent.map(\.octets))
            let id = UInt16(octets[0]) << 8 | UInt16(octets[1])
            engine.questionUnsent(id, over: path, .buffer, in: &turn)
        }
    }

    mutating func pass(milliseconds: Int) {
        let end = now.advanced(milliseconds: milliseconds)
        // Now and then late, as on a busy machine.
        while !random.oneIn(20), let due = engine.nextDeadline, due <= end {
            now = max(now, due)
            engine.expire(in: &turn)
            take()
        }
        now = end
        engine.expire(in: &turn)
    }

    mutating func finish() {
        for _ in 0..<200 {
            pass(milliseconds: 50)
            take()
        }
        if !owed.isEmpty { problems.append("\(owed.count) questions got no reply") }
        if engine.transactionCount != 0 { problems.append("\(engine.transactionCount) are still in flight") }
        if engine.nextDeadline != nil { problems.append("a timer is still set") }
    }

    mutating func take() {
        for reply in turn.outbox.replies {
            let octets = (reply.start..<reply.end).map { turn.outbox.octets[$0] }
            if let asked = owed.removeValue(forKey: reply.path.socket) {
                replied += 1
                if now.nanoseconds(since: asked) > 5_000_000_000 {
                    problems.append("a reply after more than 5 s")
                }
            } else {
                problems.append("a second reply, or one that no client is owed")
            }
            if (try? PlainMessage(decoding: octets)) == nil {
                problems.append("not readable: \(hexadecimal(octets))")
            }
            if reply.path.transport == .udp, octets.count > 4096 {
                problems.append("\(octets.count) octets over UDP")
            }
        }
        for question in turn.outbox.questions {
            sent.append((question.path, (question.start..<question.end).map { turn.outbox.octets[$0] }))
        }
        if sent.count > 400 { sent.removeFirst(200) }
        turn.outbox.removeAll()
    }
}
