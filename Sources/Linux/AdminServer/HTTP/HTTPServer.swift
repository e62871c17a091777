package import HTTP
package import IPAddressing
package import LinuxSystem
import Synchronization

/// A small HTTP/1.1 server for people and collectors, on a thread of its own.
///
/// It answers GET and HEAD, one request a connection, without ever waiting for a client: there are few at a
/// time, each has a few seconds, and of each no more than one head is kept. Whose Host field names a machine
/// that this one is not is refused, so that a foreign page that has its own name lead here (DNS rebinding)
/// reads nothing.
package final class HTTPServer: Sendable {
    /// Where it listens; ports that the kernel chose stand here as numbers.
    package let endpoints: [Endpoint]
    private let wake: EventFD
    private let thread: NativeThread
    private let isStopped = Mutex(false)

    /// Gives the answer to a path; called on the server's thread.
    package typealias Responder = @Sendable (String) -> HTTPResponse?

    /// Who is answered.
    package struct Access: Sendable {
        /// Clients' addresses.
        let clients: IPPrefixTable<Bool>
        /// Names, in lower case, by which this machine may be called besides its addresses and `localhost`.
        let hosts: Set<String>

        package init(clients: [IPPrefix], hosts: [String]) {
            self.clients = IPPrefixTable(clients.map { ($0, true) })
            self.hosts = Set(hosts.map { $0.lowercased() })
        }
    }

    /// Connections at a time; beyond that the one that has waited longest for its client goes.
    static let mostConnections = 32
    /// How long a client may take to ask.
    static let askingMilliseconds = 5_000
    /// How long it may take to read the answer.
    static let answeringMilliseconds = 15_000

    /// - Parameters:
    ///   - tick: Called every five seconds on the server's thread.
    ///   - complain: Called at most once a minute where clients cannot be taken in.
    package init(
        listen wanted: [Endpoint], access: Access, tick: @escaping @Sendable () -> Void = {},
        complain: @escaping @Sendable (Errno) -> Void = { _ in }, respond: @escaping Responder
    ) throws(HTTPServerError) {
        var listeners: [HTTPListener] = []
        var endpoints: [Endpoint] = []
        for endpoint in wanted {
            do throws(Errno) {
                let socket = try StreamSocket.listen(on: endpoint, sharesPort: false)
                endpoints.append(try socket.localEndpoint())
                listeners.append(HTTPListener(socket))
            } catch {
                throw HTTPServerError(endpoint: endpoint, error: error)
            }
        }
        do throws(Errno) {
            let wake = try EventFD()
            let loop = try HTTPLoop(listeners, access, tick, complain, respond)
            try loop.epoll.add(wake.descriptor, .readable, token: HTTPLoop.wakeToken)
            thread = try NativeThread(name: "http", stackSize: 512 * 1024) { loop.run() }
            self.wake = wake
        } catch {
            throw HTTPServerError(endpoint: nil, error: error)
        }
        self.endpoints = endpoints
    }

    deinit {
        stop()
    }

    /// Ends the thread; the sockets close with the server.
    package func stop() {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        wake.signal()
        thread.join()
    }
}

/// Why the server cannot be had.
package struct HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it could not listen; nil if something else failed.
    package let endpoint: Endpoint?
    package let error: Errno

    package var description: String {
        endpoint.map { "cannot listen on \($0) (admin.listen): \(error)" } ?? "\(error)"
    }
}

/// A listening socket that can stand in an array.
final class HTTPListener: Sendable {
    let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }
}
