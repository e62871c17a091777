import Testing

@testable import namebridge

/// Words of the command line that the running server completes.
@Suite struct KnownNameCompletionTests {
    @Test func `suggestions begin with the prefix, each once and in order`() {
        let texts = ["web.shop", "db.shop", "web.shop", "_http._tcp.web.shop", "prod/shop-2", "Web.shop"]
        #expect(
            KnownNameCompletion.suggestions(texts, "") == [
                "Web.shop", "_http._tcp.web.shop", "db.shop", "prod/shop-2", "web.shop",
            ])
        #expect(KnownNameCompletion.suggestions(texts, "we") == ["web.shop"])
    }

    @Test(arguments: [
        "$(reboot)", "`reboot`", "{a,b}.shop", "${IFS}", "a;b", "a b", "a\nb", "a\\b", "~root", "*", "a?", "[a]",
        "'a'", "\"a\"", "a&b", "a|b", "<a", ">a", "!a", "a#", "prod/$(reboot)", "caf\u{E9}.shop", "\u{0}",
    ])
    func `what a shell would expand is never suggested`(text: String) {
        #expect(KnownNameCompletion.suggestions([text, "web.shop"], "") == ["web.shop"])
    }
}
