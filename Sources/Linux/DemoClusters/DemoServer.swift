import DNSWire
import Glibc
package import IPAddressing
package import LinuxSystem

/// A name server of the demo: one thread that answers over UDP and TCP from a `ZoneResponder`.
///
/// It stops and closes its sockets at the end of its life.
package struct DemoServer: ~Copyable {
    /// Where it listens, with the port that the kernel chose if 0 was requested.
    package let endpoint: Endpoint

    /// Ends the thread.
    private let stop: StopSignal
    /// The server's thread.
    private var thread: NativeThread?

    /// Starts to listen on `endpoint`.
    package init(_ responder: ZoneResponder, on endpoint: Endpoint) throws(Errno) {
        let sockets = try Self.bind(endpoint)
        let bound = sockets.endpoint
        let stop = StopSignal(try EventFD())
        let loop = DemoLoop(responder, sockets, stop: stop)
        let thread = try NativeThread(name: "demo-\(bound.port)", stackSize: 512 * 1024) { loop.run() }
        self.endpoint = bound
        self.stop = stop
        self.thread = consume thread
    }

    /// The sockets of one server; `endpoint` has the port that the kernel chose if 0 was requested.
    struct Sockets: ~Copyable, Sendable {
        /// The UDP socket.
        let datagrams: FileDescriptor
        /// The listening TCP socket.
        let streams: FileDescriptor
        /// Where both are bound.
        let endpoint: Endpoint
    }

    /// A port that the kernel chose for UDP may be in use for TCP: then another is tried, a few times.
    private static func bind(_ endpoint: Endpoint) throws(Errno) -> Sockets {
        for _ in 0..<(endpoint.port == 0 ? 16 : 0) {
            do throws(Errno) {
                return try bindOnce(endpoint)
            } catch .addressInUse {
                continue
            }
        }
        return try bindOnce(endpoint)
    }

    /// Binds both sockets to one port.
    private static func bindOnce(_ endpoint: Endpoint) throws(Errno) -> Sockets {
        let datagrams = try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
        let bound = try datagrams.localEndpoint()
        let streams = try StreamSocket.listen(on: bound, sharesPort: false)
        return Sockets(datagrams: datagrams, streams: streams, endpoint: bound)
    }

    deinit {
        stop.event.signal()
        thread?.join()
    }
}

/// Ends a server's thread; shared by the thread and its owner.
final class StopSignal: Sendable {
    /// Wakes the thread.
    let event: EventFD

    init(_ event: consuming EventFD) {
        self.event = event
    }
}
