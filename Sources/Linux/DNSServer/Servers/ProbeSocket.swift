import DNSWire
import IPAddressing
import LinuxSystem
import Synchronization

/// The socket that one probe is sent on.
final class ProbeSocket {
    /// The socket.
    let descriptor: FileDescriptor
    /// The message ID that the answer must carry.
    let id: UInt16
    /// The ID as the first octets of a message.
    var idOctets: [UInt8] { [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)] }
    /// Its token in epoll.
    let token: UInt64
    /// True for TCP.
    private let isStream: Bool
    /// The question's name as it was sent, with its letter case.
    private let name: [UInt8]
    /// Octets that are not sent yet.
    private var unsent: [UInt8]
    /// Octets of the answer over TCP.
    private var framing = StreamFraming()

    init(
        _ way: ServerProbe.Way, _ server: Endpoint, id: UInt16, token: UInt64, message: [UInt8]
    ) throws(Errno) {
        self.id = id
        self.token = token
        isStream = way == .overTCP
        let length = (try? Question(reading: message.span))?.nameLength ?? 0
        name = Array(message.dropFirst(Question.nameStart).prefix(length))
        descriptor = try isStream ? StreamSocket.connect(to: server) : DatagramSocket.connect(to: server)
        let prefix = [
            UInt8(truncatingIfNeeded: message.count >> 8), UInt8(truncatingIfNeeded: message.count),
        ]
        unsent = isStream ? prefix + message : message
    }

    /// Whether an answer repeats the name's letter case; nil if the name has no letters, and over TCP, where
    /// that does not matter.
    func keepsLetterCase(_ answer: [UInt8]) -> Bool? {
        guard !isStream, name.contains(where: { ($0 | 0x20) &- 0x61 < 26 }) else { return nil }
        return answer.dropFirst(Question.nameStart).starts(with: name)
    }

    /// How far a question is sent.
    enum Sending {
        /// All of it.
        case whole
        /// The rest must wait.
        case partial
    }

    /// Sends what is left.
    func send() throws(Errno) -> Sending {
        guard !unsent.isEmpty else { return .whole }
        // Connected sockets of both kinds are written the same way; a datagram is sent whole or not at all.
        let octets = unsent
        let sent = try StreamSocket.send(octets.span, on: descriptor)
        unsent.removeFirst(sent)
        return unsent.isEmpty ? .whole : .partial
    }

    /// A separate function, so that the access to the buffer's storage ends before the buffer is read.
    private static func receive(
        from descriptor: borrowing FileDescriptor, into buffer: inout [UInt8]
    ) throws(Errno) -> StreamSocket.Received {
        var room = buffer.mutableSpan
        return try StreamSocket.receive(from: descriptor, into: &room)
    }

    /// The answer, if it is complete.
    func receive() throws(Errno) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let received = try Self.receive(from: descriptor, into: &buffer)
        switch received {
        case .nothing:
            return nil
        case .end:
            if isStream { throw .connectionReset }
            return []
        case .octets(let count):
            guard isStream else { return Array(buffer.prefix(count)) }
            framing.append(buffer.span.extracting(0..<count))
            guard let range = try? framing.next() else { return nil }
            return framing.withMessage(range) { message in message.indices.map { message[$0] } }
        }
    }
}

/// A thread that is started after the object that owns it was made.
final class ThreadBox: Sendable {
    /// The thread.
    private let thread = Mutex<NativeThread?>(nil)

    /// Stores the thread.
    func set(_ started: NativeThread) {
        thread.withLock { $0 = started }
    }

    /// Waits until the thread, if there is one, has ended.
    func join() {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }
}
