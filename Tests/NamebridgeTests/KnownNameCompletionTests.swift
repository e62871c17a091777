import AdminServer
import DomainNames
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
        ("prod/shpo", "did you mean prod/shop?"), ("prdo", "did you mean prod?"), ("*/shpo", "did you mean */shop?"),
        ("prod/shop", nil), ("elsewhere", nil), ("*/elsewhere", nil),
    ])
    func `a scope without names leads to the nearest one that has some`(typed: String, hint: String?) throws {
        let names = try ["web.shop.svc.prod.cluster.local", "api.pay.svc.prod.cluster.local"].map {
            KnownName(name: try DomainName(parsing: $0), cluster: "prod", source: .walk, ageSeconds: 1)
        }
        #expect(KnownNames.hint(for: try #require(NameScope(typed)), among: names) == hint)
    }

    @Test(arguments: [
        "$(reboot)", "`reboot`", "{a,b}.shop", "${IFS}", "a;b", "a b", "a\nb", "a\\b", "~root", "*", "a?", "[a]",
        "'a'", "\"a\"", "a&b", "a|b", "<a", ">a", "!a", "a#", "prod/$(reboot)", "caf\u{E9}.shop", "\u{0}",
    ])
    func `what a shell would expand is never suggested`(text: String) {
        #expect(KnownNameCompletion.suggestions([text, "web.shop"], "") == ["web.shop"])
    }
}
