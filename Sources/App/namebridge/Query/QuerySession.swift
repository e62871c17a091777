import DNSServer
import DNSWire
import DomainNames
import Forwarding
import Glibc
import IPAddressing
import Inventory
import LDNSBridge
import LinuxSystem
import Telemetry

/// Asks one question with the forwarder's own policy and engine, and its own sockets instead of a server's.
struct QuerySession: ~Copyable {
    /// The policy of the configuration.
    private let policy: ForwardingPolicy
    /// The engine.
    private var engine: ForwardingEngine
    /// What each call into the engine is given.
    private var turn = Turn(at: MonotonicClock.now, random: SystemRandomNumberGenerator())
    /// Questions without an answer yet.
    private var open: [UpstreamExchange] = []
    /// The report so far.
    private var report: QueryReport
    /// When the question was asked.
    private var started = MonotonicClock.now
    /// The client's question.
    private let message: [UInt8]
    /// The path of the only client.
    private let path: ClientPath
    private let name: DomainName
    /// Where the policy sends the question; nil if the client may not ask.
    private var route: Route?

    /// - Parameters:
    ///   - client: The client's address, which decides about permission and view.
    ///   - transport: The client's transport.
    init(
        _ name: DomainName, type: UInt16, policy: ForwardingPolicy, client: IPAddress, transport: Transport
    ) throws(WireError) {
        self.policy = policy
        engine = ForwardingEngine(policy: policy, hashKey: turn.random.next())
        message = Self.message(name, type: type, id: UInt16(truncatingIfNeeded: turn.random.next()))
        path = ClientPath(
            client: Endpoint(address: client, port: 53_000), local: client, interface: 0, socket: 0,
            generation: 0,
            transport: transport)
        report = QueryReport(
            question: "\(name). \(Mnemonics.type(type))", client: client, transport: transport)
        self.name = name
        if let view = policy.view(of: client) {
            report.view = policy.views[view].name
            route = policy.route(message.span, try Question(reading: message.span), view: view)
        }
        // The log tells how the engine counts a reply of its own.
        turn.outbox.queryLog = QueryLogBatch(QueryLogFilter(QueryLogSettings()), seed: turn.random.next())
    }

    /// A question as dig asks it: RD, and EDNS with room for 1232 octets.
    private static func message(_ name: DomainName, type: UInt16, id: UInt16) -> [UInt8] {
        var octets = OctetBuffer(capacity: 512)
        octets.append16(Int(id))
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

    /// Asks, and waits until the engine has answered: at most for the deadlines of the servers' groups.
    mutating func run() -> QueryReport {
        let message = self.message
        started = MonotonicClock.now
        turn.now = started
        engine.receiveQuestion(message.span, from: path, in: &turn)
        report.route = RouteReport(turn.outbox, route: route, name: name, policy: policy)
        carryOut()
        // Ends: the engine gives every question up.
        while report.reply.isEmpty, let due = engine.nextDeadline {
            wait(until: due)
            for exchange in open { advance(exchange) }
            turn.now = MonotonicClock.now
            engine.expire(in: &turn)
            carryOut()
        }
        report.nanoseconds = elapsed
        report.innerAddresses = innerAddresses(in: report.reply)
        return report
    }

    /// The outer addresses of `reply`, each once.
    private func innerAddresses(
        in reply: [UInt8]
    ) -> [(outer: IPAddress, inner: IPAddress, cluster: String)] {
        var mapper = AnswerMapper()
        var prepared = PreparedAnswer()
        guard let question = try? Question(reading: reply.span),
            (try? mapper.map(
                reply.span, question, to: reply.span.extracting(question.range),
                by: AnswerTerms(names: .identity), into: &prepared)) != nil
        else { return [] }
        var found: [(outer: IPAddress, inner: IPAddress, cluster: String)] = []
        _ = prepared.holdsAddress { outer in
            if let inner = policy.innerAddress(of: outer), !found.contains(where: { $0.outer == outer }) {
                found.append((outer, inner.address, inner.cluster))
            }
            return false
        }
        return found
    }

    /// Nanoseconds since the question.
    private var elapsed: Int64 { MonotonicClock.now.nanoseconds(since: started) }

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
            if let reply = turn.outbox.replies.first {
                report.reply = Self.copy(reply.start..<reply.end, of: turn.outbox)
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
        let group = policy.groups.first { $0.servers.contains(path.server) }?.name ?? ""
        let row = report.exchanges.count
        report.exchanges.append(
            QueryReport.Exchange(
                server: server, group: group, transport: path.transport, question: Self.words(of: question),
                sentNanoseconds: elapsed))
        do throws(Errno) {
            open.append(try UpstreamExchange(question, to: server, by: path, row: row))
        } catch {
            fail(row, path, ExchangeFailure(error))
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
            fail(exchange.row, exchange.path, error)
        }
    }

    /// Reports a failed exchange to the engine.
    private mutating func fail(_ row: Int, _ path: UpstreamPath, _ failure: ExchangeFailure) {
        if report.exchanges[row].outcome == nil {
            let after = elapsed - report.exchanges[row].sentNanoseconds
            report.exchanges[row].outcome = .failure(failure.words, nanoseconds: after)
        }
        turn.now = MonotonicClock.now
        switch failure.fault {
        case .remote where failure.isHint: engine.upstreamHinted(path, in: &turn)
        case .remote(let kind): engine.upstreamFailed(path, kind, in: &turn)
        case .local(let kind): engine.upstreamFailed(path, here: kind, in: &turn)
        }
    }

    /// Notes an answer in the report.
    private mutating func note(_ answer: [UInt8], _ row: Int) {
        guard let header = try? MessageHeader(reading: answer.span) else { return }
        report.exchanges[row].outcome = .answer(
            rcode: Mnemonics.rcode(UInt16(header.rcode)), records: header.answerCount, octets: answer.count,
            isTruncated: header.isTruncated, nanoseconds: elapsed - report.exchanges[row].sentNanoseconds)
    }

    /// Such as `web.shop.svc.cluster.local. A`.
    private static func words(of message: [UInt8]) -> String {
        guard let question = try? Question(reading: message.span),
            let name = try? DomainName(wire: Array(message[question.range].dropLast(4)))
        else { return "?" }
        return "\(name). \(Mnemonics.type(UInt16(question.type)))"
    }
}
