/// What a fuzzer throws octets at: every door by which octets of strangers come in.
///
/// Each target plays its part of the program in memory and says what it did wrong; a trap, a leak or an
/// endless loop are the fuzzer's to see. The same targets replay the findings in every run of the tests.
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

    /// All that the program did wrong with `input`; empty if all is well.
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
