package import Forwarding
package import LinuxSystem

/// What an error of a socket towards a server says.
package enum SocketFault: Hashable, Sendable {
    /// Something is missing here; the server has no part in it.
    case local(LocalFailure)
    /// The server, or the way to it. Where a datagram's socket reports it, it may be forged; see
    /// `PathReport.hinted`.
    case remote(UpstreamFailure)

    /// Creates a socket fault.
    package init(_ error: Errno) {
        switch error {
        case .tooManyDescriptors, .tooManyDescriptorsInSystem: self = .local(.descriptors)
        case .noMemory, .noBuffers: self = .local(.memory)
        case .tryAgain, .addressNotAvailable: self = .local(.ports)
        // EACCES: a route that is set to `prohibit`.
        case .notPermitted, .permissionDenied: self = .local(.firewall)
        case .connectionRefused: self = .remote(.refused)
        case .connectionReset, .brokenPipe: self = .remote(.closed)
        case .timedOut: self = .remote(.timeout)
        // No route, a link that is down, a family that this host does not have: the way to this server is
        // closed, and others may be reached.
        default: self = .remote(.unreachable)
        }
    }
}
