import CLDNS
package import DomainNames
import Glibc

/// Questions as libldns makes them, for probes and for people; the packet path makes its own.
package enum QuestionMessage {
    /// A whole message that asks for `name` in class IN, recursion desired.
    ///
    /// - Parameters:
    ///   - type: The type's number.
    ///   - payloadSize: What EDNS advertises, in octets; nil: no EDNS.
    package static func make(
        _ name: DomainName, type: UInt16, id: UInt16, payloadSize: UInt16?
    ) throws(LDNSError) -> [UInt8] {
        var owner = try OwnedName(name)
        // Sound, here and below: the packet takes the name over, lives to the end of the function and is
        // freed there.
        guard
            let packet = unsafe ldns_pkt_query_new(
                owner.pointer, ldns_rr_type(rawValue: UInt32(type)), LDNS_RR_CLASS_IN, UInt16(LDNS_RD))
        else { throw .noMemory }
        unsafe owner.pointer = nil
        defer { unsafe ldns_pkt_free(packet) }
        unsafe ldns_pkt_set_id(packet, id)
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
}

extension ResourceRecord {
    /// The record as it stands in a message, uncompressed: owner, type, class, TTL, length, data.
    package var wire: [UInt8] {
        func network16(_ number: Int) -> [UInt8] {
            [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        }
        return owner.wire + network16(Int(type)) + network16(Int(recordClass)) + network16(Int(ttl >> 16))
            + network16(Int(ttl & 0xFFFF)) + network16(data.count) + data
    }
}
