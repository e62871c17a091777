import DNSWire

/// Why a question is refused whatever its name.
enum Refusals {
    static let client = ExtendedError(.prohibited, "this client is not in dns.clients")
    /// The same for everything that a view's clients may not see: it tells nothing.
    static let view = ExtendedError(.prohibited, "this client may not ask for this name")
    static let overload = ExtendedError(.other, "too many questions in flight")
    static let clientOverload = ExtendedError(.other, "too many questions of this client in flight")
    static let rebinding = ExtendedError(
        .blocked, "the answer from outside holds an address inside a cluster; see dns.allow-rebinding")
    static let noSuchName = ExtendedError(.synthesized, "no cluster can have this name")
    private static let signed = ExtendedError(
        .notSupported, "a signed message can not be forwarded under other names")
    private static let transfer = ExtendedError(
        .notSupported, "zone transfers and meta types are not forwarded")
    private static let wrongClass = ExtendedError(.notSupported, "only class IN is served")

    /// The reason for which `query` is refused before its name is looked at; nil: it is not.
    static func refusal(of query: ClientQuery) -> ExtendedError? {
        // RFC 8945 section 5.5 wants it forwarded unchanged, which we can't: ID, OPT and names are ours.
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
