package import HTTP
package import IPAddressing
package import LinuxSystem
import Synchronization

/// A small HTTP/1.1 server for browsers and metrics collectors, on a thread of its own.
///
/// It answers GET and HEAD, one request a connection, and never waits for a client: there are few at a
/// time, each has a few seconds, and for each at most one request head is stored. A request whose Host
/// field names another machine is refused, so that a foreign page that points its own name here (DNS
/// rebinding) reads nothing.
package final class HTTPServer: Sendable {
    /// Where it listens, with the ports that the kernel chose.
    package let endpoints: [Endpoint]
    /// Ends the thread.
    private let wake: EventFD
    /// The server's thread.
    private let thread: NativeThread
    /// True once `stop` was called.
    private let isStopped = Mutex(false)

    /// Gives the response for a path; called on the server's thread.
    package typealias Responder = @Sendable (String) -> HTTPResponse?

    /// The clients and host names that are served.
    package struct Access: Sendable {
        /// Clients' addresses.
        let clients: IPPrefixTable<Bool>
        /// Names of this machine, in lower case, besides its addresses and `localhost`.
        let hosts: Set<String>

        package init(clients: [IPPrefix], hosts: [String]) {
            self.clients = IPPrefixTable(clients.map { ($0, true) })
            self.hosts = Set(hosts.map { $0.lowercased() })
        }
    }

    /// Connections at a time; beyond that the one with the earliest deadline is closed.
    static let mostConnections = 32
    /// How long a client may take to send its request.
    static let askingMilliseconds = 5_000
    /// How long it may take to read the response.
    static let answeringMilliseconds = 15_000

    /// - Parameters:
    ///   - tick: Called every five seconds on the server's thread.
    ///   - complain: Called at most once a minute if connections cannot be accepted.
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

/// Why the server cannot be started.
package struct HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it could not listen; nil if something else failed.
    package let endpoint: Endpoint?
    /// The system's error.
    package let error: Errno

    package var description: String {
        endpoint.map { "cannot listen on \($0) (admin.listen): \(error)" } ?? "\(error)"
    }
}

/// A listening socket as a class, so that it can be in an array.
final class HTTPListener: Sendable {
    /// The socket.
    let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }
}
