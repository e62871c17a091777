import DNSWire
import DomainNames
import Time

/// One message sent to one server.
struct Attempt {
    /// The message ID, drawn at random.
    var id: UInt16 = 0
    /// Its outcome so far.
    var state = State.unused
    /// True if the question had an OPT record.
    var usesEDNS = true
    /// True if our cookie went with it.
    var sentCookie = false
    /// True once its silence was counted as a failure of the server.
    var isBlamed = false
    /// True once ICMP said that no answer will come; the attempt still waits for one.
    var isHinted = false
    /// The letter case in which the name went out; nil: the client's.
    var letterCase: LetterCase?
    /// The socket that it was sent by.
    var path = UpstreamPath(server: 0, socket: 0, transport: .udp)
    /// The time when it was sent.
    var sent = MonotonicTime(nanoseconds: 0)

    /// The outcome of an attempt.
    enum State: Hashable {
        /// Not sent yet.
        case unused
        /// An answer may still come, even after another server was asked.
        case waiting
        /// No answer came, and none is expected.
        case failed(UpstreamFailure)
        /// Answered with a response code that is not an answer to the question.
        case declined(ResponseCode)
        /// Answered with a message that is malformed or does not fit the question.
        case unusable
        /// The answer over UDP was truncated: the question is asked again over TCP.
        case truncated
        /// The answer over UDP may be forged: the question is asked again over TCP.
        case distrusted
        /// The question could not be sent because of a local failure.
        case unsent(LocalFailure)
    }

    /// True while it waits for an answer.
    var isWaiting: Bool {
        if case .waiting = state { true } else { false }
    }

    /// True while it waits for an answer by `path`.
    func isWaiting(for path: UpstreamPath) -> Bool { isWaiting && self.path == path }
}

/// How a server is to be asked.
struct AttemptPlan {
    /// Index into `ForwardingPolicy.servers`.
    let server: Int
    /// The transport.
    var transport = Transport.udp
    /// True for a question with an OPT record.
    var usesEDNS = true
}

/// The attempts of one transaction towards its current group, the oldest first.
extension Span<Attempt> {
    /// True while an answer is waited for.
    var isWaiting: Bool {
        for index in indices where self[index].isWaiting { return true }
        return false
    }

    /// True once ICMP said of one that no answer will come.
    var isHinted: Bool {
        for index in indices where self[index].isHinted { return true }
        return false
    }

    /// True if ICMP said so of each waiting attempt.
    var areAllHinted: Bool {
        for index in indices {
            let attempt = self[index]
            if attempt.isWaiting, !attempt.isHinted { return false }
        }
        return true
    }

    /// The one that waits for an answer with this ID by this path (RFC 5452 section 9.1).
    func place(waitingFor id: UInt16, by path: UpstreamPath) -> Int? {
        for index in indices where self[index].id == id {
            if self[index].isWaiting(for: path) { return index }
        }
        return nil
    }

    /// True if `server` was asked, with or without success.
    func hasAsked(_ server: Int) -> Bool {
        for index in indices where self[index].path.server == server { return true }
        return false
    }

    /// How often `server` was asked; nil if it must not be asked again: it answered, was asked often enough,
    /// or is being asked over TCP, which loses nothing.
    func timesAsked(_ server: Int) -> Int? {
        var asked = 0
        var hinted = 0
        for index in indices where self[index].path.server == server {
            let isHinted = self[index].isHinted
            switch self[index].state {
            case .declined, .unusable, .failed, .truncated, .distrusted: return nil
            // An attempt that ICMP reported as undeliverable counts half: then there are five at most.
            case .waiting where isHinted: hinted += 1
            case .waiting, .unused: asked += 1
            case .unsent: break
            }
        }
        asked += (hinted + 1) / 2
        return asked < 3 ? asked : nil  // RFC 9520 section 3.1
    }

    /// How often `server` was asked over TCP.
    func timesAskedOverTCP(_ server: Int) -> Int {
        var asked = 0
        for index in indices where self[index].path.server == server {
            if self[index].path.transport == .tcp { asked += 1 }
        }
        return asked
    }

    /// How many wait for an answer of `server`.
    func waitingCount(for server: Int) -> Int {
        var count = 0
        for index in indices where self[index].path.server == server {
            if self[index].isWaiting { count += 1 }
        }
        return count
    }

    /// True if `server` declined one with this response code.
    func hasDeclined(_ server: Int, with rcode: ResponseCode) -> Bool {
        for index in indices where self[index].path.server == server {
            if self[index].state == .declined(rcode) { return true }
        }
        return false
    }

    /// True if `server` declined one with EDNS.
    func hasDeclinedEDNS(_ server: Int) -> Bool {
        for index in indices where self[index].path.server == server {
            if self[index].usesEDNS, case .declined = self[index].state { return true }
        }
        return false
    }
}

extension Attempt: CustomStringConvertible {
    /// Its outcome, as shown to clients.
    var description: String {
        let transport = path.transport == .tcp ? " over TCP" : ""
        return switch state {
        case .waiting: "timeout\(transport)"
        case .failed(.closed): "closed the connection"
        case .failed(let failure): "\(failure)\(transport)"
        case .declined(let rcode): "answered \(Self.name(of: rcode))\(transport)"
        case .unusable: "gave a malformed answer\(transport)"
        case .truncated: "truncated\(transport)"
        case .distrusted: "answered doubtfully"
        case .unsent(let failure): "not asked: \(failure)"
        case .unused: "not asked"
        }
    }

    /// The name of a response code.
    private static func name(of rcode: ResponseCode) -> String {
        switch rcode {
        case .formatError: "FORMERR"
        case .serverFailure: "SERVFAIL"
        case .notImplemented: "NOTIMP"
        case .refused: "REFUSED"
        case .notAuthoritative: "NOTAUTH"
        case .badVersion: "BADVERS"
        default: "rcode \(rcode.rawValue)"
        }
    }
}
