import CLDNS
import DomainNames
import Glibc

/// libldns's words for a status.
func reason(of status: ldns_status) -> String {
    // Sound: the strings are constants of the library; NULL is tested for.
    guard let text = unsafe ldns_get_errorstr_by_id(status) else { return "status \(status.rawValue)" }
    return unsafe String(cString: text)
}

/// Copies a string that libldns has allocated, then frees it; nil for NULL.
func takeString(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    guard let text = unsafe text else { return nil }
    // Sound: a string of the library ends with NUL, and is the caller's to free(3), once.
    defer { unsafe free(text) }
    return unsafe String(cString: text)
}

/// The octets of one field.
func octets(of field: UnsafeMutablePointer<ldns_rdf>?) -> [UInt8] {
    // Sound: a field owns `size` octets at `data`, which outlive this copy.
    guard let field = unsafe field, let data = unsafe ldns_rdf_data(field) else { return [] }
    return unsafe [UInt8](UnsafeBufferPointer(start: data, count: ldns_rdf_size(field)))
}

/// Copies a record; the caller keeps the original.
func record(from record: UnsafeMutablePointer<ldns_rr>) throws(LDNSError) -> ResourceRecord {
    var data: [UInt8] = []
    // Sound: the record is alive for the whole function, and it counts its own fields.
    for index in unsafe 0..<ldns_rr_rd_count(record) {
        data += unsafe octets(of: ldns_rr_rdf(record, index))
    }
    return ResourceRecord(
        owner: try unsafe name(from: ldns_rr_owner(record)),
        type: unsafe UInt16(truncatingIfNeeded: ldns_rr_get_type(record).rawValue),
        recordClass: unsafe UInt16(truncatingIfNeeded: ldns_rr_get_class(record).rawValue),
        ttl: unsafe ldns_rr_ttl(record),
        data: data)
}

/// Copies a name; the caller keeps the original.
func name(from field: UnsafeMutablePointer<ldns_rdf>?) throws(LDNSError) -> DomainName {
    do throws(DomainNameError) {
        return try unsafe DomainName(wire: octets(of: field))
    } catch {
        throw .refused(reason: "a name that \(error)")
    }
}

/// A name in libldns's form, freed with this value.
@safe struct OwnedName: ~Copyable {
    /// Null once libldns has taken ownership.
    var pointer: UnsafeMutablePointer<ldns_rdf>?

    init(_ name: DomainName) throws(LDNSError) {
        // Sound: libldns copies `count` octets before the closure returns.
        let made = unsafe name.wire.withUnsafeBytes {
            unsafe ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, $0.count, $0.baseAddress)
        }
        guard let made = unsafe made else { throw .noMemory }
        unsafe pointer = made
    }

    deinit {
        // Sound: this value is the only owner; NULL is allowed.
        unsafe ldns_rdf_deep_free(pointer)
    }
}
