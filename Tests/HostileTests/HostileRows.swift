import TestSupport

/// Malformed and odd messages, a table for each part of a message.
enum HostileRows {
    static let all = lengths + counts + names + oddNames + headers + kinds + records

    /// NOERROR, FORMERR, NOTIMP.
    private static let fine = HostileRow.Outcome.rcode(0)
    private static let malformed = HostileRow.Outcome.rcode(1)
    private static let unknownOpcode = HostileRow.Outcome.rcode(4)

    // MARK: - Shorter than a question

    private static let whole = HostileMessage().octets(id: HostileRow.id)

    static let lengths: [HostileRow] =
        (1..<12).map {
            HostileRow("\($0) octets: no whole header", "RFC 1035 section 4.1.1", Array(whole[..<$0]), .silence)
        } + [
            HostileRow("a header alone that promises a question", "RFC 1035 section 4.1", Array(whole[..<12]), malformed),
            HostileRow("cut inside the name", "RFC 1035 section 4.1.2", Array(whole[..<15]), malformed),
            HostileRow("cut before the root label", "RFC 1035 section 3.1", Array(whole[..<28]), malformed),
            HostileRow("cut before the type", "RFC 1035 section 4.1.2", Array(whole[..<(whole.count - 4)]), malformed),
            HostileRow("cut inside the type", "RFC 1035 section 4.1.2", Array(whole[..<(whole.count - 3)]), malformed),
            HostileRow("cut before the class", "RFC 1035 section 4.1.2", Array(whole[..<(whole.count - 2)]), malformed),
            HostileRow("cut inside the class", "RFC 1035 section 4.1.2", Array(whole[..<(whole.count - 1)]), malformed),
            HostileRow("one octet too many", "RFC 1035 section 4.1", whole + [0], malformed),
            HostileRow("two octets too many", "RFC 1035 section 4.1", whole + [0xC0, 0x0C], malformed),
            HostileRow("a whole message behind the message", "RFC 1035 section 4.1", whole + whole, malformed),
            HostileRow("400 octets of nothing behind the question", "RFC 1035 section 4.1", whole + zeros(400), malformed),
            HostileRow("12 octets of nothing", "RFC 1035 section 4.1.2", zeros(12), malformed),
            HostileRow("512 octets of nothing", "RFC 1035 section 4.1.2", zeros(512), malformed),
            HostileRow(
                "512 octets of 0xFF: a response", "RFC 1035 section 4.1.1", [UInt8](repeating: 0xFF, count: 512), .silence),
            HostileRow("text: GET / HTTP/1.1", "RFC 8906 section 7", Array("GET / HTTP/1.1\r\n\r\n".utf8), unknownOpcode),
        ]

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    // MARK: - Wrong counts

