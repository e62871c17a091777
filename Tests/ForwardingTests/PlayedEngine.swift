import AnswerCache
import DNSWire
import IPAddressing
import Inventory
import TestSupport
import Time

@testable import Forwarding

/// An engine whose clients and servers a test plays itself.
final class PlayedEngine {
    private var engine: ForwardingEngine
    private var turn = Turn(
        at: MonotonicTime(nanoseconds: 90_000_000_000_000), random: SplitMix64(seed: 4))
    var now: MonotonicTime {
        get { turn.now }
        set { turn.now = newValue }
    }

    struct Question {
        let path: UpstreamPath
        let octets: [UInt8]
    }

    /// What was sent and not taken yet.
    private(set) var replies: [(client: IPAddress, octets: [UInt8])] = []
    private(set) var questions: [Question] = []

    init(
        _ inventory: Inventory, board: HealthBoard? = nil, identity: ProcessIdentity? = nil,
        cache: AnswerCache? = nil
    ) {
        engine = ForwardingEngine(
            policy: ForwardingPolicy(inventory), hashKey: 11, cache: cache, board: board, identity: identity)
        engine.unixTime = 1_800_000_000
    }

    var counters: EngineCounters { engine.counters }
    var gates: PathGates { engine.policy.gates }
    var meters: EngineMeters { engine.meters }
    var refusedClients: RefusedClients { engine.refusedClients }
    var unixTime: UInt32 {
        get { engine.unixTime }
        set { engine.unixTime = newValue }
    }

    /// The replies to a client's message; those of before are dropped.
    @discardableResult
    func ask(_ octets: [UInt8], from client: IPAddress, over transport: Transport = .udp) -> [[UInt8]] {
        let path = ClientPath(
            client: Endpoint(address: client, port: 4_000), local: IPAddress(v4: 0x7F00_0001), interface: 0,
            socket: 0, generation: 0, transport: transport)
        replies = []
        engine.receiveQuestion(octets.span, from: path, in: &turn)
        take()
        return replies.map(\.octets)
    }

    /// A server's answer to a question that was sent.
    func answer(_ question: Question, _ octets: [UInt8]) {
        engine.receiveAnswer(octets.span, over: question.path, in: &turn)
        take()
    }

    func pass(milliseconds: Int) {
        now = now.advanced(milliseconds: milliseconds)
        engine.expire(in: &turn)
        take()
    }

    func forgetQuestions() { questions = [] }

    private func take() {
        for reply in turn.outbox.replies {
            replies.append((reply.path.client.address, (reply.start..<reply.end).map { turn.outbox.octets[$0] }))
        }
        for sent in turn.outbox.questions {
            questions.append(
                Question(path: sent.path, octets: (sent.start..<sent.end).map { turn.outbox.octets[$0] }))
        }
        turn.outbox.removeAll()
    }
}

/// A question in wire form.
///
/// - Parameter options: EDNS options; nil: no EDNS.
func questionOctets(_ name: String, type: Int = 1, options: [UInt8]? = []) -> [UInt8] {
    var message = PlainMessage()
    message.id = 7
    message.flags = 0x0100
    message.questions = [PlainQuestion(PlainName(name), type: type, recordClass: 1)]
    if let options {
        message.additionals = [
            PlainRecord(PlainName(labels: []), type: 41, recordClass: 1232, ttl: 0, [.octets(options)])
        ]
    }
    return message.encoded()
}

/// The data of an option of a message whose last record is OPT; nil if it has none.
func option(_ code: Int, of octets: [UInt8]) -> [UInt8]? {
    guard let message = try? PlainMessage(decoding: octets), let opt = message.opt else { return nil }
    for case .octets(let options) in opt.data {
        var position = 0
        while position + 4 <= options.count {
            let length = Int(options[position + 2]) << 8 | Int(options[position + 3])
            if Int(options[position]) << 8 | Int(options[position + 1]) == code {
                return Array(options[(position + 4)...].prefix(length))
            }
            position += 4 + length
        }
    }
    return nil
}

/// The response code, OPT's part included.
func rcode(of octets: [UInt8]) -> Int {
    guard let message = try? PlainMessage(decoding: octets) else { return -1 }
    return Int(message.flags & 0xF) | Int((message.opt?.ttl ?? 0) >> 24) << 4
}
