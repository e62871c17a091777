import DNSWire
import Diagnosis
import DomainNames
import IPAddressing
import Inventory
import LDNSBridge

extension ProbeAnswer {
    /// Parses a whole message; nil if it is not a response.
    init?(reading message: [UInt8]) {
        guard let read = try? MessageOracle(message), read.isResponse else { return nil }
        self.init()
        octets = message.count
        rcode = Int(read.rcode) | Int(read.edns?.extendedRcode ?? 0) << 4
        isTruncated = read.isTruncated
        hasEDNS = read.edns != nil
        let answers = read.records[.answer] ?? []
        for record in answers + (read.records[.authority] ?? []) { take(record) }
        addresses.sort()
        if let error = ExtendedError.first(in: message) {
            let words = String(decoding: error.text, as: UTF8.self).printable
            extendedError = ExtendedErrorReport(code: error.code, text: words.isEmpty ? error.purpose : words)
        }
    }

    /// Adds a record's data to the answer.
    private mutating func take(_ record: ResourceRecord) {
        switch Int(record.type) {
        case RecordType.a, RecordType.aaaa:
            let family: AddressFamily = Int(record.type) == RecordType.a ? .v4 : .v6
            guard record.data.count == family.bitWidth / 8 else { return }
            addresses.append(
                IPAddress(family: family, bits: record.data.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }))
        case RecordType.txt:
            texts.append(Self.text(record.data))
        case RecordType.ptr:
            if let name = try? DomainName(wire: record.data) { names.append(name) }
        case RecordType.soa:
            guard zone == nil, let end = Self.endOfName(record.data),
                let primary = try? DomainName(wire: Array(record.data[..<end]))
            else { return }
            zone = Zone(owner: record.owner, primary: primary)
        default: return
        }
    }

    /// The strings of a TXT record, joined (RFC 1035 section 3.3.14).
    private static func text(_ data: [UInt8]) -> String {
        var text: [UInt8] = []
        var position = 0
        while position < data.count {  // advances by at least one octet
            let end = min(position + 1 + Int(data[position]), data.count)
            text += data[(position + 1)..<end]
            position = end
        }
        return String(decoding: text, as: UTF8.self).printable
    }

    /// The offset after the name that `data` begins with; nil if it does not end in `data`.
    private static func endOfName(_ data: [UInt8]) -> Int? {
        var position = 0
        while position < data.count {  // advances by at least one octet
            if data[position] == 0 { return position + 1 }
            position += Int(data[position]) + 1
        }
        return nil
    }
}
