import DomainNames
import LDNSBridge
import Testing

@Suite struct MessageTests {
    /// An answer for `www.x.test` A: a compressed CNAME to `a.x.test`, its address, and OPT with EDE 22.
    private let answer: [UInt8] =
        [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1]
        + [3] + Array("www".utf8) + [1] + Array("x".utf8) + [4] + Array("test".utf8) + [0, 0, 1, 0, 1]
        + [0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 30, 0, 4, 1, UInt8(ascii: "a"), 0xC0, 16]
        + [0xC0, 40, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 1]
        + [0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 8, 0, 15, 0, 4, 0, 22, UInt8(ascii: "n"), UInt8(ascii: "o")]

    @Test func `a message is taken apart, its names whole`() throws {
        let message = try MessageOracle(answer)
        #expect(
            message.id == 0x1234 && message.isResponse && message.recursionAvailable && message.rcode == 0)
        let www = try DomainName(parsing: "www.x.test")
        let a = try DomainName(parsing: "a.x.test")
        #expect(
            message.records[.question] == [
                ResourceRecord(owner: www, type: 1, recordClass: 1, ttl: 0, data: [])
            ])
        #expect(
            message.records[.answer] == [
                ResourceRecord(owner: www, type: 5, recordClass: 1, ttl: 30, data: a.wire),
                ResourceRecord(owner: a, type: 1, recordClass: 1, ttl: 5, data: [192, 0, 2, 1]),
            ])
        #expect(message.records[.additional] == [])
        #expect(message.edns?.payloadSize == 1232)
        #expect(message.edns?.options == [0, 15, 0, 4, 0, 22, UInt8(ascii: "n"), UInt8(ascii: "o")])
    }

    @Test func `a message is presented as dig does`() throws {
        let text = try MessageText.present(answer)
        #expect(text.contains(";; ->>HEADER<<- opcode: QUERY, rcode: NOERROR, id: 4660\n"))
        #expect(text.contains("www.x.test.\t30\tIN\tCNAME\ta.x.test.\n"))
        #expect(text.contains("a.x.test.\t5\tIN\tA\t192.0.2.1\n"))
        #expect(!text.contains("Query time"))
        let error: [UInt8] = Array(answer.dropLast(9)) + [15, 0, 15, 0, 11, 0, 22] + Array("prod down".utf8)
        let words = try MessageText.present(error)
        #expect(words.contains("; EDE: 22 (No Reachable Authority): (prod down)"), "\(words)")
        let other: [UInt8] = Array(answer.dropLast(9)) + [15, 0, 15, 0, 11, 0, 0] + Array("prod down".utf8)
        let otherWords = try MessageText.present(other)
        #expect(otherWords.contains("; EDE: 0 (Other): (prod down)"), "\(otherWords)")
    }

    @Test func `a message cut anywhere is refused`() {
        for count in 0..<answer.count {
            #expect(throws: LDNSError.self, "\(count) octets") {
                try MessageOracle(Array(answer.prefix(count)))
            }
            #expect(throws: LDNSError.self, "\(count) octets") {
                try MessageText.present(Array(answer.prefix(count)))
            }
        }
    }
}
