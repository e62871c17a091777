import Forwarding
import IPAddressing
import LinuxSystem

/// A listening socket of one worker, or of all if it was inherited.
final class ListeningSocket: Sendable {
    /// The socket.
    let descriptor: FileDescriptor
    /// Where it is bound; the port is never 0.
    let endpoint: Endpoint
    /// True if all workers read from it.
    let isShared: Bool

    init(_ descriptor: consuming FileDescriptor, _ endpoint: Endpoint, isShared: Bool = false) {
        self.descriptor = descriptor
        self.endpoint = endpoint
        self.isShared = isShared
    }

    /// The events to watch a UDP socket for: of a shared one each question wakes one worker.
    var datagramInterest: Epoll.Interest { isShared ? [.readable, .exclusive] : .readable }

    /// True if it receives on every address of the host, so that replies must set their source address.
    var isWildcard: Bool { endpoint.address.isUnspecified }
}

/// The listening sockets of one worker, one of each kind for each endpoint.
struct ListeningSockets: Sendable {
    /// The UDP sockets.
    var datagram: [ListeningSocket] = []
    /// The TCP sockets.
    var stream: [ListeningSocket] = []
}

/// Where a server listens.
struct Listeners: Sendable {
    /// In the order of the configuration.
    var all: [Listener]
    /// The number of workers.
    let workers: Int

    /// The endpoints that are bound.
    var bound: [Endpoint] { all.compactMap(\.bound) }

    /// One for each worker.
    var byWorker: [ListeningSockets] {
        (0..<workers).map { worker in
            ListeningSockets(
                datagram: all.map { $0.pairs[worker].datagram }, stream: all.map { $0.pairs[worker].stream })
        }
    }
}

/// One address that is listened on.
struct Listener: Sendable {
    /// As the configuration has it.
    let asked: Endpoint
    /// For each worker its sockets, all bound to the same address and port.
    let pairs: [Pair]

    /// A UDP socket and a TCP socket of one endpoint.
    typealias Pair = (datagram: ListeningSocket, stream: ListeningSocket)

    /// True if the sockets were not bound by this process.
    var isInherited: Bool { pairs.contains { $0.datagram.isShared } }

    /// Where it is bound.
    var bound: Endpoint? { pairs.first?.datagram.endpoint }
}

extension Listeners {
    /// Binds every endpoint for every worker; the kernel distributes the clients over the
    /// workers (SO_REUSEPORT).
    ///
    /// Port 0 lets the kernel choose a port, the same for all workers and for UDP and TCP. An address that
    /// the host does not have is bound too, and served once the host has it.
    ///     - Throws: Also if the host has none of the addresses.
    ///
    /// - Parameter inherited: Used for the endpoints that they are bound to.
    static func bind(
        _ endpoints: [Endpoint], workers: Int, inherited: [InheritedSocket] = []
    ) throws(DNSServerError) -> Listeners {
        var all: [Listener] = []
        for endpoint in endpoints {
            let own = inherited.filter { $0.endpoint == endpoint }
            let pairs =
                own.isEmpty
                ? try bind(endpoint, workers: workers, absent: endpoints.count > 1)
                : Array(repeating: try share(own, endpoint), count: workers)
            all.append(Listener(asked: endpoint, pairs: pairs))
        }
        let listeners = Listeners(all: all, workers: workers)
        let absent = listeners.absent
        if let first = absent.first, absent.count == all.count {
            throw .cannotListen(first, .udp, .addressNotAvailable)
        }
        return listeners
    }

    /// Endpoints that no client reaches, since the host does not have the address.
    var absent: [Endpoint] { bound.filter { !HostAddresses.mayHave($0.address) } }

    /// Listens on `endpoints`: those that are listened on already stay, the others are bound.
    ///
    /// - Parameter retired: UDP sockets of listeners that were given up, and may still be open.
    func rebound(_ endpoints: [Endpoint], retired: [RetiredListener]) throws(DNSServerError) -> Listeners {
        var next: [Listener] = []
        for endpoint in endpoints {
            if let kept = all.first(where: { $0.asked == endpoint }) {
                next.append(kept)
            } else if let old = retired.first(where: { $0.asked == endpoint }), let open = old.sockets {
                next.append(Listener(asked: endpoint, pairs: try Self.reopen(open)))
            } else {
                if let other = overlap(endpoint) { throw .needsRestart(endpoint, other) }
                let pairs = try Self.bind(endpoint, workers: workers, absent: true)
                next.append(Listener(asked: endpoint, pairs: pairs))
            }
        }
        // The service manager keeps them open: if they were not read, they would swallow questions.
        next += all.filter { $0.isInherited && !endpoints.contains($0.asked) }
        return Listeners(all: next, workers: workers)
    }

