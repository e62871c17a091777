import IPAddressing

/// Which part of the kernel a datagram of netlink(7) comes from.
package enum NetlinkFamily: Hashable, Sendable {
    /// Links, addresses, routes, neighbours, settings (rtnetlink(7)).
    case route
    /// nf_tables, below nfnetlink.
    case filter
}

extension KernelEvent {
    /// The events in a datagram of netlink; those of other kinds, and incomplete ones, are skipped.
    ///
    /// ```
    /// | length 32 | type 16 | flags 16 | sequence 32 | port 32 | a structure of the type's | attributes ...
    /// |
    /// ```
    package static func read(_ datagram: [UInt8], of family: NetlinkFamily) -> [KernelEvent] {
        var events: [KernelEvent] = []
        var start = 0
        while datagram.count - start >= 16 {  // each turn goes on by at least a header
            let message = NetlinkBytes(datagram[start...])
            let length = message.number32(0)
            guard length >= 16, length <= datagram.count - start else { break }
            let body = NetlinkBytes(datagram[(start + 16)..<(start + length)])
            let type = message.number16(4)
            // libnl puts a counter above the 22 bits of the process; ports without a process are chosen
            // there, too.
            let port = message.number32(12) & 0x3F_FFFF
            let actor = port == 0 ? nil : Actor(process: port)
            let event =
                family == .route
                ? route(type, body, actor: actor)
                : type >> 8 == 10 ? filter(type & 0xFF, body, actor: actor) : nil
            if let event { events.append(event) }
            start += min((length + 3) & ~3, datagram.count - start)
        }
        return events
    }

    /// The numbers are RTM_NEWLINK and so on, of linux/rtnetlink.h; odd ones delete.
    private static func route(_ type: Int, _ body: NetlinkBytes, actor: Actor?) -> KernelEvent? {
        let subject: Subject
        switch type {
        case 16, 17:
            guard body.count >= 16, let name = body.text(3, after: 16) else { return nil }
            subject = .link(name: name, index: body.number32(4), isUp: body.number32(8) & 1 != 0)
        case 20, 21:
            guard body.count >= 8 else { return nil }
            let address = body.address(2, after: 8) ?? body.address(1, after: 8)
            subject = .address(address, device: body.number32(4))
        case 24, 25:
            guard body.count >= 12 else { return nil }
            let unspecified =
                body.byte(0) == 2 ? IPAddress(v4: 0) : body.byte(0) == 10 ? IPAddress(v6: 0) : nil
            guard let address = body.address(1, after: 12) ?? unspecified,
                let prefix = IPPrefix(around: address, length: body.byte(1))
            else { return nil }
            subject = .route(prefix, routeProtocol: body.byte(5))
        case 28, 29:
            guard body.count >= 12 else { return nil }
            subject = .neighbour(device: body.number32(4), address: body.address(1, after: 12))
        case 32, 33: subject = .policyRule(ruleProtocol: body.attribute(21, after: 12)?.byte(0) ?? 0)
        case 80, 81:
            guard let device = body.attribute(1, after: 4), device.count >= 4 else { return nil }
            subject = .setting(device: Int(Int32(truncatingIfNeeded: device.number32(0))))
        case 104, 105: subject = .nextHop(madeBy: body.byte(2))
        default: return nil
        }
        return KernelEvent(subject, isGone: type % 2 == 1, actor: actor)
    }

    /// The numbers are NFT_MSG_NEWTABLE and so on, of linux/netfilter/nf_tables.h.
    private static func filter(_ type: Int, _ body: NetlinkBytes, actor: Actor?) -> KernelEvent? {
        switch type {
        case 0, 2:
            return body.text(1, after: 4).map { KernelEvent(.table($0), isGone: type == 2, actor: actor) }
        case 3, 5:
            guard let table = body.text(1, after: 4), let name = body.text(3, after: 4) else { return nil }
            return KernelEvent(.chain(name, table: table), isGone: type == 5, actor: actor)
        case 6, 8:
            guard let table = body.text(1, after: 4), let chain = body.text(2, after: 4) else { return nil }
            return KernelEvent(.filterRule(chain: chain, table: table), isGone: type == 8, actor: actor)
        case 15:
            // This event names its process; a process that has ended by now was named by an earlier event.
            guard let process = body.attribute(2, after: 4), process.count >= 4 else { return nil }
            let number = Int(UInt32(truncatingIfNeeded: process.number32(0)).byteSwapped)
            return KernelEvent(.transaction, actor: Actor(process: number, name: body.text(3, after: 4)))
        default: return nil
        }
    }
}

/// Numbers in host byte order and attributes of a netlink message; octets past the end read as 0.
private struct NetlinkBytes {
    /// The octets of a message or an attribute.
    private let octets: ArraySlice<UInt8>

    init(_ octets: ArraySlice<UInt8>) { self.octets = octets }

    /// The number of octets.
    var count: Int { octets.count }

    /// The octet at `offset`.
    func byte(_ offset: Int) -> Int {
        offset < octets.count ? Int(octets[octets.startIndex + offset]) : 0
    }

    /// The 16-bit number at `offset`.
    func number16(_ offset: Int) -> Int {
        Int(UInt16(littleEndian: UInt16(byte(offset)) | UInt16(byte(offset + 1)) << 8))
    }

    /// The 32-bit number at `offset`.
    func number32(_ offset: Int) -> Int {
        var value: UInt32 = 0
        for index in 0..<4 { value |= UInt32(byte(offset + index)) << UInt32(8 * index) }
        return Int(UInt32(littleEndian: value))
    }

    /// The value of the first attribute of that type after a structure of `header` octets.
    ///
    /// ```
    /// | length 16 | type 16 | value ... | up to 3 octets until the next one |
    /// ```
    func attribute(_ type: Int, after header: Int) -> NetlinkBytes? {
        var start = header
        while count - start >= 4 {  // each turn goes on by at least a header
            let length = number16(start)
            guard length >= 4, length <= count - start else { return nil }
            // The two upper bits tell of nesting and byte order.
            if number16(start + 2) & 0x3FFF == type {
                return NetlinkBytes(
                    octets[(octets.startIndex + start + 4)..<(octets.startIndex + start + length)])
            }
            start += min((length + 3) & ~3, count - start)
        }
        return nil
    }

    /// A C string.
    func text(_ type: Int, after header: Int) -> String? {
        attribute(type, after: header).map { String(decoding: $0.octets.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// An attribute as an address, by its length.
    func address(_ type: Int, after header: Int) -> IPAddress? {
        guard let value = attribute(type, after: header) else { return nil }
        var bits: UInt128 = 0
        for octet in value.octets.prefix(16) { bits = bits << 8 | UInt128(octet) }
        switch value.count {
        case 4: return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
        case 16: return IPAddress(v6: bits)
        default: return nil
        }
    }
}
