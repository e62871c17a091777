import DNSServer
import DNSWire
import DomainNames
import Forwarding
import Glibc
import IPAddressing
import Inventory
import LDNSBridge
import LinuxSystem
import Time

/// The forwarder's own engine with sockets of its own: a command asks by it as the server would.
struct AskingEngine: ~Copyable {
    /// The policy of the configuration.
    let policy: ForwardingPolicy
    /// The replies so far, by the number of their question.
    private(set) var replies: [UInt32: [UInt8]] = [:]
    /// The questions to servers, in order.
    private(set) var exchanges: [QueryReport.Exchange] = []

    /// The engine.
    private var engine: ForwardingEngine
    /// What each call into the engine is given.
    private var turn = Turn(at: MonotonicClock.now, random: SystemRandomNumberGenerator())
    /// Questions without an answer yet.
    private var open: [UpstreamExchange] = []
    /// When the first question was asked.
    private var started = MonotonicClock.now
    /// The questions that were asked.
    private var askedCount = 0

    /// An engine that has asked nothing yet.
    init(_ policy: ForwardingPolicy) {
        self.policy = policy
        engine = ForwardingEngine(policy: policy, hashKey: turn.random.next())
        // The log tells how the engine counts a reply of its own.
        turn.outbox.queryLog = QueryLogBatch(QueryLogFilter(QueryLogSettings()), seed: turn.random.next())
    }

    /// Nanoseconds since the first question.
    var elapsed: Int64 { MonotonicClock.now.nanoseconds(since: started) }

    /// A question as dig asks it: RD, and EDNS with room for 1232 octets.
    mutating func message(_ name: DomainName, type: UInt16) -> [UInt8] {
        var octets = OctetBuffer(capacity: 512)
        octets.append16(Int(UInt16(truncatingIfNeeded: turn.random.next())))
        octets.append16(Int(MessageHeader.Flags.recursionDesired))
        octets.append16(1)
        octets.append32(0)
        octets.append16(1)
        octets.append(name.wire)
        octets.append16(Int(type))
        octets.append16(RecordClass.internet)
        octets.append(OPTRecord(wantsDNSSEC: false))
        let written = octets.span
        return written.indices.map { written[$0] }
    }

    /// Asks a question.
    ///
    /// - Parameters:
    ///   - number: Under which its reply is found.
    ///   - client: The client's address, which decides about permission and view.
    ///   - inspect: Is given what the engine wants sent at once.
    mutating func ask(
        _ message: [UInt8], number: UInt32, from client: IPAddress, over transport: Transport = .udp,
        inspect: (borrowing Outbox) -> Void = { _ in }
    ) {
        let path = ClientPath(
            client: Endpoint(address: client, port: 53_000), local: client, interface: 0, socket: number,
            generation: 0, transport: transport)
        let now = MonotonicClock.now
        if askedCount == 0 { started = now }
        askedCount += 1
        turn.now = now
        engine.receiveQuestion(message.span, from: path, in: &turn)
        inspect(turn.outbox)
        carryOut()
    }

    /// Waits until every question has its reply: at most for the deadlines of the servers' groups.
    mutating func run() {
        // Ends: the engine gives every question up.
        while replies.count < askedCount, let due = engine.nextDeadline {
            wait(until: due)
            for exchange in open { advance(exchange) }
            turn.now = MonotonicClock.now
            engine.expire(in: &turn)
            carryOut()
        }
    }

    /// Waits until a socket is ready or `due` has come. Corresponds to poll(2).
    private func wait(until due: MonotonicTime) {
        var watched = open.map(\.watched)
        let left = max(0, due.nanoseconds(since: MonotonicClock.now))
        // Sound: the kernel reads and writes `count` structures. An interruption is a short wait.
        _ = unsafe poll(&watched, nfds_t(watched.count), Int32(clamping: left / 1_000_000 + 1))
    }

    // MARK: - Between engine and sockets

    /// Sends the engine's messages until there are no more.
    private mutating func carryOut() {
        while !turn.outbox.isEmpty {  // ends: the engine sends a bounded number of questions
            for index in turn.outbox.replies.indices {
                let reply = turn.outbox.replies[index]
                replies[reply.path.socket] = Self.copy(reply.start..<reply.end, of: turn.outbox)
            }
            let questions = turn.outbox.questions.map { $0.path }
            let messages = turn.outbox.questions.indices.map { index in
                Self.copy(
                    turn.outbox.questions[index].start..<turn.outbox.questions[index].end, of: turn.outbox)
            }
            turn.outbox.removeAll()
            for (path, message) in zip(questions, messages) { send(message, by: path) }
        }
    }

    /// The octets of a message in the outbox.
    private static func copy(_ range: Range<Int>, of outbox: borrowing Outbox) -> [UInt8] {
        let octets = outbox.octets.span
        return range.map { octets[$0] }
    }

    /// Sends a question to a server.
    private mutating func send(_ question: [UInt8], by path: UpstreamPath) {
        let server = policy.servers[path.server]
        let group = policy.groups[policy.groupOfServer[path.server]].name
        let row = exchanges.count
        exchanges.append(
            QueryReport.Exchange(
                server: server, group: group, transport: path.transport, question: Self.words(of: question),
                sentNanoseconds: elapsed))
        do throws(Errno) {
            open.append(try UpstreamExchange(question, to: server, by: path, row: row))
        } catch {
            fail(row, path, failure: ExchangeFailure(error))
        }
    }

    /// Continues an exchange.
    private mutating func advance(_ exchange: UpstreamExchange) {
        do throws(ExchangeFailure) {
            while let answer = try exchange.advance() {  // ends with what the socket holds
                note(answer, exchange.row)
                turn.now = MonotonicClock.now
                engine.receiveAnswer(
                    answer.span, over: exchange.path, in: &turn)
            }
        } catch {
            // Of a hint the server's socket goes on to be listened to.
            if !error.isHint { open.removeAll { $0 === exchange } }
            fail(exchange.row, exchange.path, failure: error)
        }
    }

    /// Reports a failed exchange to the engine.
    private mutating func fail(_ row: Int, _ path: UpstreamPath, failure: ExchangeFailure) {
        if exchanges[row].outcome == nil {
            let after = elapsed - exchanges[row].sentNanoseconds
            exchanges[row].outcome = .failure(failure.words, nanoseconds: after)
        }
        turn.now = MonotonicClock.now
        switch failure.fault {
        case .remote where failure.isHint: engine.take(.hinted, on: path, in: &turn)
        case .remote(let kind): engine.take(.failed(kind), on: path, in: &turn)
        case .local(let kind): engine.take(.failedHere(kind), on: path, in: &turn)
        }
    }

    /// Notes an answer in the report.
    private mutating func note(_ answer: [UInt8], _ row: Int) {
        guard let header = try? MessageHeader(reading: answer.span) else { return }
        exchanges[row].outcome = .answer(
            rcode: Mnemonics.rcode(UInt16(header.rcode)), records: header.answerCount, octets: answer.count,
            isTruncated: header.isTruncated, nanoseconds: elapsed - exchanges[row].sentNanoseconds)
    }

    /// Such as `web.shop.svc.cluster.local. A`.
    private static func words(of message: [UInt8]) -> String {
        guard let question = try? Question(reading: message.span),
            let name = try? DomainName(wire: Array(message[question.range].dropLast(4)))
        else { return "?" }
        return "\(name). \(Mnemonics.type(UInt16(question.type)))"
    }
}