    static let counts: [HostileRow] =
        [
            ("QDCOUNT 0", "RFC 1035 section 4.1.2", [0, 0, 0, 0]),
            ("QDCOUNT 2 with one question", "RFC 9619 section 4", [2, 0, 0, 0]),
            ("QDCOUNT 65535", "RFC 9619 section 4", [65_535, 0, 0, 0]),
            ("QDCOUNT 256: the octets swapped", "RFC 9619 section 4", [256, 0, 0, 0]),
            ("ANCOUNT 1 without a record", "RFC 1035 section 4.1", [1, 1, 0, 0]),
            ("NSCOUNT 1 without a record", "RFC 1035 section 4.1", [1, 0, 1, 0]),
            ("ARCOUNT 1 without a record", "RFC 1035 section 4.1", [1, 0, 0, 1]),
            ("ANCOUNT 65535", "RFC 1035 section 4.1", [1, 65_535, 0, 0]),
            ("NSCOUNT 65535", "RFC 1035 section 4.1", [1, 0, 65_535, 0]),
            ("ARCOUNT 65535", "RFC 1035 section 4.1", [1, 0, 0, 65_535]),
            ("all counts 65535", "RFC 9619 section 4", [65_535, 65_535, 65_535, 65_535]),
        ].map { HostileRow($0.0, $0.1, HostileMessage(counts: $0.2), malformed) } + [
            HostileRow(
                "QDCOUNT 0 and nothing behind it", "RFC 1035 section 4.1.2",
                HostileMessage(counts: [0, 0, 0, 0], name: [], typeAndClass: []), malformed),
            HostileRow(
                "two questions", "RFC 9619 section 4",
                HostileMessage(counts: [2, 0, 0, 0], tail: TestMessage.wire("b.example.org") + [0, 1, 0, 1]), malformed),
            HostileRow(
                "the same question twice", "RFC 9619 section 4",
                HostileMessage(counts: [2, 0, 0, 0], tail: [0xC0, 12, 0, 1, 0, 1]), malformed),
            HostileRow(
                "ARCOUNT 2 with one OPT", "RFC 1035 section 4.1",
                HostileMessage(counts: [1, 0, 0, 2], tail: HostileMessage.opt()), malformed),
            HostileRow(
                "ARCOUNT 0 with an OPT", "RFC 1035 section 4.1",
                HostileMessage(counts: [1, 0, 0, 0], tail: HostileMessage.opt()), malformed),
            HostileRow(
                "an answer in a query", "RFC 1035 section 4.1",
                HostileMessage(counts: [1, 1, 0, 0], tail: HostileMessage.record(1, [10, 0, 0, 1])), fine),
            HostileRow(
                "an authority record in a query", "RFC 1995 section 3",
                HostileMessage(counts: [1, 0, 1, 0], tail: HostileMessage.record(2, [0xC0, 12])), fine),
            HostileRow(
                "an additional A record in a query", "RFC 1035 section 4.1", .with(HostileMessage.record(1, [10, 0, 0, 1])),
                fine),
            HostileRow(
                "a record whose data runs past the end", "RFC 1035 section 4.1.3",
                .with(HostileMessage.record(1, [10, 0, 0, 1], length: 400)), malformed),
            HostileRow(
                "a record with 65535 octets of data claimed", "RFC 1035 section 4.1.3",
                .with(HostileMessage.record(16, [], length: 65_535)), malformed),
            HostileRow("a record cut in its fixed part", "RFC 1035 section 4.1.3", .with([0xC0, 12, 0, 1, 0, 1]), malformed),
            HostileRow(
                "a record whose owner points forwards", "RFC 1035 section 4.1.4",
                .with([0xC0, 200] + HostileMessage.record(1, [1, 2, 3, 4]).dropFirst(2)), malformed),
            HostileRow(
                "a record whose owner points at itself", "RFC 9267 section 2",
                .with([0xC0, 33] + HostileMessage.record(1, [1, 2, 3, 4]).dropFirst(2)), malformed),
            HostileRow(
                "thirty additional records", "RFC 1035 section 4.1",
                HostileMessage(
                    counts: [1, 0, 0, 30], tail: (0..<30).flatMap { _ in HostileMessage.record(1, [10, 0, 0, 1]) }), fine),
        ]

    // MARK: - Names

    private static func name(
        _ title: String, _ rule: String, _ octets: [UInt8], _ outcome: HostileRow.Outcome = malformed
    )
        -> HostileRow
    {
        HostileRow(title, rule, HostileMessage(name: octets), outcome)
    }

    private static func label(_ count: Int) -> [UInt8] { [UInt8(count)] + [UInt8](repeating: 0x78, count: count) }

    static let names: [HostileRow] = [
        name("a pointer to itself", "RFC 1035 section 4.1.4", [0xC0, 12]),
        name("a pointer into the header", "RFC 9267 section 2", [0xC0, 0]),
        name("a pointer to the message's ID", "RFC 9267 section 2", [1, 0x61, 0xC0, 0]),
        name("a pointer to the counts", "RFC 9267 section 2", [1, 0x61, 0xC0, 4]),
        name("a pointer forwards", "RFC 1035 section 4.1.4", [0xC0, 14, 1, 0x61, 0]),
        name("a pointer behind the message", "RFC 1035 section 4.1.4", [0xC0, 0xFF]),
        name("a pointer to the last offset", "RFC 1035 section 4.1.4", [0xFF, 0xFF]),
        name("two pointers at each other", "RFC 9267 section 2", [0xC0, 14, 0xC0, 12]),
        name("a label and a pointer to it", "RFC 9267 section 2", [1, 0x61, 0xC0, 12]),
        name("a pointer cut in half", "RFC 1035 section 4.1.4", [3, 0x61, 0x62, 0x63, 0xC0]),
        name("label type 01 (64 octets)", "RFC 6891 section 5", [0x40] + [UInt8](repeating: 0x61, count: 64) + [0]),
        name("label type 01: a binary label", "RFC 6891 section 5", [0x41, 8, 0xFF, 0]),
        name("label type 10", "RFC 1035 section 4.1.4", [0x80, 0x61, 0]),
        name("label length 127", "RFC 1035 section 2.3.4", [127] + [UInt8](repeating: 0x61, count: 127) + [0]),
        name("label length 191", "RFC 1035 section 2.3.4", [191] + [UInt8](repeating: 0x61, count: 191) + [0]),
        name("a label that runs past the end", "RFC 1035 section 3.1", [63, 0x61, 0]),
        name("no root label at the end", "RFC 1035 section 3.1", label(20)),
        name("256 octets", "RFC 1035 section 2.3.4", label(63) + label(63) + label(63) + label(62) + [0]),
        name("257 octets", "RFC 1035 section 2.3.4", label(63) + label(63) + label(63) + label(63) + [0]),
        name("1000 octets", "RFC 1035 section 2.3.4", (0..<20).flatMap { _ in label(49) } + [0]),
        name("128 labels of one octet", "RFC 1035 section 2.3.4", (0..<128).flatMap { _ in label(1) } + [0]),
        name("255 octets", "RFC 1035 section 2.3.4", label(63) + label(63) + label(63) + label(61) + [0], fine),
        name("127 labels of one octet", "RFC 1035 section 2.3.4", (0..<127).flatMap { _ in label(1) } + [0], fine),
        name("a label of 63 octets", "RFC 1035 section 2.3.4", label(63) + [0], fine),
        name("the root", "RFC 1035 section 3.1", [0], fine),
    ]

