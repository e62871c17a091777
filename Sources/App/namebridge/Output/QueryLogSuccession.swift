import DNSServer
import Inventory
import LinuxSystem
import Synchronization

/// The query log of a running server, from one configuration to the next.
final class QueryLogSuccession: Sendable {
    /// What stands in a configuration, and what it has led to.
    struct Stage: Sendable {
        let settings: LogSettings
        let writer: QueryLogWriter?
        /// Nil: nothing is written down.
        let log: QueryLog?
        /// Where the lines go from then on.
        var file: QueryLogFile?
        /// What did not work out, with the key that it is about.
        var warnings: [String] = []
    }

    private let stage: Mutex<Stage>

    /// Opens the output: afterwards that may be possible no more.
    init(_ settings: LogSettings) throws(Errno) {
        var log: QueryLog?
        var writer: QueryLogWriter?
        if let queries = settings.queries {
            let made = try QueryLogWriter(QueryLogFile(queries.output), settings.format)
            log = try QueryLog(queries, write: made.write)
            writer = made
        }
        stage = Mutex(Stage(settings: settings, writer: writer, log: log))
    }

    /// The folders in which files may be opened later: that of the output, and the service manager's
    /// LOGS_DIRECTORY (systemd.exec(5)).
    static func folders(_ settings: LogSettings) -> [String] {
        var folders = environment("LOGS_DIRECTORY")?.split(separator: ":").prefix(1).map(String.init) ?? []
        if case .file(let path)? = settings.queries?.output { folders.append(FilePath.parent(of: path)) }
        return folders.filter(FilePath.isFolder)
    }

    /// Nil: nothing is written down.
    var log: QueryLog? { stage.withLock { $0.log } }

    /// What is to come with `settings`; nothing has changed yet.
    ///
    /// A file is opened anew, so that one that was moved away is let go of; where that can't be, the lines go
    /// on where they went.
    func prepare(_ settings: LogSettings) throws(Errno) -> Stage {
        let old = stage.withLock { $0 }
        guard let queries = settings.queries else { return Stage(settings: settings, writer: nil, log: nil) }
        var warnings: [String] = []
        let file: QueryLogFile
        do throws(Errno) {
            file = try QueryLogFile(queries.output)
        } catch {
            let restart = "log.queries.output: the running server cannot open it: \(error)"
            guard let before = old.writer?.file else {
                return Stage(
                    settings: settings, writer: nil, log: nil,
                    warnings: [restart + "; nothing is written until a restart"])
            }
            warnings = [restart + "; lines go on to where they went, until a restart"]
            file = before
        }
        if let log = old.log, let writer = old.writer, settings == old.settings {
            return Stage(settings: settings, writer: writer, log: log, file: file, warnings: warnings)
        }
        let writer = QueryLogWriter(file, settings.format)
        return Stage(
            settings: settings, writer: writer, log: try QueryLog(queries, write: writer.write),
            warnings: warnings)
    }

    /// It has come.
    func take(_ next: Stage) {
        if let file = next.file { next.writer?.use(file) }
        stage.withLock { $0 = next }
    }
}
