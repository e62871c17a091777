import AdminServer
import DNSWire
import DomainNames
import Inventory
import JSON
import LDNSBridge

/// A reply as people and programs read it.
struct QueryAnswer {
    /// The mnemonic of the whole response code, such as `NXDOMAIN`.
    let rcode: String
    /// True if the reply has the bit TC.
    let isTruncated: Bool
    /// The records of all sections but the question, in order.
    let records: [Record]
    /// Why the answer is what it is; nil if the reply does not say so.
    let error: ExtendedError?

    /// A record in presentation form.
    struct Record: Hashable {
        /// The section that it is in.
        let section: MessageOracle.Section
        /// The owner, with a dot at the end.
        let name: String
        /// The mnemonic of its type.
        let type: String
        /// In seconds.
        let ttl: Int
        /// The data.
        let data: String
    }

    /// Nil if there is no reply, or libldns does not read it.
    init?(_ reply: [UInt8]) {
        guard !reply.isEmpty, let message = try? MessageOracle(reply) else { return nil }
        rcode = Mnemonics.rcode(UInt16(message.rcode) | UInt16(message.edns?.extendedRcode ?? 0) << 4)
        isTruncated = message.isTruncated
        error = ExtendedError.first(in: reply)
        let sections: [MessageOracle.Section] = [.answer, .authority, .additional]
        records = sections.flatMap { section in
            (message.records[section] ?? []).map { Record($0, in: section) }
        }
    }

    /// The records of the answer section.
    var answers: [Record] { records.filter { $0.section == .answer } }

    /// True if the reply is an answer of a server, a denial included.
    var isAnswer: Bool { rcode == "NOERROR" || rcode == "NXDOMAIN" }

    /// True if the name exists and has no record of the type.
    var hasNoData: Bool { rcode == "NOERROR" && answers.isEmpty && !isTruncated }
}

extension QueryAnswer.Record {
    /// A record of a section.
    fileprivate init(_ record: ResourceRecord, in section: MessageOracle.Section) {
        self.section = section
        name = record.owner == .root ? "." : "\(record.owner)."
        type = Mnemonics.type(record.type)
        ttl = Int(record.ttl)
        data = (try? RecordText.data(of: record)) ?? ""
    }

    /// The same for programs.
    var json: JSONValue {
        .object([
            ("section", .string(section.rawValue)), ("name", .string(name)), ("type", .string(type)),
            ("ttl", .integer(ttl)), ("data", .string(data)),
        ])
    }
}
