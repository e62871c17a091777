import IPAddressing
import LinuxSystem

/// What a `ConnectionLoop` serves to its clients: which clients, and how a request is answered.
///
/// A client sends one request, gets one response, and is disconnected.
protocol ConnectionService: Sendable {
    /// Times and numbers.
    static var limits: ConnectionLimits { get }

    /// Accepts a client that waits at `listener`; nil if none does.
    func accept(from listener: borrowing FileDescriptor) throws(Errno) -> AcceptedClient?
    /// Reads the octets of a request that came so far.
    ///
    /// - Parameters:
    ///   - client: The client's address; nil on a local socket.
    ///   - isEnd: True if no more will come.
    func read(_ octets: [UInt8], from client: IPAddress?, isEnd: Bool) -> RequestProgress
}

/// The limits of a `ConnectionLoop`.
struct ConnectionLimits {
    /// Connections at a time.
    let connections: Int
    /// How long a client may take to send its request.
    let requestMilliseconds: Int
    /// How long it may take to read the response; nil if the request's time goes on.
    let responseMilliseconds: Int?
    /// What a client is told whose request did not come in time; empty if it is only disconnected.
    let lateResponse: [UInt8]
    /// What a client is told beyond `connections`; nil if it takes the place of the connection whose
    /// deadline is first.
    let busyResponse: [UInt8]?
}

/// A client that was just accepted.
struct AcceptedClient: ~Copyable {
    /// Its connection.
    let socket: FileDescriptor
    /// Its address; nil on a local socket.
    let address: IPAddress?
    /// What a client is told that may not ask; nil if it may.
    let refusal: [UInt8]?

    init(_ socket: consuming FileDescriptor, address: IPAddress? = nil, refusal: [UInt8]?) {
        self.socket = socket
        self.address = address
        self.refusal = refusal
    }

    /// Gives up ownership of the connection.
    consuming func takeSocket() -> FileDescriptor { socket }
}

/// How far a request is.
enum RequestProgress {
    /// More must come.
    case incomplete
    /// It is answered with these octets.
    case response([UInt8])
    /// The client has gone without a request.
    case nothing
}
