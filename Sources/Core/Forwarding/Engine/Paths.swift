package import IPAddressing

/// The origin of a question, and so the destination of its reply: the engine returns it unchanged.
package struct ClientPath: Hashable, Sendable {
    /// The client. An IPv4 client on an IPv6 socket is stored as IPv4.
    package var client: Endpoint
    /// The address that was asked; the reply leaves from it (RFC 2181 section 4).
    package var local: IPAddress
    /// The kernel's index of the interface that the datagram came in on; 0 over TCP or if unknown.
    package var interface: UInt32
    /// The listening socket (UDP) or the connection's slot (TCP).
    package var socket: UInt32
    /// Distinguishes a connection from a later one in the same slot; 0 over UDP.
    package var generation: UInt32
    /// The transport.
    package var transport: Transport

    /// Creates a path.
    package init(
        client: Endpoint, local: IPAddress, interface: UInt32, socket: UInt32, generation: UInt32,
        transport: Transport
    ) {
        self.client = client
        self.local = local
        self.interface = interface
        self.socket = socket
        self.generation = generation
        self.transport = transport
    }
}

/// The transport of a message.
package enum Transport: UInt8, Hashable, Sendable {
    /// UDP.
    case udp
    /// TCP.
    case tcp
}

/// The socket towards a name server by which a message is sent or received.
package struct UpstreamPath: Hashable, Sendable {
    /// Index into `ForwardingPolicy.servers`.
    package var server: Int
    /// Over UDP the place in the server's pool of connected sockets, 0..<`UpstreamSockets.perServer`; 0
    /// over TCP.
    package var socket: Int
    /// The transport.
    package var transport: Transport

    /// Creates a path.
    package init(server: Int, socket: Int, transport: Transport) {
        self.server = server
        self.socket = socket
        self.transport = transport
    }
}

/// The places of the connected UDP sockets that each worker keeps to each server, each on a random port (RFC
/// 5452 section 9.2). Only some send questions at a time: the others wait for answers, or are not open.
package enum UpstreamSockets {
    /// The number of places.
    package static let perServer = 48
}
