import DNSWire

/// The file of `dns.cookie-secret-file`: the secrets from which the cookies of RFC 9018 are made, the newest
/// first, each on a line of 32 hexadecimal digits. Empty lines and those that begin with `#` count for
/// nothing.
enum CookieSecretFile {
    /// More than anybody needs to have in use at once: one makes cookies, others are going or coming.
    private static let mostSecrets = 4

    static func read(_ path: String) throws(CookieSecretError) -> [SipHash.Key] {
        let octets: [UInt8]
        do throws(FileError) {
            octets = try contents(ofFile: path)
        } catch {
            throw CookieSecretError(text: "\(error)")
        }
        var secrets: [SipHash.Key] = []
        for (index, line) in octets.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let text = line.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            guard let first = text.first, first != UInt8(ascii: "#") else { continue }
            // What was found is a secret: it is not shown.
            guard let secret = key(text) else {
                throw CookieSecretError(
                    text: "\(path):\(index + 1): expected a secret of 32 hexadecimal digits;"
                        + " `openssl rand -hex 16` makes one")
            }
            secrets.append(secret)
        }
        guard (1...mostSecrets).contains(secrets.count) else {
            throw CookieSecretError(
                text: "\(path): found \(secrets.count) secrets, expected 1 to \(mostSecrets)")
        }
        return secrets
    }

    private static func key(_ text: [UInt8]) -> SipHash.Key? {
        guard text.count == 32 else { return nil }
        var octets: [UInt8] = []
        for position in stride(from: 0, to: 32, by: 2) {
            guard let high = digit(text[position]), let low = digit(text[position + 1]) else { return nil }
            octets.append(high << 4 | low)
        }
        return SipHash.Key(octets: octets)
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// What is wrong with the file of secrets; never a secret itself.
struct CookieSecretError: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}
