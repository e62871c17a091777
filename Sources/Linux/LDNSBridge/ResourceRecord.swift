package import DomainNames

/// One record, independent of a message: all names are uncompressed.
package struct ResourceRecord: Hashable, Sendable {
    /// The owner's name.
    package let owner: DomainName
    /// The type's number, such as 28 for AAAA.
    package let type: UInt16
    /// The class's number, 1 for IN.
    package let recordClass: UInt16
    /// In seconds.
    package let ttl: UInt32
    /// The octets of RDATA with uncompressed names, their case as given; at most 65535.
    package let data: [UInt8]

    /// Creates a resource record.
    package init(owner: DomainName, type: UInt16, recordClass: UInt16, ttl: UInt32, data: [UInt8]) {
        self.owner = owner
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }
}

/// Why libldns rejected something.
package enum LDNSError: Error, Hashable, Sendable {
    /// A message or a record that it can't parse; `reason` is libldns's text.
    case refused(reason: String)
    /// A line of a zone file, from 1; the last one of a record that spans several.
    case zoneLine(line: Int, reason: String)
    /// An object could not be made: out of memory.
    case noMemory
}

extension LDNSError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .refused(let reason): reason
        case .zoneLine(let line, let reason): "line \(line): \(reason)"
        case .noMemory: "no memory"
        }
    }
}
