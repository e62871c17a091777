import AdminServer
import Testing

@Suite struct JSONValueTests {
    @Test(
        arguments: [
            (#"{"a": [1, -2, true, false, null], "b": {}, "c": []}"#, "every kind"),
            (#""a\"b\\c\n\t\u0001 ä""#, "what is escaped, and what is not"),
            ("  [ ]  ", "space around it"),
        ])
    func `what is written reads back as the same`(text: String, reason: String) throws {
        let value = try #require(JSONValue(reading: Array(text.utf8)), "\(reason)")
        let again = try #require(JSONValue(reading: Array(value.text().utf8)), "\(reason)")
        #expect(again.text() == value.text(), "\(reason)")
    }

    @Test(
        arguments: [
            ("", "nothing"), ("{", "an object without end"), ("[1", "a list without end"), ("[1,]", "a comma too much"),
            (#"{"a" 1}"#, "no colon"), (#"{a: 1}"#, "a name without quotes"), (#""abc"#, "a string without end"),
            (#""\u12""#, "half an escape"), (#""\ud800""#, "half a character"), (#""\"#, "a lone backslash"),
            ("1.5", "a fraction"), ("99999999999999999999", "more than an Int"), ("tru", "half a word"),
            ("1 2", "two values"), ("-", "a sign alone"),
            (String(repeating: "[", count: 100_000), "nesting without end"),
        ])
    func `what is not JSON gives nil`(text: String, reason: String) {
        #expect(JSONValue(reading: Array(text.utf8)) == nil, "\(reason)")
    }
}
