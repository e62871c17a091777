/// A question and the answer that a real CoreDNS gave; one line of `answers.jsonl`.
package struct RecordedExchange: Decodable, Sendable {
    /// Of CoreDNS.
    package let version: String
    /// The cluster's name.
    package let cluster: String
    /// `udp`, `udp+edns1232`, `udp+edns4096` or `tcp`.
    package let transport: String
    /// The name asked.
    package let name: String
    /// The type asked.
    package let type: String
    /// The whole messages in hexadecimal, without the length prefix of TCP.
    private let query: String
    /// As `query`.
    private let response: String

    /// The question.
    package var queryOctets: [UInt8] { octets(hexadecimal: query) }
    /// The answer.
    package var responseOctets: [UInt8] { octets(hexadecimal: response) }

    /// Its name in a failing test.
    package var title: String { "\(cluster) \(version) \(transport) \(name) \(type)" }
}

/// The octets of pairs of hexadecimal digits; other characters are skipped.
package func octets(hexadecimal text: String) -> [UInt8] {
    let digits = text.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// Two digits an octet.
package func hexadecimal(_ octets: [UInt8]) -> String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