    /// A listener that has addresses in common with `endpoint`: the kernel cannot distinguish them while both
    /// are open.
    private func overlap(_ endpoint: Endpoint) -> Endpoint? {
        bound.first { other in
            other.port == endpoint.port && other.address.family == endpoint.address.family
                && (other.address.isUnspecified || endpoint.address.isUnspecified)
        }
    }

    /// Listens again over TCP with the UDP sockets that are still open.
    private static func reopen(_ open: [ListeningSocket]) throws(DNSServerError) -> [Pair] {
        var pairs: [Pair] = []
        for datagram in open { pairs.append(try pair(datagram, sharesPort: open.count > 1, absent: true)) }
        return pairs
    }

    /// A UDP socket and a TCP socket of one endpoint.
    private typealias Pair = Listener.Pair

    /// Binds an endpoint for all workers.
    private static func bind(
        _ endpoint: Endpoint, workers: Int, absent: Bool
    ) throws(DNSServerError) -> [Pair] {
        // A port that the kernel chose for UDP may be in use for TCP: then another is tried, a few times.
        for _ in 0..<(endpoint.port == 0 ? 16 : 0) {
            do throws(DNSServerError) {
                return try bindOnce(endpoint, workers: workers, absent: absent)
            } catch .cannotListen(_, .tcp, .addressInUse) {
                continue
            }
        }
        return try bindOnce(endpoint, workers: workers, absent: absent)
    }

    /// Binds an endpoint once for all workers.
    private static func bindOnce(
        _ endpoint: Endpoint, workers: Int, absent: Bool
    ) throws(DNSServerError) -> [Pair] {
        // With SO_REUSEPORT the kernel would accept a second server of the same user, which would silently
        // get half of the questions. Binding a first socket without it detects that.
        if workers == 1 { return [try bindPair(endpoint, sharesPort: false, absent: absent)] }
        let chosen = try bindPair(endpoint, sharesPort: false, absent: absent).datagram.endpoint
        var pairs: [Pair] = []
        for _ in 0..<workers { pairs.append(try bindPair(chosen, sharesPort: true, absent: absent)) }
        return pairs
    }

    /// Binds a pair of sockets.
    private static func bindPair(
        _ endpoint: Endpoint, sharesPort: Bool, absent: Bool
    ) throws(DNSServerError) -> Pair {
        let datagram: ListeningSocket
        do throws(Errno) {
            let socket = try DatagramSocket.listen(
                on: endpoint, sharesPort: sharesPort, reportsLocalAddress: endpoint.address.isUnspecified,
                absent: absent)
            let bound = try socket.localEndpoint()
            datagram = ListeningSocket(socket, bound)
        } catch {
            throw .cannotListen(endpoint, .udp, error)
        }
        return try pair(datagram, sharesPort: sharesPort, absent: absent)
    }

    /// Listens over TCP as well.
    private static func pair(
        _ datagram: ListeningSocket, sharesPort: Bool, absent: Bool
    ) throws(DNSServerError) -> Pair {
        do throws(Errno) {
            let socket = try StreamSocket.listen(
                on: datagram.endpoint, sharesPort: sharesPort, absent: absent)
            return (datagram, ListeningSocket(socket, datagram.endpoint))
        } catch {
            throw .cannotListen(datagram.endpoint, .tcp, error)
        }
    }

    /// The pair of sockets that all workers read from, made of those inherited; a missing one is bound.
    ///
    ///     Separate sockets for each worker are not possible: beside a socket of another user, such as the
    /// service manager's, the kernel allows no other, with any option (socket(7), SO_REUSEPORT).
    private static func share(
        _ inherited: [InheritedSocket], _ endpoint: Endpoint
    ) throws(DNSServerError) -> Pair {
        if inherited.contains(where: \.takesBothFamilies) { throw .takesBothFamilies(endpoint) }
        return (
            try share(inherited.first { !$0.isStream }, endpoint, transport: .udp),
            try share(inherited.first(where: \.isStream), endpoint, transport: .tcp)
        )
    }

    /// One socket of each kind for all workers.
    private static func share(
        _ inherited: InheritedSocket?, _ endpoint: Endpoint, transport: Transport
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

/// A listener that was given up: the workers keep its UDP sockets until all replies have been sent on them.
struct RetiredListener: Sendable {
    /// The endpoint in the configuration.
    let asked: Endpoint
    /// The UDP sockets.
    private let open: [Weak]

    /// A weak reference in an array.
    private struct Weak: Sendable {
        /// Nil once all workers have closed it.
        weak let socket: ListeningSocket?
    }

    init(_ listener: Listener) {
        asked = listener.asked
        open = listener.pairs.map { Weak(socket: $0.datagram) }
    }

    /// nil if a worker has closed its own.
    var sockets: [ListeningSocket]? {
        let left = open.compactMap(\.socket)
        return left.count == open.count ? left : nil
    }
}
