import DomainNames
import Forwarding
import IPAddressing
import Inventory
import LDNSBridge
import LinuxSystem
import Synchronization
import Telemetry
import Time

/// Writes the query log: one line for each reply.
///
/// ```
/// query client=10.0.0.7:40213 proto=udp name=web.shop.svc.prod.cluster.local type=A \
/// sent=web.shop.svc.cluster.local cluster=prod server=10.208.0.10:53 address=10.200.1.7 inner=10.244.1.7 \
/// source=miss rcode=NOERROR us=812
/// ```
final class QueryLogWriter: Sendable {
    /// The output, which a reload may replace.
    private let output: Mutex<QueryLogFile>
    /// The form of lines.
    private let format: LogFormat
    /// Dropped replies.
    private let losses = Mutex(Losses())

    /// Replies that were dropped and not reported yet, and the time of the last report.
    private struct Losses {
        /// Replies dropped since the last report.
        var count = 0
        /// When they were reported last.
        var lastReport: MonotonicTime?
        /// True while the file can't be written.
        var isFailing = false
    }

    init(_ file: QueryLogFile, _ format: LogFormat) {
        output = Mutex(file)
        self.format = format
    }

    /// The output.
    var file: QueryLogFile { output.withLock { $0 } }

    /// Switches to another output.
    func use(_ file: QueryLogFile) { output.withLock { $0 = file } }

    /// - Parameter dropped: Replies for which there was no room on the way here.
    func write(_ replies: [LoggedReply], _ dropped: Int) {
        let file = file
        var text = ""
        for reply in replies {
            text += line(Self.fields(reply), isStandardError: file.isStandardError) + "\n"
        }
        do throws(Errno) {
            try file.lines.append(text)
            tell(dropped, nil)
        } catch {
            tell(dropped + replies.count, error)
        }
    }

    /// Reports at most once a minute that replies were dropped, and once that the file can't be written.
    private func tell(_ dropped: Int, _ error: Errno?) {
        let now = MonotonicClock.now
        let (count, isNewFailure) = losses.withLock { losses in
            losses.count += dropped
            let isNew = error != nil && !losses.isFailing
            losses.isFailing = error != nil
            let isRecent = losses.lastReport.map { now.seconds(since: $0) < 60 } ?? false
            if isRecent || losses.count == 0 { return (0, isNew) }
            defer { losses.count = 0 }
            losses.lastReport = now
            return (losses.count, isNew)
        }
        if isNewFailure, let error { Log.failure("query log not written", [("reason", "\(error)")]) }
        if count > 0 { Log.warning("query log left out answers", [("count", "\(count)")]) }
    }

    /// A line in the form of the log.
    private func line(_ fields: Log.Fields, isStandardError: Bool) -> String {
        if isStandardError { return Log.line(.information, "query", values: fields, format: format) }
        switch format {
        case .text: return Log.text(WallClock.text(WallClock.seconds) + " query", fields)
        case .json: return Log.json(.information, "query", values: fields)
        }
    }

    /// The values of a reply's line.
    private static func fields(_ reply: LoggedReply) -> Log.Fields {
        var fields: Log.Fields = [
            ("client", "\(reply.client)"), ("proto", reply.transport == .udp ? "udp" : "tcp"),
            ("name", name(reply.name)), ("type", Mnemonics.type(UInt16(truncatingIfNeeded: reply.type))),
        ]
        if !reply.sent.isEmpty { fields.append(("sent", name(reply.sent))) }
        if !reply.cluster.isEmpty { fields.append(("cluster", reply.cluster)) }
        if let server = reply.server { fields.append(("server", "\(server)")) }
        if let address = reply.address { fields.append(("address", "\(address)")) }
        if let inner = reply.innerAddress { fields.append(("inner", "\(inner)")) }
        return fields + [
            ("source", reply.source.word),
            ("rcode", Mnemonics.rcode(UInt16(truncatingIfNeeded: reply.rcode))),
            ("us", "\(reply.microseconds ?? 0)"),
        ]
    }

    /// A name in presentation form.
    private static func name(_ wire: [UInt8]) -> String { (try? DomainName(wire: wire))?.description ?? "?" }
}

/// The output of the query log.
final class QueryLogFile: Sendable {
    /// The open file.
    let lines: AppendedFile
    /// True for standard error.
    let isStandardError: Bool

    /// Opens it, which may be impossible once privileges are dropped.
    init(_ output: LogOutput) throws(Errno) {
        switch output {
        case .standardError:
            lines = try AppendedFile()
            isStandardError = true
        case .file(let path):
            lines = try AppendedFile(path)
            isStandardError = false
        }
    }
}

extension AnswerSource {
    /// Its name in metrics.
    fileprivate var word: String {
        switch self {
        case .hit: "hit"
        case .miss: "miss"
        case .stale: "stale"
        case .local: "local"
        case .refused: "refused"
        }
    }
}
