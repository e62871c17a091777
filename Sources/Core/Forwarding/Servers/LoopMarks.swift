/// The marks in our own questions, each with the server that is asked; see `LoopTrail`.
struct LoopMarks {
    /// The server whose questions bear a mark; the first, if several do.
    private let servers: [UInt64: Int]

    /// The marks for the servers of `policy`.
    init(_ policy: ForwardingPolicy, _ identity: ProcessIdentity) {
        let marks = policy.servers.indices.map { (identity.mark(of: $0, in: policy), $0) }
        servers = Dictionary(marks) { first, _ in first }
    }

    /// The server whose questions bear one of `marks`; nil if none does.
    func server(withMarkAmong marks: [UInt64]) -> Int? {
        for mark in marks {
            if let server = servers[mark] { return server }
        }
        return nil
    }
}
