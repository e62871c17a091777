import JSON
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        (#"{"a":[1,-2,true,false,null,"x\"\\\n\u00e9\ud83d\ude00"],"b":{}}"#, "every kind"),
        (" [ ] ", "space around"), ("1.50", "a fraction is kept as written"), (#""""#, "an empty string"),
        ("123456789012345678901234567890", "a number of more than 64 bits"),
        (#""a\"b\\c\n\t\u0001 \u007f\u009b ä""#, "what is escaped, and what is not"),
        (#"{"b":1,"a":{"d":[],"c":{}}}"#, "members out of order, and nothing inside"),
    ])
    func `a text that is JSON is read, and what is written of it reads the same`(text: String, reason: String) throws {
        let value = try JSONReader.read(Array(text.utf8))
        #expect(try JSONReader.read(Array(value.description.utf8)) == value, "\(reason)")
        #expect(try JSONReader.read(Array(value.text().utf8)) == value, "\(reason)")
    }

    @Test func `members are compared in any order, written for people in their own, compactly by key`() {
        let one: JSONValue = .object([("b", .integer(1)), ("a", .array([.null, .boolean(true)]))])
        let other: JSONValue = .object(["a": .array([.null, .boolean(true)]), "b": .integer(1)])
        #expect(one == other && one.hashValue == other.hashValue)
        #expect(one.description == #"{"a":[null,true],"b":1}"#)
        #expect(one.text() == "{\n  \"b\": 1,\n  \"a\": [\n    null,\n    true\n  ]\n}")
    }

    @Test func `of a key that stands twice the later value counts`() throws {
        let value = try JSONReader.read(Array(#"{"a":1,"a":2}"#.utf8))
        #expect(value["a"] == .integer(2) && value == .object(["a": .integer(2)]))
        #expect(value.description == #"{"a":2}"#)
    }

    @Test(arguments: [
        ("", JSONError.truncated(offset: 0)), ("[1", .truncated(offset: 2)),
        ("[1 2]", .unexpected(offset: 3, octet: 0x32)), ("{1:2}", .unexpected(offset: 1, octet: 0x31)),
        ("[1,]", .unexpected(offset: 3, octet: 0x5D)), ("tru", .truncated(offset: 3)),
        ("1 1", .unexpected(offset: 2, octet: 0x31)), ("-", .unexpected(offset: 0, octet: 0x2D)),
        (#""\u12""#, .truncated(offset: 6)), (#""\ud800x""#, .unexpected(offset: 7, octet: 0x78)),
        (#""\u12zz""#, .badString(offset: 3)), ("\"\n\"", .badString(offset: 1)),
        (#""\x""#, .badString(offset: 2)),
    ])
    func `a text that is not JSON is an error with its place`(text: String, error: JSONError) {
        #expect(throws: error) { try JSONReader.read(Array(text.utf8)) }
    }

    @Test func `octets that are not UTF-8 are an error`() {
        #expect(throws: JSONError.badString(offset: 0)) { try JSONReader.read([0x22, 0xFF, 0x22]) }
    }

    @Test func `a text of a hundred thousand brackets is an error, not a crash`() {
        #expect(throws: JSONError.tooDeep(offset: 64)) {
            try JSONReader.read(Array(repeating: UInt8(ascii: "["), count: 100_000))
        }
    }
}
