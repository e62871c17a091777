package import DomainNames
package import IPAddressing

/// The questions to a server, all sent at once. Those that test a transport have CD set, so that a validating
/// resolver's verdict does not look like a fault of the transport (RFC 4035 section 3.2.2). The others have
/// AD set, as dig does: some resolvers validate only for clients that set it (RFC 6840 section 5.7).
package enum Probe: String, Hashable, Sendable, CaseIterable {
    /// The SOA of the suffix, over UDP with EDNS.
    case zone
    /// The same with CD: without validation.
    case zoneUnchecked
    /// The same without EDNS.
    case zonePlain
    /// The same over TCP.
    case zoneOverTCP
    /// The same in a message of 1232 octets (RFC 7830).
    case zonePadded
    /// `dns-version`, a TXT record that every cluster has.
    case version
    /// The address of the name in question, over UDP with room for 1232 octets.
    case address
    /// The same with CD.
    case addressUnchecked
    /// The name's IPv6 address, which most clusters do not have: an answer without data.
    case addressV6
    /// The same over TCP.
    case addressOverTCP
    /// The same over UDP with room for 4096 octets.
    case addressLarge
    /// The name of the address that the forwarder has given.
    case reverse
    /// `version.bind`, class CH: the server's name for itself.
    case software
}

/// The outcome of one question.
package enum ProbeOutcome: Hashable, Sendable {
    /// An answer came.
    case answer(ProbeAnswer)
    /// No answer in time.
    case silence
    /// The question could not be sent; the text is the system's.
    case failure(String)

    /// The answer; nil without one.
    package var answer: ProbeAnswer? {
        if case .answer(let answer) = self { answer } else { nil }
    }
}

/// The content of a server's answer.
package struct ProbeAnswer: Hashable, Sendable {
    /// With its upper bits from OPT, 0...4095 (RFC 6891 section 6.1.3).
    package var rcode = 0
    /// TC.
    package var isTruncated = false
    /// True if it has an OPT record.
    package var hasEDNS = false

    /// In ascending order.
    package var addresses: [IPAddress] = []

    /// The strings of TXT records, each record's joined.
    package var texts: [String] = []

    /// Targets of PTR records.
    package var names: [DomainName] = []

    /// Owner and primary server of the SOA record among the answers or in the authority section.
    package var zone: Zone?

    /// INFO-CODE and text (RFC 8914 section 2); nil for none.
    package var extendedError: ExtendedErrorReport?

    /// The message's length.
    package var octets = 0

    /// From the question's last sending to the answer.
    package var nanoseconds: Int64 = 0

    /// Creates a probe answer.
    package init() {}

    /// The SOA record of an answer.
    package struct Zone: Hashable, Sendable {
        /// The zone's name.
        package var owner: DomainName
        /// The primary server's name.
        package var primary: DomainName

        /// Creates a zone.
        package init(owner: DomainName, primary: DomainName) {
            self.owner = owner
            self.primary = primary
        }
    }

    /// The Extended DNS Error of an answer.
    package struct ExtendedErrorReport: Hashable, Sendable {
        /// The INFO-CODE.
        package var code: Int
        /// The EXTRA-TEXT.
        package var text: String

        /// Creates an extended error report.
        package init(code: Int, text: String) {
            self.code = code
            self.text = text
        }

        /// True for the codes by which validators reject (RFC 8914 sections 4.6 to 4.13; 25 and 27 of
        /// IANA's registry).
        package var isValidation: Bool { (5...12).contains(code) || code == 25 || code == 27 }
    }

    /// SERVFAIL.
    package static let serverFailure = 2
    /// NXDOMAIN.
    package static let nameError = 3
    /// REFUSED.
    package static let refused = 5
    /// True for NOERROR.
    package var isFine: Bool { rcode == 0 }

    /// Such as `NXDOMAIN`, or `SERVFAIL (6: DNSSEC Bogus)`.
    package var words: String {
        let mnemonics = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
        let name = mnemonics.indices.contains(rcode) ? mnemonics[rcode] : "rcode \(rcode)"
        let base = rcode == 0 && addresses.isEmpty && texts.isEmpty && names.isEmpty ? "no data" : name
        guard let error = extendedError else { return base }
        return "\(base) (extended error \(error.code)\(error.text.isEmpty ? "" : ": " + error.text))"
    }
}

/// The observation of a name server.
package struct ServerObservation: Hashable, Sendable {
    /// The server's address and port, as it is asked.
    package var server: Endpoint
    /// Its address inside of its cluster, if it is asked at an outer one; else nil.
    package var innerAddress: IPAddress?
    /// The outcome of each question.
    package var outcomes: [Probe: ProbeOutcome]

    /// The local process that listens there; nil if it is on another host, or unknown.
    package var process: String?

    /// Creates a server observation.
    package init(
        server: Endpoint, innerAddress: IPAddress? = nil, outcomes: [Probe: ProbeOutcome] = [:],
        process: String? = nil
    ) {
        self.server = server
        self.innerAddress = innerAddress
        self.outcomes = outcomes
        self.process = process
    }

    /// Such as `10.96.0.10:53`, or `10.208.0.10:53 (10.96.0.10 inside)`.
    var words: String { innerAddress.map { "\(server) (\($0) inside)" } ?? "\(server)" }

    /// The answer to a question; nil without one.
    package subscript(probe: Probe) -> ProbeAnswer? { outcomes[probe]?.answer }

    /// True if any question was answered.
    package var isAlive: Bool { outcomes.values.contains { $0.answer != nil } }

    /// The addresses of the name, over TCP if the answer over UDP was truncated; none if the response code is
    /// an error.
    package var addresses: [IPAddress] {
        let direct = self[.address].flatMap { $0.isTruncated ? nil : $0 }
        guard let answer = direct ?? self[.addressOverTCP], answer.isFine else { return [] }
        return answer.addresses
    }

    /// The kind of resolver.
    package var software: ResolverSoftware {
        ResolverSoftware(server: server, version: self[.software]?.texts.first, process: process)
    }
}
