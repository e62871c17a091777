import DNSWire
import DomainNames
import Forwarding
import IPAddressing
import LDNSBridge
import LinuxSystem
import Time

/// One name server under probing: the sockets of its running round.
struct ProbedServer {
    /// The server.
    let server: Endpoint
    /// The questions, asked in turn.
    let questions: [ProbeQuestion]
    /// The state of the probing.
    var probe: ServerProbe
    /// The mark that identifies a question to it that comes back: the same as in the workers' questions.
    let mark: UInt64
    /// The domain of the names that detect loops.
    let loopDomain: DomainName?
    /// The mode that was last reported.
    var lastMode = ServerHealth.Mode.full

    /// The loop check of the present round; nil: it does not look for loops.
    private var loopCheck: LoopCheck?
    /// True once an answer has shown a loop.
    private var hasProvenLoop = false

    /// Whether the answers of the present or last round repeated the letter case of the question's name; nil
    /// if none showed it.
    private(set) var keepsLetterCase: Bool?

    /// The sockets of the present round.
    private var sockets: [ServerProbe.Way: ProbeSocket] = [:]

    /// Sockets that are open.
    var openCount: Int { sockets.count }

    init(
        _ server: Endpoint, questions: [ProbeQuestion], mark: UInt64, loopDomain: DomainName?,
        probe: ServerProbe
    ) {
        self.server = server
        self.questions = questions
        self.mark = mark
        self.loopDomain = loopDomain
        self.probe = probe
    }

    /// True for a server of `dns.upstream`, which is asked for the root: if it cannot reach that, in an
    /// isolated network, it still has the names of that network. A cluster's server that fails is not ready.
    private var isResolver: Bool { questions.allSatisfy { $0.name == .root } }

    /// Prepares the next round.
    ///
    /// - Parameter check: The loop check to use; nil: none.
    mutating func beginRound(_ check: LoopCheck?) {
        loopCheck = loopDomain == nil ? nil : check
        hasProvenLoop = false
        keepsLetterCase = nil
    }

    /// What a round has shown of a loop.
    enum LoopProof {
        /// An answer shows that the server forwards to us.
        case found
        /// No answer does, or it was taken before.
        case none
    }

    /// Takes the round's proof of a loop.
    mutating func takeLoopProof() -> LoopProof {
        defer { hasProvenLoop = false }
        return hasProvenLoop ? .found : .none
    }

    /// Sends the round's question in one way, with ID and letter case drawn from `bits`: only a sender who
    /// has seen the question can answer it (RFC 5452 section 9.2).
    mutating func ask(
        _ way: ServerProbe.Way, _ bits: (id: UInt16, letters: UInt64), token: UInt64,
        with epoll: borrowing Epoll
    ) {
        let question = question
        guard
            var message = try? QuestionMessage.make(
                question.name.inLetterCase(LetterCase(bits: bits.letters)), type: question.type,
                id: bits.id,
                payloadSize: way == .withoutEDNS ? nil : UInt16(EDNS.advertisedPayloadSize),
                // The answer that shows a loop has no DNSSEC signature.
                checkingDisabled: loopCheck != nil)
        else { return }
        if way != .withoutEDNS {
            // OPT is last and empty: the last two octets are its length.
            let option = LoopTrail.option(mark)
            message.removeLast(2)
            message += [
                UInt8(truncatingIfNeeded: option.count >> 8), UInt8(truncatingIfNeeded: option.count),
            ]
            message += option
        }
        do throws(Errno) {
            let socket = try ProbeSocket(way, server, id: bits.id, token: token, message: message)
            try epoll.add(
                socket.descriptor, way == .overTCP ? [.readable, .writable] : .readable, token: token)
            if way != .overTCP, try socket.send() == .partial { throw .noBuffers }
            sockets[way] = socket
        } catch {
            switch SocketFault(error) {
            case .local(let failure): probe.failedHere(way, failure)
            case .remote(let failure): probe.failed(way, failure.description)
            }
        }
    }

