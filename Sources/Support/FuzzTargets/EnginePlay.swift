import AnswerCache
import DNSWire
import Forwarding
import IPAddressing
import Inventory
import TestSupport
import Time

/// An engine with two clusters and an upstream, which gets one message after the other.
struct EnginePlay: ~Copyable {
    /// The engine.
    private var engine: ForwardingEngine
    /// What each call into it is given.
    private var turn = Turn(
        at: MonotonicTime(nanoseconds: 5_000_000_000), random: SplitMix64(seed: 1))
    /// The present time.
    private var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }
    /// The errors so far.
    private(set) var objections: [String] = []

    /// How the name servers react to a question.
    enum Servers {
        /// They do not answer.
        case silent
        /// The question fails.
        case fail(UpstreamFailure)
        /// A message, which gets the ID of the question that it answers.
        case answer([UInt8])
        /// The question itself with these flags, followed by records.
        case echo(flags: UInt16, counts: [UInt8], records: [UInt8])
    }

    init() {
        var limits = EngineLimits()
        limits.transactions = 16
        limits.waiters = 16
        engine = ForwardingEngine(
            policy: Self.policy, hashKey: 1, cache: AnswerCache(octets: 64 * 1024, hashKey: 1),
            limits: limits)
    }

    /// The cluster whose outer name differs from its own.
    static let inner = PlainName("cluster.local")
    /// The outer name of `inner`.
    static let outer = PlainName("prod.example")

    /// The policy of the two clusters.
    static let policy: ForwardingPolicy = {
        let scenario = try? Scenario(
            """
            clients 10.0.0.0/8
            bare-domain prod staging
            view 10.0.1.0/24 bare-domain staging allow-clusters staging allow-namespaces shop
            upstream 172.16.1.1
            cluster prod names prod.example dns 172.17.16.10 172.17.16.11 services 172.17.0.0/16
            cluster staging domain k.local names staging.example dns 172.18.16.10 pods 172.18.0.0/16
            ---
            """)
        return ForwardingPolicy((try? scenario?.inventory()) ?? Inventory())
    }()

    /// The reply to `message`, once everything that follows is done; nil if there is none.
    ///
    /// - Parameter client: Its address: 10.0.0.0/8 may ask.
    mutating func ask(
        _ message: [UInt8], client: UInt32 = 0x0A00_0007, over transport: Transport, _ servers: Servers
    ) -> [UInt8]? {
        let path = ClientPath(
            client: Endpoint(address: IPAddress(v4: client), port: 5353), local: IPAddress(v4: 0x0A00_0001),
            interface: 1, socket: 0, generation: 0, transport: transport)
        let ignored = engine.counters.ignored
        engine.receiveQuestion(message.span, from: path, in: &turn)
        var replies: [[UInt8]] = []
        let end = now.advanced(milliseconds: 5_000)
        // Ends: a step that sends nothing moves to the next deadline, and all lie before `end`.
        for _ in 0..<1_000 {
            let questions = take(&replies)
            for question in questions { answer(question.octets, over: question.path, servers) }
            guard questions.isEmpty else { continue }
            guard let due = engine.nextDeadline, due <= end else { break }
            now = max(now, due)
            engine.expire(in: &turn)
        }
        if engine.transactionCount > 0 { object("a question is still in flight after 5 s") }
        let owed = engine.counters.ignored > ignored ? 0 : 1
        if replies.count != owed { object("\(replies.count) replies, \(owed) owed") }
        if let reply = replies.first { check(reply, to: message, over: transport) }
        return replies.first
    }

    /// Lets time pass.
    mutating func pass(milliseconds: Int) {
        now = now.advanced(milliseconds: milliseconds)
        engine.expire(in: &turn)
    }

    /// Notes an error.
    mutating func object(_ text: String) { objections.append(text) }

    /// Lets a server react to a question.
    private mutating func answer(_ question: [UInt8], over path: UpstreamPath, _ servers: Servers) {
        var octets: [UInt8]
        switch servers {
        case .silent: return
        case .fail(let failure):
            engine.take(.failed(failure), on: path, in: &turn)
            return
        case .answer(let message):
            octets = message
            for index in 0..<min(2, octets.count) { octets[index] = question[index] }
        case .echo(let flags, let counts, let records):
            octets = Array(question[..<2]) + octets16(Int(flags)) + [0, 1] + counts
            guard let end = Self.endOfQuestion(question) else { return }
            octets += question[12..<end] + records
        }
        engine.receiveAnswer(octets.span, over: path, in: &turn)
    }

    /// The end of the only question of a message of ours.
    private static func endOfQuestion(_ message: [UInt8]) -> Int? {
        var position = 12
        while position < message.count, message[position] > 0 { position += 1 + Int(message[position]) }
        return position + 5 <= message.count ? position + 5 : nil
    }

    /// Takes replies and questions out of the outbox.
    private mutating func take(_ replies: inout [[UInt8]]) -> [(path: UpstreamPath, octets: [UInt8])] {
        for reply in turn.outbox.replies {
            replies.append((reply.start..<reply.end).map { turn.outbox.octets[$0] })
        }
        var questions: [(path: UpstreamPath, octets: [UInt8])] = []
        for question in turn.outbox.questions {
            questions.append((question.path, (question.start..<question.end).map { turn.outbox.octets[$0] }))
        }
        turn.outbox.removeAll()
        for question in questions { check(question: question.octets, to: question.path) }
        return questions
    }

    // MARK: - What has to hold

    /// Checks a reply to a client.
    private mutating func check(_ reply: [UInt8], to message: [UInt8], over transport: Transport) {
        do throws(PlainDecodingError) {
            let got = try PlainMessage(decoding: reply)
            if Array(reply[..<2]) != Array(message[..<2]) { object("another ID") }
            if reply[2] & 0x80 == 0 { object("the reply is no response") }
            if (reply[2] ^ message[2]) & 0x78 != 0 { object("another opcode") }
            if reply[3] & 0x40 != 0 { object("Z is set") }
            if got.questions.count > 1 { object("\(got.questions.count) questions") }
            let limit = transport == .udp ? max(512, Self.policy.maximumUDPSize) : 65_535
            if reply.count > limit { object("\(reply.count) octets, \(limit) are allowed") }
        } catch {
            object("the reply is not readable: \(error)")
        }
    }

    /// Names of a cluster go only to its own servers, and never to the upstream.
    private mutating func check(question: [UInt8], to path: UpstreamPath) {
        do throws(PlainDecodingError) {
            let sent = try PlainMessage(decoding: question)
            guard let name = sent.questions.first?.name, sent.questions.count == 1 else {
                object("\(sent.questions.count) questions are asked")
                return
            }
            let group = Self.policy.groups[Self.policy.groupOfServer[path.server]].name
            let domain = ["prod": Self.inner, "staging": PlainName("k.local")][group]
            let isReverse = name.ends(with: PlainName("arpa"))
            if let domain, !name.ends(with: domain), !isReverse { object("\(group) is asked for \(name)") }
            if domain == nil, name.ends(with: Self.inner) || name.ends(with: Self.outer) {
                object("the upstream is asked for \(name)")
            }
        } catch {
            object("the question is not readable: \(error)")
        }
    }
}
