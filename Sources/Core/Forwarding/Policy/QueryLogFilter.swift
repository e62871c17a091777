import DomainNames
package import IPAddressing
package import Inventory
package import Telemetry

/// One reply, as recorded in the query log.
package struct LoggedReply: Hashable, Sendable {
    /// The client.
    package let client: Endpoint
    /// The transport of the question.
    package let transport: Transport
    /// The name as it was asked, in wire form.
    package let name: [UInt8]
    /// The type asked for.
    package let type: Int
    /// The name as a server was asked for it, in wire form; empty if none was asked.
    package let sent: [UInt8]
    /// The cluster of the answer; empty if there is none.
    package let cluster: String
    /// The server that gave the answer; nil if no server did, or if it comes from the cache.
    package let server: Endpoint?
    /// The source of the reply.
    package let source: AnswerSource
    /// The response code.
    package let rcode: Int
    /// The first address of the answer; nil if it has none.
    package var address: IPAddress?
    /// What it stands for inside of its cluster, if it is an outer one.
    package var innerAddress: IPAddress?
    /// From the question to the reply; nil: it was answered at once.
    package var microseconds: Int?
}

/// Which replies are logged.
package struct QueryLogFilter: Sendable {
    /// The number of selected draws out of 2^32.
    private let threshold: UInt64
    /// The clients to log; empty: all.
    private let clients: [IPPrefix]
    /// The names to log, with those below them; empty: all.
    private let names: [[UInt8]]
    /// The response codes to log; empty: all.
    private let responseCodes: [Int]

    /// The filter of a configuration.
    package init(_ settings: QueryLogSettings) {
        threshold = UInt64((settings.sample * 0x1p32).rounded(.up))
        clients = settings.clients
        names = settings.names.map(\.wire)
        responseCodes = settings.responseCodes.map(\.number)
    }

    /// Decides whether a reply is logged.
    ///
    /// - Parameters:
    ///   - question: Begins with the name that was asked.
    ///   - draw: Random bits.
    package func isChosen(
        _ question: Span<UInt8>, nameLength: Int, client: IPAddress, rcode: Int, draw: UInt64
    ) -> Bool {
        guard draw >> 32 < threshold else { return false }
        guard responseCodes.isEmpty || responseCodes.contains(rcode) else { return false }
        guard clients.isEmpty || clients.contains(where: { $0.contains(client) }) else { return false }
        if names.isEmpty { return true }
        var start = 0
        while start < nameLength {  // each iteration passes a label
            let left = nameLength - start
            for name in names where name.count == left {
                if isEqualFolded(question, at: start, name.span, at: 0, count: left) { return true }
            }
            start += Int(question[start]) + 1
        }
        return false
    }
}

/// The replies of one batch that will be logged.
package struct QueryLogBatch: Sendable {
    /// Selects the replies.
    package let filter: QueryLogFilter
    /// The selected replies.
    package var replies: [LoggedReply] = []
    /// The state of the random bits.
    private var state: UInt64

    /// - Parameter seed: Random bits, for the sample.
    package init(_ filter: QueryLogFilter, seed: UInt64) {
        self.filter = filter
        state = seed
    }

    /// The next random bits (SplitMix64): the choice of the sample needs no secrecy.
    mutating func draw() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