    /// Right names that break software which takes them for text.
    static let oddNames: [HostileRow] = [
        name("a zero octet in a label", "RFC 2181 section 11", [3, 0x61, 0, 0x62, 3, 0x6F, 0x72, 0x67, 0], fine),
        name("a dot in a label", "RFC 2181 section 11", [3, 0x61, 0x2E, 0x62, 3, 0x6F, 0x72, 0x67, 0], fine),
        name("octets above 127", "RFC 2181 section 11", [4, 0xFF, 0xFE, 0x80, 0xC0, 3, 0x6F, 0x72, 0x67, 0], fine),
        name(
            "blanks, quotes and a new line", "RFC 2181 section 11", [4, 0x20, 0x22, 0x0A, 0x5C, 3, 0x6F, 0x72, 0x67, 0], fine),
        name("a wildcard", "RFC 4592 section 2.1.1", TestMessage.wire("*.example.org"), fine),
        name(
            "capitals in the cluster's suffix", "RFC 4343 section 3", TestMessage.wire("web.shop.svc.PROD.clusTER.Local"),
            fine),
        name(
            "the cluster's suffix with a dot inside a label", "RFC 2181 section 11",
            [12] + Array("prod.cluster".utf8) + [5] + Array("local".utf8) + [0], fine),
        name(
            "the cluster's suffix as the end of a label", "RFC 1034 section 3.1", TestMessage.wire("xprod.cluster.local"),
            .refused(ede: 20)),
        name("the cluster's apex", "RFC 1034 section 4.3.2", TestMessage.wire("prod.cluster.local"), fine),
        name(
            "a name that is too long inside the cluster", "RFC 1035 section 2.3.4",
            label(63) + label(63) + label(63) + label(50) + TestMessage.wire("p.lan"), .rcode(2)),
        name("a private reverse name of no cluster", "RFC 6303 section 3", TestMessage.wire("9.9.9.10.in-addr.arpa"), .rcode(3)),
        name(
            "a reverse name with 40 labels", "RFC 1035 section 3.5",
            (0..<40).flatMap { _ in [1, 0x31] as [UInt8] } + TestMessage.wire("10.in-addr.arpa"), .rcode(3)),
        name(
            "a reverse name of a number that is none", "RFC 1035 section 3.5", TestMessage.wire("999.17.172.in-addr.arpa"),
            .rcode(3)),
    ]

    // MARK: - Header bits and opcodes

