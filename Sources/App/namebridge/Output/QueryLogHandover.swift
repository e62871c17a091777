import DNSServer
import Inventory
import LinuxSystem
import Synchronization

/// The query log of a running server, across configurations.
final class QueryLogHandover: Sendable {
    /// The query log of one configuration.
    struct Stage: Sendable {
        /// The settings of the configuration.
        let settings: LogSettings
        /// Writes the lines; nil: no log.
        let writer: QueryLogWriter?
        /// Nil: no log.
        let log: QueryLog?
        /// The output from then on.
        var file: QueryLogFile?
        /// Problems, with the key that they are about.
        var warnings: [String] = []
    }

    /// The present stage.
    private let stage: Mutex<Stage>

    /// Opens the output: that may be impossible later.
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

    /// Nil: no log.
    var log: QueryLog? { stage.withLock { $0.log } }

    /// Prepares the query log for `settings`; nothing changes yet.
    ///
    ///     A file is opened again, so that one that was renamed is released; if that fails, the lines go to
    /// the old output.
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
            warnings = [restart + "; the old output is used until a restart"]
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

    /// Switches to `next`.
    func take(_ next: Stage) {
        if let file = next.file { next.writer?.use(file) }
        stage.withLock { $0 = next }
    }
}
