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
}
