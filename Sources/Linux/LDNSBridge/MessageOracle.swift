import CLDNS

/// A message as libldns parses it: tests compare our own codec with it.
package struct MessageOracle: Hashable, Sendable {
    /// The four sections of a message (RFC 1035 section 4.1).
    package enum Section: String, Sendable, CaseIterable {
        /// The question section.
        case question
        /// The answer section.
        case answer
        /// The authority section.
        case authority
        /// The additional section.
        case additional
    }

    /// The fields of OPT (RFC 6891 section 6.1.3); libldns takes it out of the additional section.
    package struct Extension: Hashable, Sendable {
        /// In octets.
        package let payloadSize: UInt16
        /// The upper eight bits of the rcode.
        package let extendedRcode: UInt8
        /// The EDNS version.
        package let version: UInt8
        /// DO and the unassigned bits.
        package let flags: UInt16
        /// The octets of all options.
        package let options: [UInt8]
    }

    /// The message ID.
    package let id: UInt16
    /// The opcode.
    package let opcode: UInt8
    /// The lower four bits.
    package let rcode: UInt8
    /// QR.
    package let isResponse: Bool
    /// AA.
    package let isAuthoritative: Bool
    /// TC.
    package let isTruncated: Bool
    /// RD.
    package let recursionDesired: Bool
    /// RA.
    package let recursionAvailable: Bool
    /// AD.
    package let authenticData: Bool
    /// CD.
    package let checkingDisabled: Bool
    /// The records of each section in their order; those of the question have no TTL and no data.
    package let records: [Section: [ResourceRecord]]
    /// Nil without OPT.
    package let edns: Extension?

    /// Reads a whole message.
    /// - Throws: `LDNSError.refused` if libldns rejects it.
    package init(_ message: [UInt8]) throws(LDNSError) {
        let packet = try OwnedPacket(message)
        let pointer = unsafe packet.pointer
        // Sound, here and below: `packet` is alive to the end of this initializer, and all that is read
        // is copied.
        defer { _ = packet }
        unsafe id = ldns_pkt_id(pointer)
        unsafe opcode = UInt8(truncatingIfNeeded: ldns_pkt_get_opcode(pointer).rawValue)
        unsafe rcode = UInt8(truncatingIfNeeded: ldns_pkt_get_rcode(pointer).rawValue)
        unsafe isResponse = ldns_pkt_qr(pointer)
        unsafe isAuthoritative = ldns_pkt_aa(pointer)
        unsafe isTruncated = ldns_pkt_tc(pointer)
        unsafe recursionDesired = ldns_pkt_rd(pointer)
        unsafe recursionAvailable = ldns_pkt_ra(pointer)
        unsafe authenticData = ldns_pkt_ad(pointer)
        unsafe checkingDisabled = ldns_pkt_cd(pointer)
        records = [
            .question: try unsafe Self.records(of: ldns_pkt_question(pointer)).map(\.asQuestion),
            .answer: try unsafe Self.records(of: ldns_pkt_answer(pointer)),
            .authority: try unsafe Self.records(of: ldns_pkt_authority(pointer)),
            .additional: try unsafe Self.records(of: ldns_pkt_additional(pointer)),
        ]
        guard unsafe ldns_pkt_edns(pointer) else {
            edns = nil
            return
        }
        unsafe edns = Extension(
            payloadSize: ldns_pkt_edns_udp_size(pointer),
            extendedRcode: ldns_pkt_edns_extended_rcode(pointer),
            version: ldns_pkt_edns_version(pointer),
            flags: ldns_pkt_edns_z(pointer),
            options: octets(of: ldns_pkt_edns_data(pointer)))
    }

    /// The records of one section.
    private static func records(
        of list: UnsafeMutablePointer<ldns_rr_list>?
    ) throws(LDNSError) -> [ResourceRecord] {
        guard let list = unsafe list else { return [] }
        var records: [ResourceRecord] = []
        // Sound: the list belongs to the packet that the caller keeps, and counts its own records.
        for index in unsafe 0..<ldns_rr_list_rr_count(list) {
            guard let element = unsafe ldns_rr_list_rr(list, index) else { continue }
            records.append(try unsafe record(from: element))
        }
        return records
    }
}

extension ResourceRecord {
    /// The record without the TTL that libldns invents for a question.
    fileprivate var asQuestion: ResourceRecord {
        ResourceRecord(owner: owner, type: type, recordClass: recordClass, ttl: 0, data: [])
    }
}

/// A message that libldns has parsed, freed with this value.
@safe struct OwnedPacket: ~Copyable {
    let pointer: UnsafeMutablePointer<ldns_pkt>

    init(_ message: [UInt8]) throws(LDNSError) {
        var made: UnsafeMutablePointer<ldns_pkt>?
        // Sound: libldns reads `count` octets during the call and copies what it keeps.
        let status = unsafe message.withUnsafeBufferPointer {
            unsafe ldns_wire2pkt(&made, $0.baseAddress, $0.count)
        }
        guard status == LDNS_STATUS_OK, let made = unsafe made else {
            throw .refused(reason: reason(of: status))
        }
        unsafe pointer = made
    }

    deinit {
        // Sound: this value is the only owner.
        unsafe ldns_pkt_free(pointer)
    }
}
