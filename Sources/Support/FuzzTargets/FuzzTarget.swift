/// A target of the fuzzer: every place where octets from outside come in.
///
/// Each target runs its part of the program in memory and reports its errors; a trap, a leak or an endless
/// loop is detected by the fuzzer. Every run of the tests replays the findings.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A client's message, to an engine whose name servers answer in one of several ways.
    case client
    /// A name server's answer to an engine: through the mapping to a client, out of the cache to another.
    case answer
    /// The octets of a TCP connection, in pieces of any size.
    case stream
    /// A configuration file, and the policy and the plans that follow from it.
    case file
    /// A line to the control socket, and the JSON that comes back.
    case control
    /// The output of `ip`, `bridge`, `nft` and `iptables-save`.
    case observation

    /// The errors of the program with `input`; empty if there are none.
    package func objections(to input: [UInt8]) -> [String] {
        switch self {
        case .client: ClientFuzz.objections(to: input)
        case .answer: AnswerFuzz.objections(to: input)
        case .stream: StreamFuzz.objections(to: input)
        case .file: FileFuzz.objections(to: input)
        case .control: ControlFuzz.objections(to: input)
        case .observation: ObservationFuzz.objections(to: input)
        }
    }
}
