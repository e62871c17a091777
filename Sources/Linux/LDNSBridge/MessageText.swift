import CLDNS

/// A message in the form that dig prints.
package enum MessageText {
    /// Header, sections and OPT as lines, without the lines about the exchange at the end of dig's output.
    /// - Throws: `LDNSError.refused` if libldns rejects the message.
    package static func present(_ message: [UInt8]) throws(LDNSError) -> String {
        let packet = try OwnedPacket(message)
        // Sound: `packet` is alive during the call; the string is freed by `takeString`.
        guard let text = unsafe takeString(ldns_pkt2str(packet.pointer)) else { throw .noMemory }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        lines.removeAll { line in figures.contains { line.hasPrefix($0) } }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map(withoutNumbers).joined(separator: "\n") + "\n"
    }

    /// libldns writes the text of an Extended DNS Error as numbers before it writes it in letters.
    private static func withoutNumbers(_ line: Substring) -> Substring {
        guard line.hasPrefix("; EDE: "), let end = line.firstIndex(of: ")") else { return line }
        let rest = line[end...].dropFirst().drop { $0 == ":" || $0 == " " || $0.isHexDigit }
        return rest.isEmpty ? line[...end] : line[...end] + ": " + rest
    }
}

/// The first words of the lines about an exchange that libldns has not made.
private let figures = [";; Query time:", ";; SERVER:", ";; WHEN:", ";; MSG SIZE"]
