/// The purposes of the INFO-CODEs of Extended DNS Errors (IANA, Extended DNS Error Codes).
package enum ExtendedErrorPurpose {
    /// The purposes by code, from 0.
    private static let names = [
        "Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer",
        "Forged Answer", "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired",
        "Signature Not Yet Valid",
        "DNSKEY Missing", "RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error",
        "Not Ready",
        "Blocked", "Censored", "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative",
        "Not Supported", "No Reachable Authority", "Network Error", "Invalid Data",
        "Signature Expired before Valid", "Too Early", "Unsupported NSEC3 Iterations Value",
        "Unable to conform to policy", "Synthesized", "Invalid Query Type",
    ]

    /// The purpose of a code; empty for an unknown one.
    package static func of(_ code: Int) -> String {
        names.indices.contains(code) ? names[code] : "unassigned"
    }
}
