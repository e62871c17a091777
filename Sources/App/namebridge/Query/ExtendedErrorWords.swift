import DNSWire
import Inventory
import LDNSBridge

extension ExtendedError {
    /// Such as `22 (No Reachable Authority): prod: 10.0.0.10:53 timeout`.
    var inWords: String {
        let words = String(decoding: text, as: UTF8.self).printable
        return words.isEmpty ? "\(code) (\(purpose))" : "\(code) (\(purpose)): \(words)"
    }

    /// The purpose of the INFO-CODE (IANA registry of Extended DNS Error Codes, RFC 8914 section 5.2).
    var purpose: String {
        Self.purposes.indices.contains(code) ? Self.purposes[code] : "Unassigned"
    }

    /// By code, from 0.
    private static let purposes = [
        "Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer",
        "Forged Answer",
        "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid",
        "DNSKEY Missing",
        "RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked",
        "Censored",
        "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported",
        "No Reachable Authority", "Network Error", "Invalid Data", "Signature Expired before Valid",
        "Too Early",
        "Unsupported NSEC3 Iterations Value", "Unable to conform to policy", "Synthesized",
    ]

    /// The error that a whole message carries (RFC 8914 section 2); nil for none.
    static func first(in message: [UInt8]) -> ExtendedError? {
        guard let options = try? MessageOracle(message).edns?.options else { return nil }
        var position = 0
        while options.count - position >= 4 {  // advances by at least four octets
            let code = Int(options[position]) << 8 | Int(options[position + 1])
            let length = Int(options[position + 2]) << 8 | Int(options[position + 3])
            position += 4
            guard options.count - position >= length else { return nil }
            if code == EDNS.OptionCode.extendedError, length >= 2 {
                let info = Int(options[position]) << 8 | Int(options[position + 1])
                return ExtendedError(code: info, text: Array(options[(position + 2)..<(position + length)]))
            }
            position += length
        }
        return nil
    }
}
