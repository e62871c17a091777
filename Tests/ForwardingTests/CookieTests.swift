import DNSWire
import IPAddressing
import Inventory
import TestSupport
import Testing

@testable import Forwarding

/// Cookies towards clients (RFC 7873 section 5.2, RFC 9018).
@Suite struct CookieTests {
    @Test("the examples of RFC 9018 appendix A", arguments: examples)
    func example(_ example: Example) throws {
        let secrets = CookieSecrets(shared: try secrets(example.secrets), random: SipHash.Key(low: 1, high: 2))
        var cookie = try cookie(example.asked)
        secrets.judge(&cookie, from: try #require(IPAddress(example.client)), at: example.time)
        #expect(cookie.isProof == example.isProof)
        if !example.reply.isEmpty { #expect(text(cookie) == example.reply) }
    }

    @Test(arguments: [
        (0, true), (1_799, true), (3_600, true), (3_601, false), (-300, true), (-301, false), (86_400, false),
    ])
    func `a cookie is valid for an hour and five minutes ahead, over midnight too`(age: Int, isGood: Bool) throws {
        let secrets = CookieSecrets(shared: [], random: SipHash.Key(low: 1, high: 2))
        let client = try #require(IPAddress("10.0.0.7"))
        for made in [1_800_000_000, 1_800_057_600 - 5] as [UInt32] {
            var cookie = try cookie("2464c4abcf10c957")
            secrets.judge(&cookie, from: client, at: made)
            var second = try self.cookie(text(cookie))
            secrets.judge(&second, from: client, at: UInt32(Int(made) + age))
            #expect(second.isProof == isGood)
            let isKept = isGood && age < 1_800
            #expect((text(second) == text(cookie)) == isKept)
        }
    }

    // MARK: - Through the engine

    private func inventory(perSecond: Int = 1) -> Inventory {
        var inventory = Inventory()
        inventory.dns.upstream = [Endpoint(address: IPAddress(v4: 0xAC10_0101), port: 53)]
        inventory.dns.rateLimit.perSecond = perSecond
        inventory.dns.rateLimit.burst = 1
        return inventory
    }

    private let client = IPAddress(v4: 0x0A00_0007)
    private let lonely: [UInt8] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]

    private func options(_ cookie: [UInt8]) -> [UInt8] { [0, 10, 0, UInt8(cookie.count)] + cookie }

    @Test func `a client's cookie gets a server's cookie, with every kind of reply`() throws {
        let engine = PlayedEngine(inventory())
        for (name, type) in [("1.1.168.192.in-addr.arpa", 12), ("a.example.com", 252), ("b.c.prod", 255)] {
            engine.ask(questionOctets(name, type: type, options: lonely), from: client)
            for question in engine.questions { engine.answer(question, []) }
            engine.pass(milliseconds: 5_000)
            let reply = try #require(engine.replies.last?.octets)
            let cookie = try #require(option(10, of: reply))
            #expect(cookie.count == 24 && Array(cookie[..<8]) == [1, 2, 3, 4, 5, 6, 7, 8] && cookie[8] == 1)
        }
    }

    @Test func `a message with a cookie and no question gets a cookie`() throws {
        let engine = PlayedEngine(inventory())
        let header: [UInt8] = [0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let message = header + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12] + lonely
        let reply = try #require(engine.ask(message, from: client).first)
        #expect(rcode(of: reply) == 0 && option(10, of: reply)?.count == 24)
        let good = try #require(option(10, of: reply))
        for (cookie, code) in [(good, 0), (Array(good.dropLast()) + [good[23] ^ 1], 23), (Array(good.prefix(16)), 23)] {
            let length = UInt8(cookie.count)
            let message = header + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, length + 4, 0, 10, 0, length] + cookie
            let reply = try #require(engine.ask(message, from: client).first)
            #expect(rcode(of: reply) == code, "RFC 7873 section 5.4")
            #expect(option(10, of: reply)?.count == 24)
        }
        let stranger = IPAddress(v4: 0x0808_0808)
        let refusal = try #require(engine.ask(message, from: stranger).first)
        #expect(rcode(of: refusal) == 5 && option(10, of: refusal) == nil)
    }

