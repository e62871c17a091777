import CLDNS
package import DomainNames
import Glibc

/// Reads zone files in the form of RFC 1035 section 5, without `$INCLUDE`, a record's TTL before its class.
package enum ZoneFile {
    /// The records of `text` in their order.
    ///
    /// - Parameters:
    ///   - origin: The origin of relative names before any `$ORIGIN`.
    ///   - defaultTTL: For records before any `$TTL`, in seconds.
    /// - Throws: `LDNSError.zoneLine` at the first line that libldns can't parse.
    package static func read(
        _ text: [UInt8], origin: DomainName, defaultTTL: UInt32 = 3600
    ) throws(LDNSError) -> [ResourceRecord] {
        guard !text.isEmpty else { return [] }
        // The library fails on a NUL inside a line, and reads the last line only with its line feed.
        guard !text.contains(0) else { throw .refused(reason: "a zone file holds no octet 0") }
        var copy = text + [UInt8(ascii: "\n")]
        var origin = try OwnedName(origin)
        var records: [ResourceRecord] = []
        var failure: LDNSError?
        unsafe copy.withUnsafeMutableBytes { octets in
            // Sound: the stream reads from `octets`, and is closed before they go.
            guard let stream = unsafe fmemopen(octets.baseAddress, octets.count, "r") else {
                failure = .noMemory
                return
            }
            defer { unsafe fclose(stream) }
            do throws(LDNSError) {
                records = try unsafe readAll(stream, &origin, defaultTTL: defaultTTL)
            } catch {
                failure = error
            }
        }
        if case .zoneLine(let line, let reason) = failure {
            throw .zoneLine(line: lastFilledLine(of: text, upTo: line), reason: reason)
        }
        if let failure { throw failure }
        return records
    }

    /// libldns counts the empty lines after a record as its own; this is the last line, from 1, before them.
    private static func lastFilledLine(of text: [UInt8], upTo line: Int) -> Int {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).prefix(line)
        return (lines.lastIndex { !$0.isEmpty } ?? 0) + 1
    }

    /// Reads all records of a stream.
    private static func readAll(
        _ stream: UnsafeMutablePointer<FILE>, _ origin: inout OwnedName, defaultTTL: UInt32
    ) throws(LDNSError) -> [ResourceRecord] {
        var records: [ResourceRecord] = []
        var ttl = defaultTTL
        var line: Int32 = 0
        var previous = try OwnedName(.root)
        while unsafe feof(stream) == 0 {  // each turn reads a line, or ends with an error
            var made: UnsafeMutablePointer<ldns_rr>?
            // Sound: the two names are owned here; libldns frees what it replaces and leaves the new one
            // to us.
            let status = unsafe ldns_rr_new_frm_fp_l(
                &made, stream, &ttl, &origin.pointer, &previous.pointer, &line)
            // Sound: a record is made on success only, and is ours.
            defer { if let made = unsafe made, status == LDNS_STATUS_OK { unsafe ldns_rr_free(made) } }
            switch status {
            case LDNS_STATUS_OK:
                guard let made = unsafe made else { throw .noMemory }
                records.append(try unsafe record(from: made))
            case LDNS_STATUS_SYNTAX_EMPTY, LDNS_STATUS_SYNTAX_TTL, LDNS_STATUS_SYNTAX_ORIGIN:
                continue
            default:
                throw .zoneLine(line: Int(line), reason: reason(of: status))
            }
        }
        return records
    }
}
