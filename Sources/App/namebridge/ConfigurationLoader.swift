import AdminServer
import DNSServer
import DNSWire
import Forwarding
import Inventory
import InventoryFile
import LinuxSystem

/// Reads the file of a running server again, and applies it to the server.
struct ConfigurationLoader: Sendable {
    /// The file's path.
    let path: String
    /// The running server.
    let server: DNSServer
    /// The configuration at the start: some settings are fixed until the server ends.
    let started: Inventory
    /// The query log.
    let queryLogs: QueryLogHandover
    /// What follows the configuration beside the server.
    let watches: Watches
    /// Looked up on the main thread; files are read again on other threads.
    private let serviceUser = CookieSecretFile.serviceUser

    init(
        path: String, server: DNSServer, started: Inventory, queryLogs: QueryLogHandover, watches: Watches
    ) {
        self.path = path
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
        _ current: Inventory, _ generation: Int
    ) -> Result<ReloadedConfiguration, ReloadProblems> {
        do throws(ReloadProblems) {
            let new = try replace(current)
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
    private func replace(_ current: Inventory) throws(ReloadProblems) -> ReloadedConfiguration {
        let (inventory, fileWarnings) = try read()
        var warnings = fileWarnings + restartWarnings(inventory)
        let (secrets, secretWarning) = try cookieSecrets(inventory.dns.cookieSecretFile)
        if let secretWarning { warnings.append("dns.cookie-secret-file: \(secretWarning)") }
        let policy = ForwardingPolicy(
            inventory, after: server.policy, hostAddresses: HostAddresses.all())
        let lost = policy.unansweredNames(of: inventory)
        guard lost.isEmpty else {
            throw ReloadProblems(lost.map { "the names below \($0) would not be answered by their cluster" })
        }
        let queryLog = try queryLog(inventory.log)
        watches.paths.prepare(policy.gates, after: server.policy.gates)
        do throws(DNSServerError) {
            warnings += try server.replace(
                DNSServerChange(
                    listen: inventory.dns.listen, policy: policy,
                    settings: DNSServerSettings(inventory.dns.limits), cookieSecrets: secrets,
                    queryLog: queryLog.log))
        } catch {
            throw ReloadProblems(["\(error)"], isConfigurationWrong: error.isConfigurationWrong)
        }
        watches.health.noteReload(server.policyAndBoard)
        watches.paths.adopt(inventory, policy.gates)
        queryLogs.take(queryLog)
        warnings += queryLog.warnings
        return ReloadedConfiguration(inventory: inventory, warnings: warnings)
    }

    /// The inventory of the file, if it has no errors.
    private func read() throws(ReloadProblems) -> (Inventory, warnings: [String]) {
        let octets: [UInt8]
        do throws(FileError) {
            octets = try contents(ofFile: path)
        } catch {
            throw ReloadProblems(["\(error)"])
        }
        let (inventory, problems) = InventoryFile.read(
            octets, name: path, isOwnAddress: HostAddresses.contains)
        let lines = problems.map { "\($0)" }
        guard let inventory else { throw ReloadProblems(lines) }
        return (inventory, lines)
    }

    /// The secrets of the file that the inventory names.
    private func cookieSecrets(
        _ path: String?
    ) throws(ReloadProblems) -> (secrets: [SipHash.Key], warning: String?) {
        guard let path else { return ([], nil) }
        do throws(CookieSecretError) {
            let file = try CookieSecretFile(path: path, service: serviceUser)
            return (file.secrets, file.warning)
        } catch {
            throw ReloadProblems(["dns.cookie-secret-file: \(error)"])
        }
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
