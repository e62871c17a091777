package import HTTP
package import IPAddressing
package import LinuxSystem

/// A small HTTP/1.1 server for browsers and metrics collectors, on a thread of its own.
///
/// It answers GET and HEAD, one request a connection, and never waits for a client: there are few at a
/// time, each has a few seconds, and for each at most one request head is stored. A request whose Host
/// field names another machine is refused, so that a foreign page that points its own name here (DNS
/// rebinding) reads nothing.
package final class HTTPServer: Sendable {
    /// Where it listens, with the ports that the kernel chose.
    package let endpoints: [Endpoint]
    /// The server's thread.
    private let thread: ConnectionThread

    /// Gives the response for a page; called on the server's thread.
    package typealias Responder = @Sendable (PageRequest) -> HTTPResponse?

    /// A page that a client wants.
    package struct PageRequest: Hashable, Sendable {
        /// Beginning with `/`.
        package let path: String
        /// What follows the first `?`, as it came; empty if there is none.
        package let query: String
        /// The client's address.
        package let client: IPAddress

        package init(path: String, query: String = "", client: IPAddress) {
            self.path = path
            self.query = query
            self.client = client
        }
    }

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

    /// - Parameters:
    ///   - tick: Called every five seconds on the server's thread.
    ///   - complain: Called at most once a minute if connections cannot be accepted.
    package init(
        listen wanted: [Endpoint], access: Access, tick: @escaping @Sendable () -> Void = {},
        complain: @escaping @Sendable (Errno) -> Void = { _ in }, respond: @escaping Responder
    ) throws(HTTPServerError) {
        var listeners: [StreamListener] = []
        var endpoints: [Endpoint] = []
        for endpoint in wanted {
            do throws(Errno) {
                let socket = try StreamSocket.listen(on: endpoint, sharesPort: false)
                endpoints.append(try socket.localEndpoint())
                listeners.append(StreamListener(socket))
            } catch {
                throw HTTPServerError(endpoint: endpoint, error: error)
            }
        }
        do throws(Errno) {
            thread = try ConnectionThread(
                name: "http", listeners, HTTPService(access: access, respond: respond),
                ConnectionDuties(tick: tick, complain: complain))
        } catch {
            throw HTTPServerError(endpoint: nil, error: error)
        }
        self.endpoints = endpoints
    }

    /// Ends the thread; the sockets close with it.
    package func stop() {
        thread.stop()
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
