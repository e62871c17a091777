/// Why a server gives no answer, if the server or the way to it is the cause: it counts against the server.
package enum UpstreamFailure: UInt8, Hashable, Sendable {
    /// No process listens there: a TCP reset.
    case refused
    /// This host can't reach it: no route, or a link that is down.
    case unreachable
    /// The TCP connection was closed with questions unanswered.
    case closed
    /// Silence.
    case timeout
}

extension UpstreamFailure: CustomStringConvertible {
    /// The failure, as clients see it.
    package var description: String {
        switch self {
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .closed: "closed the connection"
        case .timeout: "timeout"
        }
    }
}

/// Why a question could not be sent from this host. It shows nothing about the server, and never counts
/// against it.
package enum LocalFailure: UInt8, Hashable, Sendable, CaseIterable {
    /// The process, or the host, may open no more descriptors: EMFILE, ENFILE.
    case descriptors
    /// The kernel has no memory or buffers left: ENOMEM, ENOBUFS.
    case memory
    /// No local port or address is left to send from: EADDRNOTAVAIL, and EAGAIN of connect(2).
    case ports
    /// The socket's buffer is full: EAGAIN of sendmsg(2).
    case buffer
    /// This host's firewall or routing forbids it: EPERM, EACCES.
    case firewall
}

extension LocalFailure: CustomStringConvertible {
    /// The failure, as clients see it.
    package var description: String {
        switch self {
        case .descriptors: "no descriptor left here"
        case .memory: "no memory left here"
        case .ports: "no local port left here"
        case .buffer: "send buffer full here"
        case .firewall: "forbidden by this host's firewall"
        }
    }
}
