package import Forwarding
package import IPAddressing
package import LinuxSystem

/// Why a server can't start: what, where, and what to do.
package enum DNSServerError: Error, Hashable, Sendable {
    /// A socket could not be bound.
    case cannotListen(Endpoint, Transport, Errno)
    /// The first cannot be bound while the second is, and both belong to this server.
    case needsRestart(Endpoint, Endpoint)
    /// The server is not running.
    case notRunning
    /// A worker has not executed a command in time; nothing has changed.
    case workerIsLate
    /// A worker's thread or one of its descriptors can't be made.
    case cannotStartWorker(Int, Errno)
    /// The inherited socket for this endpoint, `[::]`, is bound for IPv4 too.
    case takesBothFamilies(Endpoint)
}

extension DNSServerError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .cannotListen(let endpoint, let transport, let error):
            let name = transport == .udp ? "UDP" : "TCP"
            let advice = Self.advice(endpoint, transport, error: error).map { ": \($0)" } ?? ""
            return "cannot listen on \(endpoint) (\(name)): \(error)\(advice)"
        case .takesBothFamilies(let endpoint):
            return
                "cannot listen on \(endpoint): the inherited socket takes IPv4 too: set "
                + "BindIPv6Only=ipv6-only in the socket unit"
        case .needsRestart(let endpoint, let other):
            return "dns.listen: \(endpoint) overlaps with \(other), which is listened on now: this change"
                + " needs a restart"
        case .notRunning:
            return "the server is not running"
        case .workerIsLate:
            return "a worker does not respond, and nothing was changed: try again once the host is less busy"
        case .cannotStartWorker(let index, let error):
            return
                "cannot start worker \(index): \(error): raise the limits of open files and threads (ulimit)"
        }
    }

    /// What to do about an error; nil if there is nothing to say.
    private static func advice(_ endpoint: Endpoint, _ transport: Transport, error: Errno) -> String? {
        switch error {
        case .addressInUse:
            let flags = transport == .udp ? "-lunp" : "-ltnp"
            return "another program listens there; `ss \(flags) 'sport = :\(endpoint.port)'` shows which"
        case .permissionDenied where endpoint.port < 1024:
            return "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE"
        case .addressNotAvailable:
            return "no interface of this host has this address; `ip address` lists those that it has"
        default:
            return nil
        }
    }
}
