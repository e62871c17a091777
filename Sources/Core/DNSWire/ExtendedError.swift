/// An Extended DNS Error (RFC 8914): why an answer is what it is, for people and programs.
package struct ExtendedError: Hashable, Sendable {
    /// The INFO-CODE of RFC 8914 section 5.2.
    package let code: Int

    /// The EXTRA-TEXT, UTF-8; cut to `maximumTextLength` octets.
    package let text: [UInt8]

    /// The longest text that is sent, in octets: enough for a sentence, and small compared to 512.
    package static let maximumTextLength = 200

    package init(_ code: Code, _ text: String) {
        self.init(code: code.rawValue, text: Array(text.utf8))
    }

    package init(code: Int, text: [UInt8]) {
        self.code = code
        var end = min(text.count, Self.maximumTextLength)
        // Does not cut inside a UTF-8 sequence: its later octets are 10xxxxxx.
        while end < text.count, end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        self.text = Array(text[..<end])
    }

    /// The codes that we use (RFC 8914 section 4; 29 by the IANA registry).
    package enum Code: Int, Sendable {
        case other = 0
        case staleAnswer = 3
        case blocked = 15
        case prohibited = 18
        case notAuthoritative = 20
        case notSupported = 21
        case noReachableAuthority = 22
        case networkError = 23
        case synthesized = 29
    }

    /// The option's length on the wire, with the four octets of code and length.
    package var optionLength: Int { 4 + 2 + text.count }
}