    static let headers: [HostileRow] =
        (1..<16).map {
            HostileRow(
                "opcode \($0)", "RFC 8906 section 7", HostileMessage(flags: UInt16($0) << 11 | 0x0100), unknownOpcode)
        } + [
            HostileRow(
                "opcode 15 and nothing but a header", "RFC 8906 section 8.1.4",
                HostileMessage(flags: 15 << 11, counts: [0, 0, 0, 0], name: [], typeAndClass: []), unknownOpcode),
            HostileRow(
                "opcode 5 with a malformed name", "RFC 8906 section 7", HostileMessage(flags: 5 << 11, name: [0xC0, 12]),
                unknownOpcode),
            HostileRow("a response", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x8180), .silence),
            HostileRow("a response with an error", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x8181), .silence),
            HostileRow(
                "a malformed response", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x8180, name: [0xC0, 12]), .silence),
            HostileRow("a response of opcode 4", "RFC 1035 section 4.1.1", HostileMessage(flags: 0xA000), .silence),
            HostileRow("AA in a query", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x0500), fine),
            HostileRow("TC in a query", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x0300), fine),
            HostileRow("RA in a query", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x0180), fine),
            HostileRow("Z in a query", "RFC 8906 section 8.1.3.3", HostileMessage(flags: 0x0140), fine),
            HostileRow("AD in a query", "RFC 6840 section 5.7", HostileMessage(flags: 0x0120), fine),
            HostileRow("CD in a query", "RFC 4035 section 3.2.2", HostileMessage(flags: 0x0110), fine),
            HostileRow("no RD", "RFC 1035 section 4.1.1", HostileMessage(flags: 0), fine),
            HostileRow("every bit but QR and the opcode", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x07FF), fine),
            HostileRow("rcode 5 in a query", "RFC 1035 section 4.1.1", HostileMessage(flags: 0x0105), fine),
        ]

    // MARK: - Classes and types

    static let kinds: [HostileRow] =
        [0, 2, 3, 4, 254, 255, 65_535].map {
            HostileRow("class \($0)", "RFC 6895 section 3.2", .asking(type: 1, recordClass: $0), .refused(ede: 21))
        }
        + [
            (0, "RFC 6895 section 3.1"), (41, "RFC 6891 section 6.1.1"), (249, "RFC 2930 section 2"),
            (250, "RFC 8945 section 4.2"),
            (251, "RFC 1995 section 4"), (252, "RFC 5936 section 2.1.2"), (253, "RFC 1035 section 3.2.3"),
            (254, "RFC 1035 section 3.2.3"),
        ].map { HostileRow("type \($0.0)", $0.1, .asking(type: $0.0), .refused(ede: 21)) }
        + [3, 10, 24, 46, 47, 99, 128, 255, 256, 1000, 32_768, 65_280, 65_535].map {
            HostileRow("type \($0)", "RFC 3597 section 3", .asking(type: $0), fine)
        }

    // MARK: - EDNS and signatures

    private static func edns(
        _ title: String, _ rule: String, _ records: [UInt8]..., outcome: HostileRow.Outcome
    )
        -> HostileRow
    {
        HostileRow(title, rule, HostileMessage(counts: [1, 0, 0, records.count], tail: records.flatMap { $0 }), outcome)
    }

    static let records: [HostileRow] = placements + versions + options + signatures

    private static let placements: [HostileRow] = [
        edns("two OPT records", "RFC 6891 section 6.1.1", HostileMessage.opt(), HostileMessage.opt(), outcome: malformed),
        edns(
            "three OPT records, one of version 1", "RFC 6891 section 6.1.1", HostileMessage.opt(),
            HostileMessage.opt(version: 1), HostileMessage.opt(), outcome: malformed),
        edns("OPT owned by a name", "RFC 6891 section 6.1.2", HostileMessage.opt(owner: [1, 0x61, 0]), outcome: malformed),
        edns(
            "OPT owned by a pointer to the question", "RFC 6891 section 6.1.2", HostileMessage.opt(owner: [0xC0, 12]),
            outcome: malformed),
        edns(
            "OPT owned by a pointer to the root", "RFC 6891 section 6.1.2", HostileMessage.opt(owner: [0xC0, 28]),
            outcome: malformed),
        HostileRow(
            "OPT in the answer section", "RFC 6891 section 6.1.1",
            HostileMessage(counts: [1, 1, 0, 0], tail: HostileMessage.opt()), malformed),
        HostileRow(
            "OPT in the authority section", "RFC 6891 section 6.1.1",
            HostileMessage(counts: [1, 0, 1, 0], tail: HostileMessage.opt()), malformed),
        HostileRow(
            "OPT cut off", "RFC 6891 section 6.1.2",
            HostileMessage(counts: [1, 0, 0, 1], tail: Array(HostileMessage.opt().dropLast())), malformed),
        edns(
            "OPT before another record", "RFC 6891 section 6.1.1", HostileMessage.opt(),
            HostileMessage.record(1, [10, 0, 0, 1]), outcome: fine),
        edns(
            "OPT data longer than the message", "RFC 6891 section 6.1.2", HostileMessage.opt(length: 100), outcome: malformed),
        edns(
            "OPT data shorter than it is", "RFC 6891 section 6.1.2",
            HostileMessage.opt(HostileMessage.option(10, 8), length: 6), outcome: malformed),
        edns(
            "an option longer than OPT", "RFC 6891 section 6.1.2",
            HostileMessage.opt(HostileMessage.option(10, 8, saysLength: 9)), outcome: malformed),
        edns(
            "an option of 65535 octets claimed", "RFC 6891 section 6.1.2",
            HostileMessage.opt(HostileMessage.option(12, 0, saysLength: 65_535)), outcome: malformed),
        edns("half an option's head", "RFC 6891 section 6.1.2", HostileMessage.opt([0, 10]), outcome: malformed),
    ]

    private static let versions: [HostileRow] =
        [1, 2, 100, 255].map {
            edns("EDNS version \($0)", "RFC 6891 section 6.1.3", HostileMessage.opt(version: UInt8($0)), outcome: .rcode(16))
        }
        + [0, 1, 511, 512, 4096, 65_535].map {
            edns("EDNS payload size \($0)", "RFC 6891 section 6.2.5", HostileMessage.opt(size: $0), outcome: fine)
        }
        + (0..<16).map {
            edns("EDNS flag \($0)", "RFC 6891 section 6.1.4", HostileMessage.opt(flags: 1 << $0), outcome: fine)
        } + [
            edns(
                "EDNS with an extended rcode in a query", "RFC 6891 section 6.1.3", HostileMessage.opt(rcode: 0xFF),
                outcome: fine),
            edns(
                "EDNS version 1 with unknown flags", "RFC 8906 section 8.2.5", HostileMessage.opt(version: 1, flags: 0x40),
                outcome: .rcode(16)),
            edns(
                "EDNS version 1 with an unknown option", "RFC 8906 section 8.2.6",
                HostileMessage.opt(HostileMessage.option(100, 4), version: 1), outcome: .rcode(16)),
        ]

    private static let options: [HostileRow] =
        [
            (3, 0), (3, 8), (5, 1), (8, 0), (8, 3), (8, 40), (9, 0), (10, 8), (10, 16), (10, 24), (10, 40), (11, 0),
            (11, 2), (12, 0), (12, 128),
            (13, 1), (14, 1), (15, 0), (15, 2), (18, 1), (26_946, 3), (65_001, 0), (65_534, 6), (65_535, 1), (0, 4), (1, 18),
        ].map {
            edns(
                "EDNS option \($0.0) of \($0.1) octets", "RFC 6891 section 6.1.2",
                HostileMessage.opt(HostileMessage.option($0.0, $0.1)), outcome: fine)
        } + [
            edns(
                "a second cookie of a wrong length", "RFC 7873 section 5.2",
                HostileMessage.opt(HostileMessage.option(10, 8) + HostileMessage.option(10, 3)), outcome: fine),
            edns(
                "a cookie that another server made", "RFC 7873 section 5.2.4",
                HostileMessage.opt(HostileMessage.two(10) + [0, 24, 7, 7, 7, 7, 7, 7, 7, 7, 1] + zeros(15)),
                outcome: fine),
            HostileRow(
                "QDCOUNT 0 with a cookie", "RFC 7873 section 5.4",
                HostileMessage(
                    counts: [0, 0, 0, 1], name: [], typeAndClass: [], tail: HostileMessage.opt(HostileMessage.option(10, 8))),
                fine),
        ]
        + [0, 1, 7, 9, 15, 41, 64].map {
            edns(
                "a cookie of \($0) octets", "RFC 7873 section 5.2.2", HostileMessage.opt(HostileMessage.option(10, $0)),
                outcome: malformed)
        } + [
            edns(
                "the same option four times", "RFC 6891 section 6.1.2",
                HostileMessage.opt((0..<4).flatMap { _ in HostileMessage.option(3, 0) }), outcome: fine),
            edns(
                "a hundred empty options", "RFC 6891 section 6.1.2",
                HostileMessage.opt((0..<100).flatMap { HostileMessage.option(1000 + $0, 0) }), outcome: fine),
            edns(
                "the DO bit and 400 octets of padding", "RFC 7830 section 3",
                HostileMessage.opt(HostileMessage.option(12, 400), flags: 0x8000), outcome: fine),
        ]

    private static let signatures: [HostileRow] = [
        edns(
            "a TSIG record", "RFC 8945 section 5.5", HostileMessage.record(250, [UInt8](repeating: 0, count: 16)),
            outcome: .refused(ede: 21)),
        edns("an empty TSIG record", "RFC 8945 section 5.5", HostileMessage.record(250, []), outcome: .refused(ede: 21)),
        edns(
            "a SIG(0) record", "RFC 2931 section 3.2", HostileMessage.record(24, [UInt8](repeating: 0, count: 20)),
            outcome: fine),
        edns(
            "TSIG and OPT", "RFC 8945 section 5.5", HostileMessage.opt(), HostileMessage.record(250, []),
            outcome: .refused(ede: 21)),
    ]
}
