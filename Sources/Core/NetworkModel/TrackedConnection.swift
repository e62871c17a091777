package import IPAddressing

/// A connection whose translation the kernel tracks (`conntrack -L`).
package struct TrackedConnection: Hashable, Sendable {
    /// The address that it was opened from.
    package let source: IPAddress

    /// The address that it was opened to.
    package let destination: IPAddress

    /// The address that answers go to.
    package let answersTo: IPAddress

    /// False for one that has ended, and is remembered for a while (TCP).
    package let isOpen: Bool

    /// True if its source is translated.
    package var isTranslated: Bool { source != answersTo }

    /// The connections that `conntrack -L` prints, one a line; unknown lines are skipped.
    ///
    /// ```
    /// udp 17 29 src=10.8.0.1 dst=10.9.0.2 sport=5 dport=9 [UNREPLIED] src=10.9.0.2 dst=10.9.0.1 ...
    /// ```
    package static func read(_ text: [UInt8]) -> [TrackedConnection] {
        text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            let destinations = words.filter { $0.hasPrefix("dst=") }
            guard let source = words.first(where: { $0.hasPrefix("src=") }), destinations.count == 2,
                let address = IPAddress(source.dropFirst(4)),
                let destination = IPAddress(destinations[0].dropFirst(4)),
                let answersTo = IPAddress(destinations[1].dropFirst(4))
            else { return nil }
            let hasEnded = words.contains { $0 == "TIME_WAIT" || $0 == "CLOSE" || $0 == "LAST_ACK" }
            return TrackedConnection(
                source: address, destination: destination, answersTo: answersTo, isOpen: !hasEnded)
        }
    }
}
