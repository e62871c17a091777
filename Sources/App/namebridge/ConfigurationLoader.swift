import AdminServer
import DNSServer
import Forwarding
import Inventory
import InventoryFile
import LinuxSystem
import Synchronization

/// The configuration file that a server runs by.
final class LoadedFile: Sendable {
    /// The file's path.
    let path: String
    /// What stood in it when it was loaded last, and the facts of followed clusters that are in use.
    private let loaded: Mutex<FollowedText>

    init(path: String, _ whole: FollowedText) {
        self.path = path
        loaded = Mutex(whole)
    }

    /// The file and the facts in use.
    var whole: FollowedText { loaded.withLock { $0 } }

    /// Another file, or other facts, are in use now.
    func take(_ whole: FollowedText) { loaded.withLock { $0 = whole } }
}

/// Reads the file of a running server again, and applies it to the server.
struct ConfigurationLoader: Sendable {
    /// The file's path.
    let path: String
    /// The running server.
    let server: DNSServer
    /// The configuration at the start: some settings are fixed until the server ends.
    let started: Inventory
    /// The file as it was loaded last: with new facts it is used again, whatever stands in the file by then.
    let loadedFile: LoadedFile
    /// The query log.
    let queryLogs: QueryLogHandover
    /// What follows the configuration beside the server.
    let watches: Watches
    /// Looked up on the main thread; files are read again on other threads.
    private let serviceUser = CookieSecretFile.serviceUser

    init(
        _ file: LoadedFile, server: DNSServer, started: Inventory, queryLogs: QueryLogHandover,
        watches: Watches
    ) {
        path = file.path
        loadedFile = file
        self.server = server
        self.started = started
        self.queryLogs = queryLogs
        self.watches = watches
    }

    /// What follows the configuration beside the server.
    struct Watches: Sendable {
        /// The log of name servers.
        let health: HealthLog
        /// The probes of paths.
        let paths: PathWatch
    }

    /// See `ReloadAttempt`; writes lines to the log.
    func load(
        _ current: Inventory, _ generation: Int, scope: ReloadScope
    ) -> Result<ReloadedConfiguration, ReloadProblems> {
        do throws(ReloadProblems) {
            let new = try replace(current, scope)
            Log.use(new.inventory.log.format)
            for warning in new.warnings { Log.warning("reload warning", [("reason", warning)]) }
            Log.notice(
                "reloaded",
                [("generation", "\(generation)"), ("clusters", "\(new.inventory.clusters.count)")])
            return .success(new)
        } catch {
            for problem in error.problems { Log.failure("reload problem", [("reason", problem)]) }
            Log.failure(
                "not reloaded",
                [("problems", "\(error.problems.count)"), ("generation", "\(generation - 1)")])
            return .failure(error)
        }
    }

    /// Reads the file and replaces the server's configuration.
    private func replace(
        _ current: Inventory, _ scope: ReloadScope
    ) throws(ReloadProblems) -> ReloadedConfiguration {
        let (inventory, whole, fileWarnings) = try read(scope)
        if scope == .facts, inventory == current {
            return ReloadedConfiguration(inventory: current, warnings: fileWarnings)
        }
        if scope == .facts, inventory.withoutPodBlocks == current.withoutPodBlocks {
            // The answers are the same: no worker is told, and no cached answer is looked at.
            watches.paths.adopt(inventory, server.policy.gates)
            loadedFile.take(whole)
            return ReloadedConfiguration(inventory: inventory, warnings: fileWarnings)
        }
        let next = try ServerConfiguration(inventory, after: server.policy, service: serviceUser)
        var warnings = fileWarnings + restartWarnings(inventory) + next.warnings
        let queryLog = try queryLog(inventory.log)
        watches.paths.prepare(next.policy.gates, after: server.policy.gates)
        do throws(DNSServerError) {
            warnings += try server.replace(next.change(queryLog.log))
        } catch {
            throw ReloadProblems(["\(error)"], isConfigurationWrong: error.isConfigurationWrong)
        }
        watches.health.noteReload(server.policyAndBoard)
        watches.paths.adopt(inventory, next.policy.gates)
        queryLogs.take(queryLog)
        warnings += queryLog.warnings
        loadedFile.take(whole)
        return ReloadedConfiguration(inventory: inventory, warnings: warnings)
    }

    /// The inventory of the file, if it has no errors.
    private func read(
        _ scope: ReloadScope
    ) throws(ReloadProblems) -> (Inventory, whole: FollowedText, warnings: [String]) {
        let configuration: Configuration
        do throws(FileError) {
            let known = loadedFile.whole
            configuration = try Configuration(
                reading: path, file: scope == .facts ? known.file : nil, earlier: known.facts)
        } catch {
            throw ReloadProblems(["\(error)"])
        }
        let lines = configuration.problems.map { "\($0)" }
        guard let inventory = configuration.inventory else { throw ReloadProblems(lines) }
        return (inventory, FollowedText(configuration.octets), lines)
    }

    /// The query log of the new settings.
    private func queryLog(_ settings: LogSettings) throws(ReloadProblems) -> QueryLogHandover.Stage {
        do throws(Errno) {
            return try queryLogs.prepare(settings)
        } catch {
            throw ReloadProblems(["log.queries: \(error)"], isConfigurationWrong: false)
        }
    }

    /// The settings of the new configuration that a running process cannot apply.
    private func restartWarnings(_ new: Inventory) -> [String] {
        let dns = started.dns
        let limits = dns.limits
        let changes: [(key: String, isChanged: Bool)] = [
            ("dns.workers", new.dns.workers != dns.workers),
            ("dns.cache.size", new.dns.cache.size != dns.cache.size),
            ("dns.limits.connections", new.dns.limits.connections != limits.connections),
            ("admin", new.admin != started.admin),
        ]
        return changes.filter(\.isChanged).map { "\($0.key): this change takes effect with a restart" }
    }
}

extension DNSServerError {
    /// True if the configuration must be changed, and trying again does not help.
    fileprivate var isConfigurationWrong: Bool {
        switch self {
        case .needsRestart, .takesBothFamilies: true
        case .cannotListen, .notRunning, .workerIsLate, .cannotStartWorker: false
        }
    }
}
