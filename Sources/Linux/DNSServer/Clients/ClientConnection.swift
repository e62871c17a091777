import DNSWire
import Forwarding
import LinuxSystem
import Time

/// A client's connection: its socket, its input and output, and its progress.
final class ClientConnection {
    /// The socket.
    let descriptor: FileDescriptor
    /// Part of every question of this connection, and of its answer.
    let path: ClientPath
    /// Octets from the client.
    var framing = StreamFraming()
    /// Answers that are not sent yet.
    var output = MessageQueue()
    /// Decides when the connection is read and closed.
    var progress: ClientProgress
    /// What epoll watches the socket for.
    var interest: Epoll.Interest = .readable
    /// True while it is in the worker's list of connections to serve.
    var isListed = false
    /// Octets of input and output that `ClientTable.queuedOctets` counts.
    var countedOctets = 0

    init(_ descriptor: consuming FileDescriptor, path: ClientPath, at now: MonotonicTime) {
        self.descriptor = descriptor
        self.path = path
        progress = ClientProgress(startedAt: now)
    }
}

/// Decides when a client's connection is read, paused and closed.
struct ClientProgress: Hashable, Sendable {
    /// Questions whose answers have not come yet.
    private(set) var pending = 0
    /// True once the client has sent its last octet; it may still wait for answers (RFC 1035 section 4.2.2).
    private(set) var hasEnded = false
    /// When it last brought a whole message or took octets of an answer. Single octets don't count, so that a
    /// client can't hold a connection open by sending one octet at a time.
    private(set) var lastActivity: MonotonicTime
    /// When it was accepted.
    private let startedAt: MonotonicTime
    /// True once it is so old that it may bring no more questions.
    private(set) var isRetired = false

    init(startedAt now: MonotonicTime) {
        lastActivity = now
        startedAt = now
    }

    /// What became of a connection that was looked at for its age.
    enum Aging {
        /// It is retired now.
        case retired
        /// It is young enough, or was retired before.
        case unchanged
    }

    /// Retires a connection that is old enough.
    mutating func retireWhereOld(at now: MonotonicTime, _ settings: DNSServerSettings) -> Aging {
        guard !isRetired, startedAt.advanced(milliseconds: settings.connectionMilliseconds) <= now else {
            return .unchanged
        }
        retire()
        return .retired
    }

    /// No more questions are taken from now on.
    mutating func retire() {
        isRetired = true
    }

    /// Notes a question.
    mutating func tookQuestion(at now: MonotonicTime) {
        pending += 1
        lastActivity = now
    }

    /// The engine gave an answer, or there will be none.
    mutating func answeredQuestion() {
        pending = max(0, pending - 1)
    }

    /// Notes that the client has taken octets.
    mutating func sentOctets(at now: MonotonicTime) {
        lastActivity = now
    }

    /// Notes the end of the client's stream.
    mutating func reachedEnd() {
        hasEnded = true
    }

    /// True if another question may be taken while `queued` octets wait for the client to read them.
    func mayTakeQuestion(queued: Int, _ settings: DNSServerSettings) -> Bool {
        !isRetired && pending < settings.questionsPerConnection && queued < settings.outputLimit
    }

    /// True if every question has been answered and every answer read, so that the connection can be closed
    /// in favour of another.
    func isIdle(queued: Int) -> Bool { pending == 0 && queued == 0 }

    /// True if no more questions come, and the client got everything.
    func isFinished(queued: Int) -> Bool { (hasEnded || isRetired) && isIdle(queued: queued) }

    /// True if it has been idle too long.
    func isExpired(at now: MonotonicTime, _ settings: DNSServerSettings) -> Bool {
        lastActivity.advanced(milliseconds: settings.idleTimeoutMilliseconds) <= now
    }

    /// The events to watch the socket for.
    func interest(queued: Int, _ settings: DNSServerSettings) -> Epoll.Interest {
        var interest: Epoll.Interest = []
        if !hasEnded, mayTakeQuestion(queued: queued, settings) { interest.insert(.readable) }
        if queued > 0 { interest.insert(.writable) }
        return interest
    }
}
