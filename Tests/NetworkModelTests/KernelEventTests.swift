import IPAddressing
import NetworkModel
import Testing

/// The kernel's messages about changes, as bytes.
@Suite struct KernelEventTests {
    @Test func `a deleted route`() throws {
        // rtmsg: family 2, /24, table 254, protocol 78; RTA_DST 10.235.88.0; asked for by process 4711
        let body: [UInt8] = [2, 24, 0, 0, 254, 78, 0, 1, 0, 0, 0, 0] + Self.attribute(1, [10, 235, 88, 0])
        let prefix = try #require(IPPrefix(around: IPAddress(v4: 0x0AEB_5800), length: 24))
        let events = KernelEvent.read(Self.message(25, body, port: 4711), of: .route)
        let actor = KernelEvent.Actor(process: 4711)
        #expect(events == [KernelEvent(.route(prefix, routeProtocol: 78), isGone: true, actor: actor)])
    }

    @Test func `a link, an address, a setting, a neighbour, each of two in one datagram`() {
        let link = Self.link(flags: 0x1003)
        let address = Self.message(21, [2, 24, 0, 0] + Self.word(9) + Self.attribute(1, [192, 0, 2, 1]))
        let setting = Self.message(80, [2, 0, 0, 0] + Self.attribute(1, [255, 255, 255, 255]))
        let neighbour = Self.message(29, [7, 0, 0, 0] + Self.word(9) + [0, 0, 0, 0])
        #expect(
            KernelEvent.read(link + address, of: .route) == [
                KernelEvent(.link(name: "eth0", index: 9, isUp: true)),
                KernelEvent(.address(IPAddress(v4: 0xC000_0201), device: 9), isGone: true),
            ])
        #expect(
            KernelEvent.read(setting + neighbour, of: .route) == [
                KernelEvent(.setting(device: KernelEvent.allDevices)),
                KernelEvent(.neighbour(device: 9), isGone: true),
            ])
    }

    @Test func `a deleted table, and which process deleted it`() {
        let table = Self.message(10 << 8 | 2, [1, 0, 0, 0] + Self.attribute(1, Array("namebridge\0".utf8)))
        let end = Self.message(
            10 << 8 | 15, [0, 0, 0, 0] + Self.attribute(2, [0, 0, 0x12, 0x67]) + Self.attribute(3, Array("nft\0".utf8)))
        #expect(
            KernelEvent.read(table + end, of: .filter) == [
                KernelEvent(.table("namebridge"), isGone: true),
                KernelEvent(.transaction, actor: KernelEvent.Actor(process: 4711, name: "nft")),
            ])
    }

    @Test func `a truncated message is ignored, whatever is missing`() {
        let whole = Self.link(flags: 1)
        for length in 0..<(whole.count - 3) { #expect(KernelEvent.read(Array(whole[..<length]), of: .route) == []) }
        var lying = whole
        lying[0] = 255
        #expect(KernelEvent.read(lying, of: .route) == [])
        lying = whole
        lying[32] = 255  // the attribute's length
        #expect(KernelEvent.read(lying, of: .route) == [])
    }

    private static func link(flags: UInt32) -> [UInt8] {
        message(16, [0, 0, 1, 0] + word(9) + word(flags) + word(0) + attribute(3, Array("eth0\0".utf8)))
    }

    private static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    private static func attribute(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        return [UInt8(value.count + 4), 0, type, 0] + value + padding
    }

    private static func message(_ type: Int, _ body: [UInt8], port: UInt32 = 0) -> [UInt8] {
        word(UInt32(body.count + 16)) + [UInt8(type & 0xFF), UInt8(type >> 8), 0, 0] + word(0) + word(port) + body
    }
}
