import DNSWire

/// The reasons that clients get with replies that refuse, deny or withhold; and which questions are refused
/// regardless of their names: `refusal`.
enum Refusals {
    /// Endpoints whose addresses several members of a cluster set have, and whose names do not tell whose.
    static let sharedEndpoint = ExtendedError(
        .other, "several members of the set have this address, and no name tells whose it is")
    /// Some endpoints of a set are of no member that is known to this client.
    static let unknownMembers = ExtendedError(
        .other, "endpoints whose cluster ID is of no member of the set are left out")

    /// The client is in no prefix of `dns.clients`.
    static let client = ExtendedError(.prohibited, "this client is not in dns.clients")
    /// The same text for everything that a view's clients may not see: it reveals nothing.
    static let view = ExtendedError(.prohibited, "this client may not ask for this name")
    /// The tables are full.
    static let overload = ExtendedError(.other, "too many questions in flight")
    /// The client has too many questions in flight.
    static let clientOverload = ExtendedError(.other, "too many questions of this client in flight")
    /// A foreign name has an address inside a cluster.
    static let rebinding = ExtendedError(
        .blocked, "the answer from outside holds an address inside a cluster; see dns.allow-rebinding")
    /// A route to the outer address does not exist yet.
    static let awaited = ExtendedError(
        .notReady, "the address is in a range of the map that namebridge follow has not found yet")
    /// The Kubernetes schema excludes the name.
    static let noSuchName = ExtendedError(.synthesized, "no cluster can have this name")
    /// The message has a TSIG record.
    private static let signed = ExtendedError(
        .notSupported, "a signed message can not be forwarded under other names")
    /// The type is a zone transfer or a meta type.
    private static let transfer = ExtendedError(
        .notSupported, "zone transfers and meta types are not forwarded")
    /// The class is not IN.
    private static let wrongClass = ExtendedError(.notSupported, "only class IN is served")

    /// The reason to refuse `query` before its name is examined; nil if it is accepted.
    static func refusal(of query: ClientQuery) -> ExtendedError? {
        // RFC 8945 section 5.5 requires it to be forwarded unchanged, which is impossible here: we change ID,
        // OPT and names.
        if query.isSigned { return signed }
        if query.question.recordClass != RecordClass.internet { return wrongClass }
        switch query.question.type {
        case RecordType.axfr, RecordType.ixfr, RecordType.tkey, RecordType.tsig, RecordType.mailb,
            RecordType.maila,
            RecordType.opt, 0:
            return transfer
        default:
            return nil
        }
    }
}
