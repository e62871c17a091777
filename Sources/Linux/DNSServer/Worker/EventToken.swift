/// What an epoll event is about, packed into its 64 bits: kind (8), generation (24), index (32).
struct EventToken: Hashable, Sendable {
    /// The kinds of descriptors.
    enum Kind: UInt8, Sendable {
        /// The worker has commands.
        case wake
        /// Index of a listening UDP socket.
        case datagramListener
        /// Index of a listening TCP socket.
        case streamListener
        /// Slot and generation of a client's connection.
        case client
        /// Server's index times `UpstreamSockets.perServer` plus the index in its pool, with `engine`.
        case upstreamDatagram
        /// Server's index, with `engine`, and the generation of the connection towards it.
        case upstreamStream
    }

    /// The kind.
    var kind: Kind
    /// The index, as the kind says.
    var index: Int
    /// The generation, as the kind says.
    var generation: UInt32 = 0

    /// The generation after this one: 24 bits, so that it fits the token.
    static func generation(after generation: UInt32) -> UInt32 { (generation + 1) & 0xFF_FFFF }

    /// The 64 bits for epoll.
    var rawValue: UInt64 {
        UInt64(kind.rawValue) << 56 | UInt64(generation & 0xFF_FFFF) << 32
            | UInt64(UInt32(truncatingIfNeeded: index))
    }

    init(_ kind: Kind, _ index: Int, generation: UInt32 = 0) {
        self.kind = kind
        self.index = index
        self.generation = generation
    }

    /// nil for a kind that does not exist.
    init?(rawValue: UInt64) {
        guard let kind = Kind(rawValue: UInt8(rawValue >> 56)) else { return nil }
        self.init(kind, Int(rawValue & 0xFFFF_FFFF), generation: UInt32(rawValue >> 32 & 0xFF_FFFF))
    }

    /// An event of a socket towards a server.
    ///
    /// - Parameter engine: The number of the engine that the socket belongs to, in the index's upper 8 bits.
    init(_ kind: Kind, _ index: Int, engine: UInt8, generation: UInt32 = 0) {
        self.init(kind, Int(engine) << 24 | index & 0xFF_FFFF, generation: generation)
    }

    /// The number of the engine that a socket towards a server belongs to.
    var engine: UInt8 { UInt8(truncatingIfNeeded: index >> 24) }

    /// The index without that number.
    var upstreamIndex: Int { index & 0xFF_FFFF }
}