    /// The question of the round.
    private var question: ProbeQuestion {
        if let loopCheck, let loopDomain,
            let label = try? DomainName(labels: [LoopName.label(loopCheck.name)]),
            let name = try? label.appending(loopDomain)
        {
            return ProbeQuestion(name: name, type: UInt16(LoopName.type))
        }
        return questions[probe.rounds % questions.count]
    }

    /// Handles the input of one way's socket.
    mutating func handle(
        _ way: ServerProbe.Way, _ epoll: borrowing Epoll, at now: MonotonicTime,
        learn: (ResourceRecord) -> Void
    ) {
        guard let socket = sockets[way] else { return }
        do throws(Errno) {
            if try socket.send() == .whole {
                try epoll.modify(socket.descriptor, .readable, token: socket.token)
            }
            guard let answer = try socket.receive() else { return }
            // The sender of another ID has not seen the question: the answer is still to come.
            guard way == .overTCP || answer.starts(with: socket.idOctets) else { return }
            judge(answer, way, socket: socket, at: now, learn: learn)
        } catch {
            guard way == .overTCP else { return heed(error, way, socket: socket) }
            switch SocketFault(error) {
            case .local(let failure): probe.failedHere(way, failure)
            case .remote(let failure): probe.failed(way, failure.description)
            }
        }
        sockets[way] = nil
    }

    /// ICMP reports that the server can't be reached, which can be forged: an answer still counts, and none
    /// within a short time confirms the report.
    private mutating func heed(_ error: Errno, _ way: ServerProbe.Way, socket: ProbeSocket) {
        DatagramSocket.discardErrors(of: socket.descriptor)
        switch SocketFault(error) {
        case .local(let failure): probe.hinted(way, failure.description)
        case .remote(let failure): probe.hinted(way, failure.description)
        }
    }

    /// Evaluates an answer.
    private mutating func judge(
        _ answer: [UInt8], _ way: ServerProbe.Way, socket: ProbeSocket, at now: MonotonicTime,
        learn: (ResourceRecord) -> Void
    ) {
        let asked = question
        guard let message = try? MessageOracle(answer), message.isResponse, message.id == socket.id,
            Self.isAnswer(message, to: asked)
        else {
            probe.failed(way, "malformed answer")
            return
        }
        if !(message.records[.question] ?? []).isEmpty, let keeps = socket.keepsLetterCase(answer) {
            keepsLetterCase = keeps && keepsLetterCase ?? true
        }
        if let proof = loopCheck.map({ LoopName.answer($0.secret) }),
            message.records[.answer]?.contains(where: { $0.data == proof }) ?? false
        {
            hasProvenLoop = true
        }
        switch ResponseCode(Int(message.rcode)) {
        case .noError, .nameError:
            probe.succeeded(way, at: now)
            // For a cluster only: its first question is for the SOA of its domain.
            guard questions.count > 1, Int(asked.type) == RecordType.soa, asked.name == questions[0].name
            else { return }
            let soa = message.records[.answer]?.first {
                Int($0.type) == RecordType.soa && Int($0.recordClass) == RecordClass.internet
                    && $0.owner == asked.name
            }
            if let soa { learn(soa) }
        case .serverFailure where isResolver, .refused where isResolver:
            probe.succeeded(way, at: now)
        default:
            probe.failed(way, "answered rcode \(message.rcode)")
        }
    }

    /// True if the message has the question that was asked; an error may have none.
    private static func isAnswer(_ message: MessageOracle, to asked: ProbeQuestion) -> Bool {
        let questions = message.records[.question] ?? []
        guard let question = questions.first else {
            let rcode = ResponseCode(Int(message.rcode))
            return rcode != .noError && rcode != .nameError
        }
        return questions.count == 1 && question.owner == asked.name && question.type == asked.type
            && Int(question.recordClass) == RecordClass.internet
    }

    /// Closes all sockets.
    mutating func close() {
        sockets = [:]
    }
}
