import DomainNames
package import IPAddressing
package import Inventory
package import Telemetry

/// One reply, as the query log tells it.
package struct LoggedReply: Hashable, Sendable {
    package let client: Endpoint
    package let transport: Transport
    /// The name as it was asked, in wire form.
    package let name: [UInt8]
    package let type: Int
    /// The name as a server was asked for it, in wire form; empty where none was asked.
    package let sent: [UInt8]
    /// Whose answer it is; empty: nobody's.
    package let cluster: String
    /// Who gave the answer; nil: no server did, or it was kept from before.
    package let server: Endpoint?
    package let source: AnswerSource
    package let rcode: Int
    /// From the question to the reply; -1: it was answered in the turn that it came in.
    package var microseconds: Int
}

/// Which replies are written down.
package struct QueryLogFilter: Sendable {
    /// Of 2^32 draws.
    private let threshold: UInt64
    private let clients: [IPPrefix]
    private let names: [[UInt8]]
    private let responseCodes: [Int]

    package init(_ settings: QueryLogSettings) {
        threshold = UInt64((settings.sample * 0x1p32).rounded(.up))
        clients = settings.clients
        names = settings.names.map(\.wire)
        responseCodes = settings.responseCodes.map(\.number)
    }

    /// Whether a reply is written down.
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
        while start < nameLength {  // each turn passes a label
            let left = nameLength - start
            for name in names where name.count == left {
                if isEqualFolded(question, start, name.span, 0, count: left) { return true }
            }
            start += Int(question[start]) + 1
        }
        return false
    }
}

/// The replies of one batch that are to be written down.
package struct QueryLogBatch: Sendable {
    package let filter: QueryLogFilter
    package var replies: [LoggedReply] = []
    private var state: UInt64

    /// - Parameter seed: Random bits, for the sample.
    package init(_ filter: QueryLogFilter, seed: UInt64) {
        self.filter = filter
        state = seed
    }

    /// The next random bits (SplitMix64): which questions are in a sample is no secret worth more.
    mutating func draw() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
