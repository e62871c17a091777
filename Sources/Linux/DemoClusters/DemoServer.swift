import DNSWire
import Glibc
package import IPAddressing
package import LinuxSystem

/// A name server of the demo: one thread that answers over UDP and TCP from a `ZoneResponder`.
///
/// It stops and closes its sockets at the end of its life.
package struct DemoServer: ~Copyable {
    /// Where it listens, with the port that the kernel chose where 0 was asked for.
    package let endpoint: Endpoint

    private let stop: StopSignal
    private var thread: NativeThread?

    /// Starts to listen on `endpoint`.
    package init(_ responder: ZoneResponder, on endpoint: Endpoint) throws(Errno) {
        let datagrams = try DatagramSocket.listen(on: endpoint, sharesPort: false, reportsLocalAddress: false)
        let bound = try datagrams.localEndpoint()
        let streams = try StreamSocket.listen(on: bound, sharesPort: false)
        let stop = StopSignal(try EventFD())
        let loop = DemoLoop(responder, datagrams, streams, stop)
        let thread = try NativeThread(name: "demo-\(bound.port)", stackSize: 512 * 1024) { loop.run() }
        self.endpoint = bound
        self.stop = stop
        self.thread = consume thread
    }

    deinit {
        stop.event.signal()
        thread?.join()
    }
}

/// Ends a server's thread; shared by the thread and its owner.
final class StopSignal: Sendable {
    let event: EventFD

    init(_ event: consuming EventFD) {
        self.event = event
    }
}