    @Test func `a client over its rate gets BADCOOKIE, repeats with the correct cookie and is served`() throws {
        let engine = PlayedEngine(inventory())
        engine.ask(questionOctets("a.example", options: lonely), from: client)
        #expect(engine.questions.count == 1)
        var rcodes: [Int] = []
        var cookie: [UInt8] = []
        for index in 0..<4 {
            for reply in engine.ask(questionOctets("a\(index).example", options: lonely), from: client) {
                rcodes.append(rcode(of: reply))
                cookie = option(10, of: reply) ?? []
            }
        }
        #expect(rcodes == [23, 23], "every second question is answered")
        #expect(engine.questions.count == 1)
        for index in 0..<50 { engine.ask(questionOctets("b\(index).example", options: options(cookie)), from: client) }
        #expect(engine.questions.count == 51)
        engine.ask(questionOctets("c.example", options: options(cookie)), from: IPAddress(v4: 0x0A00_0008))
        #expect(engine.questions.count == 51, "another address has no use for it")
        #expect(engine.counters.cookiesGood == 50 && engine.counters.cookiesBad == 1)
    }

    /// An example of RFC 9018 appendix A: the client, the time, the cookie sent and the cookie returned.
    struct Example: Sendable, CustomTestStringConvertible {
        let section: String
        let secrets: [String]
        let client: String
        let asked: String
        let time: UInt32
        let isProof: Bool
        let reply: String
        var testDescription: String { section }
    }

    private static let first = "e5e973e5a6b2a43f48e7dc849e37bfcf"
    private static let rolled = ["445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"]

    static let examples = [
        Example(
            section: "A.1 a new server cookie", secrets: [first], client: "198.51.100.100", asked: "2464c4abcf10c957",
            time: 1_559_731_985, isProof: false, reply: "2464c4abcf10c957010000005cf79f111f8130c3eee29480"),
        Example(
            section: "A.2 a renewed one", secrets: [first], client: "198.51.100.100",
            asked: "2464c4abcf10c957010000005cf79f111f8130c3eee29480", time: 1_559_734_385, isProof: true,
            reply: "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"),
        Example(
            section: "A.3 one with reserved octets, two hours old", secrets: [first], client: "203.0.113.203",
            asked: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", time: 1_559_734_700, isProof: false,
            reply: "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"),
        Example(
            section: "A.3 the same within the hour", secrets: [first], client: "203.0.113.203",
            asked: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", time: 1_559_728_100, isProof: true,
            reply: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"),
        Example(
            section: "A.4 one of the secret before, over IPv6", secrets: rolled,
            client: "2001:db8:220:1:59de:d0f4:8769:82b8", asked: "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
            time: 1_559_741_961, isProof: true, reply: "22681ab97d52c298010000005cf7c57926556bd0934c72f8"),
        Example(
            section: "A.4 a new one of the newest secret", secrets: rolled,
            client: "2001:db8:220:1:59de:d0f4:8769:82b8", asked: "22681ab97d52c298", time: 1_559_741_961,
            isProof: false, reply: "22681ab97d52c298010000005cf7c609a6bb79d16625507a"),
        Example(
            section: "another address", secrets: [first], client: "198.51.100.101",
            asked: "2464c4abcf10c957010000005cf79f111f8130c3eee29480", time: 1_559_731_985, isProof: false,
            reply: ""),
    ]

    private func secrets(_ keys: [String]) throws -> [SipHash.Key] {
        try keys.map { try #require(SipHash.Key(octets: octets(hexadecimal: $0))) }
    }

    private func cookie(_ hex: String) throws -> ClientCookie {
        let data = octets(hexadecimal: hex)
        let message = questionOctets("a.b", options: [0, 10, 0, UInt8(data.count)] + data)
        guard case .query(let query) = ClientMessage(reading: message.span) else { throw NoCookie() }
        return try #require(query.cookie)
    }

    private struct NoCookie: Error {}

    private func text(_ cookie: ClientCookie) -> String {
        guard let reply = cookie.reply else { return "" }
        return [cookie.client, reply.head, reply.hash].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }
}
