import AdminServer
import IPAddressing
import Inventory
import JSON
import LinuxSystem
import NetworkPlanning
import Synchronization

/// What `namebridge net render --record` has written for another device: with it the same can be written
/// again, and compared, once a cluster has changed.
struct RecordedRendering: Hashable, Sendable {
    /// The format.
    let format: RenderFormat
    /// The host, site or cluster; nil: none was named.
    let host: String?
    /// Where clients ask, as on the command line; nil: the default.
    let server: String?
    /// When it was rendered, in seconds since 1970.
    let time: Int
    /// What was rendered.
    let text: String

    /// The rendering of the present inventory; nil if it can't be rendered any more.
    func renewed(from inventory: Inventory) -> String? {
        let endpoint = server.flatMap { Endpoint($0, defaultPort: 53) }
        return try? Renderer(inventory, server: endpoint).render(format, for: host)
    }

    /// How it is rendered by hand.
    var command: String {
        var words = ["namebridge net render --format \(format.rawValue)"]
        if let host { words.append("--host \(host)") }
        if let server { words.append("--server \(server)") }
        return words.joined(separator: " ") + " --record"
    }

    /// Such as `cisco-ios for office`.
    var words: String { format.rawValue + (host.map { " for \($0)" } ?? "") }

    // MARK: - Files

    /// The beginning and the end of the names of files; no key of a cluster has a comma, so that no file of
    /// facts is called so.
    private static let (start, end) = ("rendered,", ".json")

    /// The file's name: one for each format and host.
    private var fileName: String {
        let place = (host ?? "").utf8.map { octet in
            let isPlain = isLetterOrDigit(octet) || [UInt8](".-_".utf8).contains(octet)
            return isPlain ? String(UnicodeScalar(octet)) : "%" + String(octet, radix: 16)
        }
        return Self.start + format.rawValue + "," + place.joined() + Self.end
    }

    /// All of a folder, in the order of their files' names. A file that can't be read is left out.
    static func all(in folder: String) -> [RecordedRendering] {
        FileContents.names(in: folder).filter { $0.hasPrefix(start) && $0.hasSuffix(end) }.sorted()
            .compactMap { name in
                guard let octets = try? contents(ofRegularFile: "\(folder)/\(name)", limit: mostOctets),
                    let json = try? JSONReader.read(octets)
                else { return nil }
                return RecordedRendering(json)
            }
    }

    /// A longer file is not read.
    private static let mostOctets = 16 << 20

    /// Writes it in place of an earlier one.
    func write(to folder: StateFolder) throws(Errno) {
        try folder.write(fileName, Array("\(json)\n".utf8), isForAll: true)
    }

    /// For the file.
    private var json: JSONValue {
        .object([
            ("version", .integer(1)), ("format", .string(format.rawValue)), ("host", .optional(host)),
            ("server", .optional(server)), ("time", .integer(time)), ("text", .string(text)),
        ])
    }

    /// Nil if `json` did not write it.
    private init?(_ json: JSONValue) {
        guard json["version"] == .integer(1),
            let format = json["format"]?.string.flatMap(RenderFormat.init(rawValue:)),
            let time = json["time"]?.integer, let text = json["text"]?.string
        else { return nil }
        self.init(
            format: format, host: json["host"]?.string, server: json["server"]?.string, time: time,
            text: text)
    }

    init(format: RenderFormat, host: String?, server: String?, time: Int, text: String) {
        self.format = format
        self.host = host
        self.server = server
        self.time = time
        self.text = text
    }
}

/// The recorded renderings that differ from what would be rendered now. They are compared again when the
/// inventory or a record has changed.
final class RenderingComparison: Sendable {
    /// The folder of records.
    private let folder: String
    /// The last comparison.
    private let last = Mutex<Comparison?>(nil)

    /// What was compared, and the result.
    private struct Comparison {
        let inventory: Inventory
        let records: [RecordedRendering]
        let changes: [ServerStatus.ChangedRendering]
    }

    init(folder: String = FactsFolder.path) { self.folder = folder }

    /// Those that have changed.
    func changes(_ inventory: Inventory) -> [ServerStatus.ChangedRendering] {
        let records = RecordedRendering.all(in: folder)
        if records.isEmpty { return [] }
        if let last = last.withLock({ $0 }), last.records == records, last.inventory == inventory {
            return last.changes
        }
        let changes = records.compactMap { Self.change(of: $0, inventory) }
        last.withLock { $0 = Comparison(inventory: inventory, records: records, changes: changes) }
        return changes
    }

    /// The change of one; nil if it is the same.
    private static func change(
        of record: RecordedRendering, _ inventory: Inventory
    ) -> ServerStatus.ChangedRendering? {
        let new = record.renewed(from: inventory)
        guard new != record.text else { return nil }
        let lines = new.map { Set($0.split(separator: "\n")) }
        let old = Set(record.text.split(separator: "\n"))
        return .init(
            what: record.words, time: record.time, addedLines: lines.map { $0.subtracting(old).count } ?? 0,
            removedLines: lines.map { old.subtracting($0).count } ?? old.count,
            isGone: new == nil, command: record.command)
    }
}

/// True for an ASCII letter or digit.
private func isLetterOrDigit(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
