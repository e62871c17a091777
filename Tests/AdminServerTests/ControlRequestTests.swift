import AdminServer
import DomainNames
import Testing

@Suite struct ControlRequestTests {
    @Test(arguments: [
        "status", "reload", "flush", "flush name web.shop.svc.prod.cluster.local", "flush below cluster.local",
        "flush cluster prod", "flush missed prod", "flush name a\\032b\\.c.d", "names * 0", "names prod/shop 5000",
        "walk prod 1000",
        "flush services prod web.shop,db.shop", "flush services prod web.shop,!db.shop",
    ])
    func `a request reads back from its line`(line: String) throws {
        #expect(try ControlRequest(parsing: line).line == line)
    }

    @Test(
        arguments: [
            ("", "nothing"), ("   ", "spaces"), ("STATUS", "capitals"), ("status now", "a word too much"),
            ("flush name", "no name"), ("flush all x", "no such kind"), ("flush name a b", "a name and more"),
            ("names", "no scope"), ("names prod x", "no number"), ("names a/b/c 0", "no scope"), ("walk prod", "no pace"),
            ("walk prod 0", "no pace"), ("walk prod -1", "no pace"),
            ("restart", "no such request"), ("reload x", "a word too much"), ("\u{0}\u{1}\u{2}", "garbage"),
        ])
    func `any other line is refused, and the error names valid requests`(line: String, reason: String) {
        #expect(throws: ControlRequestError.unknown, "\(reason)") { try ControlRequest(parsing: line) }
        #expect("\(ControlRequestError.unknown)".contains("flush cluster KEY"))
    }

    @Test func `an invalid name is refused with the reason`() {
        #expect(throws: ControlRequestError.badName(.emptyLabel)) {
            try ControlRequest(parsing: "flush name a..b")
        }
    }

    @Test func `the longest name fits into a line`() throws {
        let label = [UInt8](repeating: 0, count: 63)
        let name = try DomainName(labels: [label, label, label, Array(label.prefix(61))])
        let line = ControlRequest.flush(.below(name)).line
        #expect(line.utf8.count <= ControlRequest.longestLine)
        #expect(try ControlRequest(parsing: line) == .flush(.below(name)))
    }
}
