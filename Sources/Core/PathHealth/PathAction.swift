package import IPAddressing

/// What the engine wants done.
package enum PathAction: Hashable, Sendable {
    /// Open a TCP connection to the endpoint; what comes of it is told under this number.
    case connect(AttemptID, Endpoint)
    /// What comes of it does not matter any more.
    case close(AttemptID)
    /// Look whether this host's own link towards the endpoint works, and tell with `noteHost`.
    case examineHost(path: Int, Endpoint)
    /// State, standing, cause or silent targets of this path have changed; see `PathHealthEngine.verdict`.
    case tell(path: Int)
}

/// One connection that a probe consists of.
package struct AttemptID: Hashable, Sendable {
    /// Index into the engine's paths.
    package let path: Int
    /// Unique among the open ones of all paths; wraps around.
    package let number: UInt32

    /// Creates an attempt ID.
    package init(path: Int, number: UInt32) {
        self.path = path
        self.number = number
    }
}

/// What came of a connection.
package enum AttemptResult: Hashable, Sendable {
    case answered
    /// The far end, or something that speaks for it, refused it.
    case refused
    /// Something on the way says that the target can't be reached; or the connection broke.
    case failed(String)
    /// It could not be begun here, which says nothing of the path.
    case unsent(String)
}
