import CLDNS
package import DomainNames
import Glibc

/// Questions built by libldns, for probes and for people; the packet path builds its own.
package enum QuestionMessage {
    /// A whole message that asks for `name`, recursion desired.
    ///
    /// - Parameters:
    ///   - type: The type's number.
    ///   - recordClass: The class's number; 1 is IN, 3 CH.
    ///   - payloadSize: What EDNS advertises, in octets; nil: no EDNS.
    ///   - checkingDisabled: CD: a validating resolver does not validate (RFC 4035 section 3.2.2).
    ///   - authenticData: AD: a resolver that validates on demand does so (RFC 6840 section 5.7).
    package static func make(
        _ name: DomainName, type: UInt16, recordClass: UInt16 = 1, id: UInt16, payloadSize: UInt16?,
        checkingDisabled: Bool = false, authenticData: Bool = false
    ) throws(LDNSError) -> [UInt8] {
        var owner = try OwnedName(name)
        // Sound, here and below: the packet takes ownership of the name, lives to the end of the function and
        // is freed there.
        guard
            let packet = unsafe ldns_pkt_query_new(
                owner.pointer, ldns_rr_type(rawValue: UInt32(type)),
                ldns_rr_class(rawValue: UInt32(recordClass)), UInt16(LDNS_RD))
        else { throw .noMemory }
        unsafe owner.pointer = nil
        defer { unsafe ldns_pkt_free(packet) }
        unsafe ldns_pkt_set_id(packet, id)
        unsafe ldns_pkt_set_cd(packet, checkingDisabled)
        unsafe ldns_pkt_set_ad(packet, authenticData)
        if let payloadSize { unsafe ldns_pkt_set_edns_udp_size(packet, payloadSize) }
        var wire: UnsafeMutablePointer<UInt8>?
        var size = 0
        let status = unsafe ldns_pkt2wire(&wire, packet, &size)
        guard status == LDNS_STATUS_OK, let wire = unsafe wire else {
            throw .refused(reason: reason(of: status))
        }
        // Sound: libldns has allocated `size` octets, which are ours to free(3).
        defer { unsafe free(wire) }
        return unsafe [UInt8](UnsafeBufferPointer(start: wire, count: size))
    }

    /// `message` extended to `size` octets by the padding option (RFC 7830 section 3); a longer one
    /// is unchanged.
    ///
    /// - Parameter message: One of `make`, with EDNS: it ends with the length of its OPT's data, which is 0.
    package static func padded(_ message: [UInt8], to size: Int) -> [UInt8] {
        let padding = size - message.count - 4
        guard message.count > 2, padding >= 0 else { return message }
        func network16(_ number: Int) -> [UInt8] {
            [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        }
        return Array(message.dropLast(2)) + network16(padding + 4) + network16(12) + network16(padding)
            + [UInt8](repeating: 0, count: padding)
    }
}

extension ResourceRecord {
    /// The record in wire form, uncompressed: owner, type, class, TTL, length, data.
    package var wire: [UInt8] {
        func network16(_ number: Int) -> [UInt8] {
            [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        }
        return owner.wire + network16(Int(type)) + network16(Int(recordClass)) + network16(Int(ttl >> 16))
            + network16(Int(ttl & 0xFFFF)) + network16(data.count) + data
    }
}
