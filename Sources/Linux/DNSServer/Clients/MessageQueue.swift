import DNSWire
import LinuxSystem

/// Output of a TCP connection in one buffer, each message after its length: so that a length and its message
/// leave by one call, which some servers require (RFC 7766 section 8).
///
/// `0 <= start <= buffer.count`: what lies before `start` has been sent.
struct MessageQueue: ~Copyable {
    /// Messages with their lengths.
    private var buffer = OctetBuffer(capacity: 512)
    /// Octets that are sent.
    private var start = 0

    /// The capacity that an empty queue keeps, in octets.
    private static let usualRoom = 16 * 1024

    /// Octets that wait to be sent.
    var count: Int { buffer.count - start }

    /// Adds a message, which has at most 65,535 octets.
    mutating func append(_ message: Span<UInt8>) {
        precondition(message.count <= 0xFFFF, "a message is longer than its length field can say")
        buffer.append16(message.count)
        buffer.append(message)
    }

    /// Sends as much as `socket` accepts; the number of octets.
    mutating func send(on socket: borrowing FileDescriptor) throws(Errno) -> Int {
        guard count > 0 else { return 0 }
        let sent = try StreamSocket.send(buffer.span.extracting(start..<buffer.count), on: socket)
        removeFirst(sent)
        return sent
    }

    /// Removes the first `sent` octets.
    private mutating func removeFirst(_ sent: Int) {
        start += sent
        if start == buffer.count {
            buffer.removeAll(keeping: Self.usualRoom)
            start = 0
        } else if start > buffer.count / 2 {
            // At most as many octets are moved as have been sent since the last time.
            buffer.removeFirst(start)
            start = 0
        }
    }

    /// Drops everything.
    mutating func removeAll() {
        buffer.removeAll(keeping: Self.usualRoom)
        start = 0
    }
}
