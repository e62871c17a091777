import CLDNS

/// The names of the registered numbers of the DNS, both ways.
package enum Mnemonics {
    /// `AAAA` for 28; `TYPE4711` for a type without a name (RFC 3597 section 5).
    package static func type(_ number: UInt16) -> String {
        if let late = lateTypes.first(where: { $0.number == number }) { return late.name }
        // Sound: any 16-bit number is allowed; the string is freed by `takeString`.
        return unsafe takeString(ldns_rr_type2str(ldns_rr_type(UInt32(number)))) ?? "TYPE\(number)"
    }

    /// 28 for `AAAA` in any case, 4711 for `TYPE4711`; nil for an unknown name.
    package static func type(named name: String) -> UInt16? {
        let upper = name.uppercased()
        if let late = lateTypes.first(where: { $0.name == upper }) { return late.number }
        if upper.hasPrefix("TYPE") { return UInt16(upper.dropFirst(4)) }
        // Sound: the name is read during the call only.
        let number = unsafe ldns_get_rr_type_by_name(upper).rawValue
        return number == 0 ? nil : UInt16(exactly: number)
    }

    /// `IN` for 1; `CLASS4711` for a class without a name.
    package static func recordClass(_ number: UInt16) -> String {
        // Sound: any 16-bit number is allowed; the string is freed by `takeString`.
        unsafe takeString(ldns_rr_class2str(ldns_rr_class(UInt32(number)))) ?? "CLASS\(number)"
    }

    /// `NXDOMAIN` for 3; `RCODE99` for a number without a name.
    package static func rcode(_ number: UInt16) -> String {
        if number == 16 { return "BADVERS" }
        // Sound: any number is allowed; the string is freed by `takeString`.
        return unsafe takeString(ldns_pkt_rcode2str(ldns_pkt_rcode(UInt32(number)))) ?? "RCODE\(number)"
    }

    /// 3 for `NXDOMAIN` in any case; nil for an unknown name.
    package static func rcode(named name: String) -> UInt16? {
        let upper = name.uppercased()
        if upper.hasPrefix("RCODE") { return UInt16(upper.dropFirst(5)) }
        return (0...23).first { rcode($0) == upper }
    }

    /// `QUERY` for 0; `OPCODE9` for a number without a name.
    package static func opcode(_ number: UInt8) -> String {
        // Sound: any number is allowed; the string is freed by `takeString`.
        unsafe takeString(ldns_pkt_opcode2str(ldns_pkt_opcode(UInt32(number)))) ?? "OPCODE\(number)"
    }

    /// Types that Debian's libldns 1.8.3 is built without (RFC 9460). To be removed once it knows them.
    private static let lateTypes: [(name: String, number: UInt16)] = [("SVCB", 64), ("HTTPS", 65)]
}
