/// An Extended DNS Error (RFC 8914): why an answer is what it is, for people and programs.
package struct ExtendedError: Hashable, Sendable {
    /// The INFO-CODE of RFC 8914 section 5.2.
    package let code: Int

    /// The EXTRA-TEXT, UTF-8; cut to `maximumTextLength` octets.
    package let text: [UInt8]

    /// The longest text that is sent, in octets: enough for a sentence, and small compared to 512.
    package static let maximumTextLength = 200

    /// Creates an extended error.
    package init(_ code: Code, _ text: String) {
        self.init(code: code.rawValue, text: Array(text.utf8))
    }

    /// The text as such.
    package var words: String { String(decoding: text, as: UTF8.self) }

    /// Creates an extended error.
    package init(code: Int, text: [UInt8]) {
        self.code = code
        var end = min(text.count, Self.maximumTextLength)
        // Does not cut inside a UTF-8 sequence: its later octets are 10xxxxxx.
        while end < text.count, end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        self.text = Array(text[..<end])
    }

    /// The codes that we use (RFC 8914 section 4; 29 by the IANA registry).
    package enum Code: Int, Sendable {
        /// None of the others fits.
        case other = 0
        /// The answer has expired, and no server answers.
        case staleAnswer = 3
        /// What the answer needs is not there yet.
        case notReady = 14
        /// An answer was blocked, as DNS rebinding is.
        case blocked = 15
        /// The client may not ask.
        case prohibited = 18
        /// No cluster has the name.
        case notAuthoritative = 20
        /// The opcode or type is not supported.
        case notSupported = 21
        /// No server of the cluster answered.
        case noReachableAuthority = 22
        /// The question could not be sent.
        case networkError = 23
        /// The answer was made here.
        case synthesized = 29
    }

    /// The option's length on the wire, with the four octets of code and length.
    package var optionLength: Int { 4 + 2 + text.count }
}
