import CLDNS
package import DomainNames

/// One record as a line of text, both ways.
package enum RecordText {
    /// Reads a line such as `web.prod.svc 30 IN A 10.0.0.7`; relative names are below `origin`.
    package static func read(
        _ text: String, origin: DomainName, defaultTTL: UInt32 = 3600
    ) throws(LDNSError) -> ResourceRecord {
        guard !text.utf8.contains(0) else { throw .refused(reason: "a record holds no octet 0") }
        let origin = try OwnedName(origin)
        var made: UnsafeMutablePointer<ldns_rr>?
        // Sound: libldns copies what it keeps of the line and of the origin.
        let status = unsafe ldns_rr_new_frm_str(&made, text, defaultTTL, origin.pointer, nil)
        guard status == LDNS_STATUS_OK, let made = unsafe made else {
            throw .refused(reason: reason(of: status))
        }
        // Sound: the record is ours.
        defer { unsafe ldns_rr_free(made) }
        return try unsafe record(from: made)
    }

    /// The data of a record in presentation form, such as `10 5 80 web.shop.svc.`.
    /// - Throws: `LDNSError.refused` if libldns rejects the record.
    package static func data(of record: ResourceRecord) throws(LDNSError) -> String {
        let wire = record.wire
        var made: UnsafeMutablePointer<ldns_rr>?
        var position = 0
        // Sound: libldns reads `count` octets during the call and copies what it keeps.
        let status = unsafe wire.withUnsafeBufferPointer {
            unsafe ldns_wire2rr(&made, $0.baseAddress, $0.count, &position, LDNS_SECTION_ANSWER)
        }
        guard status == LDNS_STATUS_OK, let made = unsafe made else {
            throw .refused(reason: reason(of: status))
        }
        // Sound: the record is ours.
        defer { unsafe ldns_rr_free(made) }
        guard let line = unsafe takeString(ldns_rr2str(made)) else { throw .noMemory }
        // Owner, TTL, class, type, data, and a comment for some types.
        let fields = line.split(separator: "\t", maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 5 else { return "" }
        var data = fields[4].prefix { $0 != "\n" }
        while data.last == " " { data.removeLast() }
        return String(data)
    }
}
