import Forwarding
import IPAddressing
import LinuxSystem

/// A listening socket of one worker, or of all where it was inherited.
final class ListeningSocket: Sendable {
    let descriptor: FileDescriptor
    /// Where it is bound; the port is never 0.
    let endpoint: Endpoint
    /// True where all workers take from it.
    let isShared: Bool

    init(_ descriptor: consuming FileDescriptor, _ endpoint: Endpoint, isShared: Bool = false) {
        self.descriptor = descriptor
        self.endpoint = endpoint
        self.isShared = isShared
    }

    /// True where it hears on every address of the host, so that replies must say which one they leave from.
    var isWildcard: Bool { endpoint.address.isUnspecified }
}

/// The listening sockets of one worker, one of each kind for each endpoint.
struct ListeningSockets: Sendable {
    var datagram: [ListeningSocket] = []
    var stream: [ListeningSocket] = []
}

extension ListeningSockets {
    /// Binds every endpoint for every worker; the kernel spreads the clients over the workers (SO_REUSEPORT).
    ///
    /// Port 0 lets the kernel choose a port, the same for all workers and for UDP and TCP.
    ///
    /// - Parameter inherited: Used for the endpoints that they are bound to.
    static func bind(
        _ endpoints: [Endpoint], workers: Int, inherited: [InheritedSocket] = []
    ) throws(DNSServerError) -> [ListeningSockets] {
        var all = Array(repeating: ListeningSockets(), count: workers)
        for endpoint in endpoints {
            let own = inherited.filter { $0.endpoint == endpoint }
            let pairs =
                own.isEmpty
                ? try bind(endpoint, workers: workers)
                : Array(repeating: try share(own, endpoint), count: workers)
            for (worker, pair) in pairs.enumerated() {
                all[worker].datagram.append(pair.datagram)
                all[worker].stream.append(pair.stream)
            }
        }
        return all
    }

    private typealias Pair = (datagram: ListeningSocket, stream: ListeningSocket)

    private static func bind(_ endpoint: Endpoint, workers: Int) throws(DNSServerError) -> [Pair] {
        // A port that the kernel has chosen for UDP may be taken for TCP: then another is tried, a few times.
        for _ in 0..<(endpoint.port == 0 ? 16 : 0) {
            do throws(DNSServerError) {
                return try bindOnce(endpoint, workers: workers)
            } catch .cannotListen(_, .tcp, .addressInUse) {
                continue
            }
        }
        return try bindOnce(endpoint, workers: workers)
    }

    private static func bindOnce(_ endpoint: Endpoint, workers: Int) throws(DNSServerError) -> [Pair] {
        // With SO_REUSEPORT the kernel lets a second server of the same user in, which would silently get
        // half of the questions. A first socket without it finds out.
        if workers == 1 { return [try bindPair(endpoint, sharesPort: false)] }
        let chosen = try bindPair(endpoint, sharesPort: false).datagram.endpoint
        var pairs: [Pair] = []
        for _ in 0..<workers { pairs.append(try bindPair(chosen, sharesPort: true)) }
        return pairs
    }

    private static func bindPair(_ endpoint: Endpoint, sharesPort: Bool) throws(DNSServerError) -> Pair {
        let datagram: ListeningSocket
        do throws(Errno) {
            let socket = try DatagramSocket.listen(
                on: endpoint, sharesPort: sharesPort, reportsLocalAddress: endpoint.address.isUnspecified)
            let bound = try socket.localEndpoint()
            datagram = ListeningSocket(socket, bound)
        } catch {
            throw .cannotListen(endpoint, .udp, error)
        }
        do throws(Errno) {
            let socket = try StreamSocket.listen(on: datagram.endpoint, sharesPort: sharesPort)
            return (datagram, ListeningSocket(socket, datagram.endpoint))
        } catch {
            throw .cannotListen(datagram.endpoint, .tcp, error)
        }
    }
    /// The pair of sockets that all workers take from, made of those inherited; what is missing is bound.
    ///
    /// A socket of its own for each worker is not to be had: beside a socket of another user, such as the
    /// service manager's, the kernel lets none be bound, whatever its options (socket(7), SO_REUSEPORT).
    private static func share(
        _ inherited: [InheritedSocket], _ endpoint: Endpoint
    ) throws(DNSServerError) -> Pair {
        if inherited.contains(where: \.takesBothFamilies) { throw .takesBothFamilies(endpoint) }
        return (
            try share(inherited.first { !$0.isStream }, endpoint, .udp),
            try share(inherited.first(where: \.isStream), endpoint, .tcp)
        )
    }

    private static func share(
        _ inherited: InheritedSocket?, _ endpoint: Endpoint, _ transport: Transport
    ) throws(DNSServerError) -> ListeningSocket {
        do throws(Errno) {
            let descriptor: FileDescriptor
            if let inherited {
                descriptor = try inherited.adopt()
            } else if transport == .tcp {
                descriptor = try StreamSocket.listen(on: endpoint, sharesPort: false)
            } else {
                descriptor = try DatagramSocket.listen(
                    on: endpoint, sharesPort: false, reportsLocalAddress: endpoint.address.isUnspecified)
            }
            return ListeningSocket(descriptor, endpoint, isShared: true)
        } catch {
            throw .cannotListen(endpoint, transport, error)
        }
    }
}
