import AnswerCache
import DNSWire
import Forwarding
import IPAddressing
import Time

/// Plays a scenario against an engine; the first line that fails ends it.
///
/// | line | meaning |
/// |---|---|
/// | `client ADDRESS asks NAME TYPE TERMS` | a question comes in |
/// | `client ADDRESS sends HEX` | octets come in; `over tcp` may follow |
/// | `client ADDRESS gets RCODE TERMS` + records | the next reply to this client is exactly this |
/// | `server ADDRESS is asked NAME TYPE TERMS` | the next question that was sent is exactly this |
/// | `server ADDRESS answers RCODE TERMS` + records | a server's message comes in |
/// | `server ADDRESS answers octets HEX` | its octets after the ID; `Q` stands for the question asked |
/// | `server ADDRESS fails refused` | or `unreachable`, `closed`, `icmp`, `no-socket`; then `over tcp` |
/// | `server ADDRESS is found dead REASON` | the prober says so |
/// | `server ADDRESS is found alive` | or `without-edns`, `over-tcp`; `rtt MS`, `size OCTETS` may follow |
/// | `cluster KEY has soa "RECORD"` | the prober learns it |
/// | `path FROM TO closes REASON` | or `opens`: whether packets of a site reach a cluster |
/// | `after 400ms` | time passes, through every deadline on the way |
/// | `nothing more is sent` | all that was sent has been expected |
package final class ScenarioPlayer {
    /// The engine.
    private var engine: ForwardingEngine
    /// The state of name servers.
    private let board: HealthBoard
    /// What each call into the engine is given.
    private var turn: Turn
    /// The present time.
    private var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }

    /// Replies that were not expected yet.
    private var replies: [(path: ClientPath, octets: [UInt8])] = []
    /// Questions that were not expected yet.
    private var questions: [SentQuestion] = []
    /// The questions that were expected, by the server's address.
    private var asked: [IPAddress: [SentQuestion]] = [:]
    /// The question of each client's message, by address and ID.
    private var clientQuestions: [ClientKey: [UInt8]] = [:]

    /// A question to a server.
    private struct SentQuestion {
        /// The path.
        let path: UpstreamPath
        /// The message.
        let octets: [UInt8]
    }

    /// A client's question.
    private struct ClientKey: Hashable {
        /// The client's address.
        let address: IPAddress
        /// The message ID.
        let id: Int
    }

    private init(_ scenario: Scenario, seed: UInt64) throws(ScenarioError) {
        let policy = ForwardingPolicy(
            try scenario.inventory(), hostAddresses: try scenario.hostAddresses())
        board = HealthBoard(
            servers: policy.servers.count, groups: policy.groups.count,
            isProbed: scenario.hasSetting("probed"))
        engine = ForwardingEngine(
            policy: policy, hashKey: seed,
            cache: scenario.hasSetting("cache") ? AnswerCache(octets: 1 << 20, hashKey: seed) : nil,
            board: board, limits: try scenario.limits())
        turn = Turn(at: MonotonicTime(nanoseconds: 776_000_000_000), random: SplitMix64(seed: seed))
    }

    /// The first difference from `scenario`; nil if there is none.
    package static func play(_ scenario: Scenario, seed: UInt64) -> ScenarioError? {
        do throws(ScenarioError) {
            let player = try ScenarioPlayer(scenario, seed: seed)
            for step in scenario.steps { try player.play(step) }
            let last = scenario.steps.last?.number ?? 1
            try player.expectNothing(line: last)
            guard player.engine.transactionCount == 0 else {
                throw ScenarioError(
                    line: last, text: "\(player.engine.transactionCount) questions are still in flight")
            }
            return nil
        } catch {
            return error
        }
    }

    /// Plays one line.
    private func play(_ line: Scenario.Line) throws(ScenarioError) {
        let words = line.words
        let rest = words.dropFirst(3)
        switch (words[0], words.count > 2 ? words[2] : "") {
        case ("client", "asks"): try clientAsks(line, rest)
        case ("client", "sends"): try clientSends(line, rest)
        case ("client", "gets"): try clientGets(line, rest)
        case ("server", "is") where words.count > 3 && words[3] == "asked":
            try serverIsAsked(line, words.dropFirst(4))
        case ("server", "is") where words.count > 4 && words[3] == "found":
            try serverIsFound(line, words[4], words.dropFirst(5))
        case ("cluster", "has"): try learnSOA(line)
        case ("path", _): setGate(words)
        case ("server", "answers"): try serverAnswers(line, rest)
        case ("server", "fails"): try serverFails(line, rest)
        case ("after", _): try pass(line)
        case ("nothing", _): try expectNothing(line: line.number)
        default:
            throw ScenarioError(
                line: line.number, text: "`\(words.joined(separator: " "))` is not understood")
        }
        takeOutbox()
    }

    /// Takes the engine's messages.
    private func takeOutbox() {
        for reply in turn.outbox.replies {
            replies.append((reply.path, (reply.start..<reply.end).map { turn.outbox.octets[$0] }))
        }
        for sent in turn.outbox.questions {
            let octets = (sent.start..<sent.end).map { turn.outbox.octets[$0] }
            questions.append(SentQuestion(path: sent.path, octets: octets))
        }
        turn.outbox.removeAll()
    }

    // MARK: - Clients

    /// `client ADDRESS asks`.
    private func clientAsks(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        var words = words
        let name = words.popFirst()
        let type = words.popFirst()
        let terms = try ScenarioTerms(words, line)
        var message = PlainMessage()
        message.id = UInt16(truncatingIfNeeded: terms.id ?? 1)
        message.flags = terms.flags
        let question = try ScenarioText.question(name, type, recordClass: terms.recordClass, line)
        message.questions = [question]
        if let opt = terms.opt { message.additionals.append(opt) }
        if terms.isSigned {
            message.additionals.append(
                PlainRecord(PlainName("key"), type: 250, recordClass: 255, ttl: 0, [.octets([0])]))
        }
        var octets = message.encoded()
        if let count = terms.questionCount { octets.replaceSubrange(4..<6, with: octets16(count)) }
        try clientSends(octets, terms, line)
    }

    /// `client ADDRESS sends`.
    private func clientSends(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        let terms = try ScenarioTerms(words.filter { $0 == "over" || $0 == "tcp" }[...], line)
        try clientSends(
            octets(hexadecimal: words.filter { $0 != "over" && $0 != "tcp" }.joined()), terms, line)
    }

    /// Passes a client's message to the engine.
    private func clientSends(
        _ octets: [UInt8], _ terms: ScenarioTerms, _ line: Scenario.Line
    ) throws(ScenarioError) {
        let endpoint = try line.endpoint(line.words[1], defaultPort: 40_000)
        let path = ClientPath(
            client: endpoint, local: IPAddress(v4: 0x7F00_0001), interface: 1, socket: 0, generation: 0,
            transport: terms.isTCP ? .tcp : .udp)
        if octets.count > 12 {
            let id = Int(octets[0]) << 8 | Int(octets[1])
            clientQuestions[ClientKey(address: endpoint.address, id: id)] = Array(octets[12...])
        }
        engine.receiveQuestion(octets.span, from: path, in: &turn)
    }

    /// `client ADDRESS gets`.
    private func clientGets(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        let address = try line.endpoint(line.words[1], defaultPort: 0).address
        guard let place = replies.firstIndex(where: { $0.path.client.address == address }) else {
            throw ScenarioError(line: line.number, text: "nothing was sent to \(address)\(outstanding)")
        }
        let reply = replies.remove(at: place)
        var words = words
        let rcode = try ScenarioText.rcode(words.popFirst(), line)
        var terms = try ScenarioTerms(words, line)
        terms.rcode = rcode
        var message = PlainMessage()
        message.id = UInt16(truncatingIfNeeded: terms.id ?? 1)
        message.flags = terms.flags | 0x8080
        let actual = try decoded(reply.octets, line)
        if terms.hasQuestion {
            // Octet by octet what was asked, letter case included.
            let key = ClientKey(address: address, id: Int(message.id))
            guard let sent = clientQuestions[key],
                reply.octets.dropFirst(12).starts(with: sent.prefix(questionLength(sent)))
            else { throw ScenarioError(line: line.number, text: "the reply's question is not the client's") }
            message.questions = actual.questions
        }
        try ScenarioText.addRecords(line, to: &message)
        if let opt = terms.opt { message.additionals.append(opt) }
        try compare(
            message, overTCP: terms.isTCP, with: actual, overTCP: reply.path.transport == .tcp, line)
    }

    /// Octets of a message's question.
    private func questionLength(_ octets: [UInt8]) -> Int {
        var position = 0
        while position < octets.count, octets[position] != 0 { position += 1 + Int(octets[position]) }
        return position + 5
    }

    // MARK: - Servers

    /// `server ADDRESS is asked`.
    private func serverIsAsked(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        let address = try line.endpoint(line.words[1], defaultPort: 53).address
        guard !questions.isEmpty else {
            throw ScenarioError(line: line.number, text: "no question was sent\(outstanding)")
        }
        let sent = questions.removeFirst()
        let server = engine.policy.servers[sent.path.server].address
        guard server == address else {
            throw ScenarioError(line: line.number, text: "\(server) was asked instead")
        }
        asked[address, default: []].append(sent)
        var words = words
        let name = words.popFirst()
        let type = words.popFirst()
        let terms = try ScenarioTerms(words, line)
        var message = PlainMessage()
        let actual = try decoded(sent.octets, line)
        message.id = actual.id
        message.flags = terms.flags
        message.questions = [try ScenarioText.question(name, type, line)]
        if let opt = terms.opt { message.additionals.append(opt) }
        try compare(
            message, overTCP: terms.isTCP, with: actual, overTCP: sent.path.transport == .tcp, line)
    }

    /// `server ADDRESS answers`.
    private func serverAnswers(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        let address = try line.endpoint(line.words[1], defaultPort: 53).address
        var words = words
        let isBare = words.first == "octets"
        let rcode = isBare ? 0 : try ScenarioText.rcode(words.first, line)
        words.removeFirst()
        var terms = try ScenarioTerms(isBare ? [] : words, line)
        terms.rcode = rcode
        let all = asked[address] ?? []
        let place = (terms.attempt ?? all.count) - 1
        guard all.indices.contains(place) else {
            throw ScenarioError(line: line.number, text: "\(address) has not been asked so often")
        }
        let sent = all[place]
        var message = sent.octets.prefix(2) + []
        if isBare {
            let question = hexadecimal(
                Array(sent.octets[12..<12 + questionLength(Array(sent.octets[12...]))]))
            message += octets(hexadecimal: words.map { $0 == "Q" ? question : $0 }.joined())
        } else {
            message = try answer(to: sent.octets, terms, line).encoded(.owners)[...]
        }
        let octets = Array(message)
        var path = sent.path
        if terms.wrong.contains("socket") { path.socket = (path.socket + 1) % UpstreamSockets.perServer }
        engine.receiveAnswer(octets.span, over: path, in: &turn)
    }

    /// Passes a server's message to the engine.
    private func answer(
        to sent: [UInt8], _ terms: ScenarioTerms, _ line: Scenario.Line
    ) throws(ScenarioError) -> PlainMessage {
        let question = try decoded(sent, line)
        var message = PlainMessage()
        message.id = terms.wrong.contains("id") ? question.id ^ 1 : question.id
        message.flags = terms.flags | 0x8000
        if terms.hasQuestion { message.questions = terms.question.map { [$0] } ?? question.questions }
        try ScenarioText.addRecords(line, to: &message)
        if let opt = terms.opt { message.additionals.append(opt) }
        return message
    }

    /// `server ADDRESS fails`.
    private func serverFails(_ line: Scenario.Line, _ words: ArraySlice<String>) throws(ScenarioError) {
        let address = try line.endpoint(line.words[1], defaultPort: 53).address
        let failures: [String: UpstreamFailure] = [
            "refused": .refused, "unreachable": .unreachable, "closed": .closed,
        ]
        let word = words.first ?? ""
        let isLocal = word == "no-socket"
        guard isLocal || word == "icmp" || failures[word] != nil else {
            throw ScenarioError(line: line.number, text: "which failure?")
        }
        let transport: Transport = words.contains("tcp") ? .tcp : .udp
        guard let sent = asked[address]?.last(where: { $0.path.transport == transport }) else {
            throw ScenarioError(line: line.number, text: "\(address) has not been asked so")
        }
        if let failure = failures[word] {
            engine.take(.failed(failure), on: sent.path, in: &turn)
        } else if isLocal {
            engine.take(.failedHere(.descriptors), on: sent.path, in: &turn)
        } else {
            engine.take(.hinted, on: sent.path, in: &turn)
        }
    }

    /// `path FROM TO closes REASON`, `opens`, or `is carried by RELAY ...`.
    private func setGate(_ words: [String]) {
        guard words.count > 3 else { return }
        if words[3...].starts(with: ["is", "carried", "by"]) {
            return engine.policy.gates.carry(from: words[1], to: words[2], by: Array(words.dropFirst(6)))
        }
        let reason = words.dropFirst(4).joined(separator: " ")
        engine.policy.gates.set(
            from: words[1], to: words[2],
            words[3] == "closes" ? .closed(ExtendedError(.networkError, reason)) : .open)
    }

    // MARK: - The prober

    /// `server ADDRESS is found`.
    private func serverIsFound(
        _ line: Scenario.Line, _ state: String, _ words: ArraySlice<String>
    ) throws(ScenarioError) {
        let address = try line.endpoint(line.words[1], defaultPort: 53).address
        guard let server = engine.policy.servers.firstIndex(where: { $0.address == address }) else {
            throw ScenarioError(line: line.number, text: "\(address) is no server")
        }
        let modes: [String: ServerHealth.Mode] = [
            "alive": .full, "without-edns": .withoutEDNS, "over-tcp": .onlyTCP,
        ]
        guard let mode = modes[state] else {
            guard state == "dead" else { throw ScenarioError(line: line.number, text: "found \(state)?") }
            board.servers[server].markDead(words.joined(separator: " "))
            return
        }
        var words = words
        var milliseconds = 1
        var size = 1232
        while let word = words.popFirst() {
            switch word {
            case "rtt": milliseconds = try line.number(words.popFirst())
            case "size": size = try line.number(words.popFirst())
            default: throw ScenarioError(line: line.number, text: "`\(word)` says nothing here")
            }
        }
        board.servers[server].answered(
            in: mode, after: Int64(milliseconds) * 1_000_000, payloadSize: size, at: now)
    }

    /// `cluster KEY has soa`.
    private func learnSOA(_ line: Scenario.Line) throws(ScenarioError) {
        guard line.words.count == 5, line.words[3] == "soa",
            let group = engine.policy.groups.firstIndex(where: { $0.name == line.words[1] })
        else { throw ScenarioError(line: line.number, text: "which cluster has which SOA?") }
        board.learnSOA(group: group, record: try ScenarioText.wire(line.words[4], line))
    }

    // MARK: - Time and silence

    /// `after TIME`.
    private func pass(_ line: Scenario.Line) throws(ScenarioError) {
        try expectNothing(line: line.number)
        let word = line.words.count > 1 ? line.words[1] : ""
        let unit = word.hasSuffix("ms") ? 1 : 1000
        let milliseconds = unit * (try line.number(String(word.dropLast(unit == 1 ? 2 : 1))))
        let end = now.advanced(milliseconds: milliseconds)
        while let due = engine.nextDeadline, due <= end {  // each deadline is later than the one before
            guard due > now else {
                throw ScenarioError(line: line.number, text: "a deadline that is over stays set")
            }
            now = due
            engine.expire(in: &turn)
        }
        now = end
    }

    /// `nothing more is sent`.
    private func expectNothing(line: Int) throws(ScenarioError) {
        guard replies.isEmpty, questions.isEmpty else {
            throw ScenarioError(line: line, text: "more was sent than expected\(outstanding)")
        }
    }

    /// The messages that were not expected yet, in the words of a scenario.
    private var outstanding: String {
        var text = ""
        for sent in questions {
            text +=
                "\n  server \(engine.policy.servers[sent.path.server].address) is asked "
                + described(sent.octets, sent.path.transport)
        }
        for reply in replies {
            text +=
                "\n  client \(reply.path.client.address) gets "
                + described(reply.octets, reply.path.transport)
        }
        return text.isEmpty ? "" : "; outstanding:" + text
    }

    /// A message in the words of a scenario.
    private func described(_ octets: [UInt8], _ transport: Transport) -> String {
        guard let message = try? PlainMessage(decoding: octets) else {
            return "octets \(hexadecimal(octets))"
        }
        return ScenarioText.describe(message, isTCP: transport == .tcp).joined(separator: "\n  ")
    }

    /// Decodes a message.
    private func decoded(_ octets: [UInt8], _ line: Scenario.Line) throws(ScenarioError) -> PlainMessage {
        do throws(PlainDecodingError) {
            return try PlainMessage(decoding: octets)
        } catch {
            throw ScenarioError(line: line.number, text: "not readable: \(error): \(hexadecimal(octets))")
        }
    }

    /// Compares a message with the line.
    private func compare(
        _ expected: PlainMessage, overTCP expectedTCP: Bool, with actual: PlainMessage,
        overTCP actualTCP: Bool,
        _ line: Scenario.Line
    ) throws(ScenarioError) {
        let due = ScenarioText.describe(expected, isTCP: expectedTCP)
        let got = ScenarioText.describe(actual, isTCP: actualTCP)
        guard due != got else { return }
        var text = "otherwise than expected:"
        for row in due where !got.contains(row) { text += "\n  - \(row)" }
        for row in got where !due.contains(row) { text += "\n  + \(row)" }
        if Set(due) == Set(got) { text += "\n  in another order: \(got.joined(separator: "\n  "))" }
        throw ScenarioError(line: line.number, text: text)
    }
}
