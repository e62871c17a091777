import Inventory
import Testing

@Suite("Spelling") struct SpellingTests {
    @Test(
        "the nearest word is found, a far one is not",
        arguments: [
            ("listne", "listen", "two letters swapped"),
            ("client", "clients", "a letter missing"),
            ("BARE_DOMAIN", "bare-domain", "case and underscores do not count"),
            ("viewss", "views", "a letter too many"),
            ("colour", nil, "nothing like it"),
            ("", nil, "nothing at all"),
            ("dn", "dns", "short words may have one slip"),
            ("x", nil, "a single letter is near nothing"),
        ] as [(String, String?, String)])
    func nearest(found: String, expected: String?, reason: String) {
        let known = ["listen", "clients", "bare-domain", "views", "dns"]
        #expect(nearestSpelling(of: found, among: known) == expected, "\(reason)")
    }

    @Test(
        "quoted text stays on one line and cannot steer a terminal",
        arguments: [
            ("plain", #""plain""#), ("a\nb\tc", #""a\nb\tc""#), ("\u{1B}[31m", #""\u{1b}[31m""#),
            ("\u{202E}abc", #""\u{202e}abc""#), ("a\"b\\", #""a\"b\\""#), ("münchen", #""münchen""#),
            ("", #""""#),
        ])
    func quotes(text: String, expected: String) {
        #expect(quoted(text) == expected)
    }

    @Test("quoted text has an end")
    func long() {
        #expect(quoted(String(repeating: "x", count: 1000)).count == 65)
    }
}
