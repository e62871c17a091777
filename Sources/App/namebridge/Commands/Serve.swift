import AdminServer
import ArgumentParser
import DNSServer
import Forwarding
import Glibc
import IPAddressing
import Inventory
import InventoryFile
import LinuxSystem

/// `namebridge serve`: the forwarder.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer questions for the names of clusters, until SIGTERM or SIGINT.",
        discussion: """
            It reads and checks the configuration, listens, and writes a line to standard error for each \
            change of state. SIGHUP and `namebridge reload` make it read the file again. Ports below 1024 \
            need root or the capability CAP_NET_BIND_SERVICE.

            Examples:
              namebridge serve --demo
              namebridge serve --config /etc/namebridge/namebridge.yaml
            """)

    @OptionGroup var options: ConfigurationOptions

    @OptionGroup var demo: DemoOptions

    @OptionGroup var control: ControlOptions

    @OptionGroup var privileges: PrivilegeOptions

    func validate() throws {
        try demo.validate(with: options)
    }

    func run() throws {
        // The reader of standard output may exit at any time; the server must not exit with it.
        ThisProcess.ignore([SIGPIPE])
        // Before any thread starts, since all threads inherit that these signals are received only here.
        let signals = try failing { () throws(Errno) in try SignalFD([SIGTERM, SIGINT, SIGHUP]) }
        try failing { () throws(Errno) in try ProcessPrivileges.reportFatalSignals() }
        try failing { () throws(Errno) in try ProcessPrivileges.useAll() }
        _ = try failing { () throws(Errno) in
            try ProcessLimits.raiseDescriptorLimit(to: Self.wantedDescriptors)
        }
        guard demo.demo else {
            let (inventory, whole) = try options.loadWithOctets(hasDemo: true)
            try serve(inventory, LoadedFile(path: options.path, whole), services: [], until: signals)
            return
        }
        let clusters = try RunningDemo(zoneFolder: demo.demoZones, usesFixedPorts: true)
        defer { _ = clusters }
        try serve(
            clusters.inventory, LoadedFile(path: options.path, FollowedText([])),
            services: clusters.services, until: signals)
    }

    /// Starts the server and everything around it, and waits until it must end.
    ///
    /// - Parameter services: Those that clusters are known to have from the start.
    private func serve(
        _ inventory: Inventory, _ file: LoadedFile, services: [(cluster: String, names: [String])],
        until signals: borrowing SignalFD
    ) throws {
        Log.use(inventory.log.format)
        let configuration = try configuration(inventory)
        var watch = ServiceWatch()
        let workers = inventory.dns.workers ?? ProcessLimits.processorCount
        let queryLogs = try queryLogs(inventory.log)
        let health = HealthLog()
        warnOfShortage(configuration)
        let server = try listen(
            configuration, workers: workers, watch: watch, queryLog: queryLogs.log, health: health)
        let folder = control.prepareFolder(isDemo: demo.demo)
        defer { if let folder, folder.isMade { try? FilePath.removeFolder(folder.path) } }
        try privileges.drop(
            socketFolder: folder, logFolders: QueryLogHandover.folders(inventory.log), isDemo: demo.demo)
        try failing { () throws(DNSServerError) in try server.start() }
        let paths = try failing { () throws(Errno) in try PathWatch(inventory, configuration.policy.gates) }
        let loader = ConfigurationLoader(
            file, server: server, started: inventory, queryLogs: queryLogs,
            watches: .init(health: health, paths: paths))
        let serverControl = ServerControl(
            server, version: Namebridge.version, inventory: inventory, load: demo.demo ? nil : loader.load,
            reports: HostReports(
                agentFile: NetState.path + "/agent.json", factsFolder: FactsFolder.path,
                pathVerdicts: { paths.verdicts }, pathReasons: { paths.reasons },
                rangeReports: { paths.rangeReports },
                translatedPackets: TranslatedPackets.counts,
                changedRenderings: RenderingComparison().changes),
            announce: watch.notices.tell)
        for known in services {
            _ = serverControl.answer(.flush(.services(cluster: known.cluster, known.names)))
        }
        let controlServer = try control.listen(for: serverControl, isDemo: demo.demo)
        let httpServer = AdminListener.start(inventory.admin, serverControl)
        for endpoint in server.absentEndpoints {
            Log.warning("listening, without the address", [("address", "\(endpoint)")])
        }
        for endpoint in server.boundEndpoints { Log.notice("listening", [("address", "\(endpoint)")]) }
        Log.notice("serving", [("clusters", "\(inventory.clusters.count)"), ("workers", "\(workers)")])
        watch.notices.tellReady(serverControl.summary)
        if demo.demo { printTour(controlServer?.path) }
        let reloads = ReloadThread(serverControl)
        let facts = demo.demo ? nil : FactsWatch(since: file.whole) { reloads.request(.facts) }
        defer { facts?.stop() }
        let signal = try waitForEnd(signals, &watch, reloads: reloads, paths: paths)
        Log.notice("stopping", [("signal", signal == SIGTERM ? "SIGTERM" : "SIGINT")])
        watch.notices.tellStopping()
        server.stop(answering: true)
        paths.stop()
        httpServer?.stop()
        controlServer?.stop()
        serverControl.stop()
        Log.notice("stopped")
    }

    /// Warns if the process may open fewer descriptors than the servers and workers may need.
    private func warnOfShortage(_ configuration: ServerConfiguration) {
        let limit = ProcessLimits.descriptorLimit(orIfUnknown: Self.wantedDescriptors)
        let demand = DescriptorBudget.Demand(
            configuration.inventory, configuration.policy, processors: ProcessLimits.processorCount)
        guard let shortage = DescriptorBudget(limit: limit, demand).shortage else { return }
        Log.warning("descriptors are short", [("reason", shortage)])
    }

    /// The signal that ends the server; SIGHUP reloads.
    private func waitForEnd(
        _ signals: borrowing SignalFD, _ watch: inout ServiceWatch, reloads: ReloadThread,
        paths: PathWatch
    ) throws -> Int32 {
        while true {  // ends with another signal
            let signal = try failing("not serving any more") { () throws(Errno) in
                try watch.wait(for: signals, reloads.control, paths)
            }
            guard signal == SIGHUP else { return signal }
            reloads.request(.everything)
        }
    }

    /// More than any budget needs; the hard limit is often higher, and closing that many takes time.
    private static let wantedDescriptors = 1 << 20

    /// The server with its sockets bound.
    private func listen(
        _ configuration: ServerConfiguration, workers: Int, watch: ServiceWatch, queryLog: QueryLog?,
        health: HealthLog
    ) throws -> DNSServer {
        let dns = configuration.inventory.dns
        var settings = configuration.settings
        settings.longestSleepMilliseconds = watch.longestSleepMilliseconds
        let inherited = ServiceWatch.inheritedSockets
        for socket in inherited {
            let isUsed = dns.listen.contains(socket.endpoint)
            let fields = [("address", "\(socket.endpoint)"), ("transport", socket.isStream ? "tcp" : "udp")]
            if isUsed {
                Log.notice("inherited", fields)
            } else {
                Log.warning("inherited and not in dns.listen", fields)
            }
        }
        return try failing { () throws(DNSServerError) in
            try DNSServer(
                listen: dns.listen, policy: configuration.policy, workers: workers,
                cacheOctets: dns.cache.size, settings: settings,
                cookieSecrets: configuration.cookieSecrets, inherited: inherited, queryLog: queryLog,
                news: health.write)
        }
    }

    /// Opened before privileges are dropped: afterwards files elsewhere cannot be opened.
    private func queryLogs(_ settings: LogSettings) throws -> QueryLogHandover {
        do throws(Errno) {
            return try QueryLogHandover(settings)
        } catch {
            let advice = error == .symbolicLink ? ": name the file itself, not a link to it" : ""
            Log.failure("not started", [("reason", "log.queries.output: \(error)\(advice)")])
            throw ExitStatus.problem
        }
    }

    /// All that the server serves by.
    private func configuration(_ inventory: Inventory) throws -> ServerConfiguration {
        do throws(ReloadProblems) {
            let configuration = try ServerConfiguration(inventory, service: CookieSecretFile.serviceUser)
            for warning in configuration.warnings { Log.warning("start warning", [("reason", warning)]) }
            return configuration
        } catch {
            for problem in error.problems { Log.failure("not started", [("reason", problem)]) }
            throw ExitStatus.problem
        }
    }

    /// Prints commands to try; the log goes to standard error.
    ///
    /// - Parameter socket: The control socket's path; nil if there is none.
    private func printTour(_ socket: String?) {
        print("\nTwo clusters, prod and staging, both of the domain cluster.local, with the same addresses.")
        print("Ask for their names:\n")
        if ChildProcess.path(of: "dig") == nil {
            print("  (dig is not installed here: \"namebridge query @127.0.0.1:5300 NAME\" asks too)\n")
        }
        for step in DemoSetting.tour {
            if !step.title.isEmpty { print(Style.faint.paint("  # \(step.title)")) }
            print("  \(step.command)")
        }
        // By the path that it was started with: it may not be installed.
        let program = CommandLine.arguments.first ?? "namebridge"
        print("\nEach decision on the way:  \(program) query --demo web.shop.svc.cluster.local")
        if let socket {
            let server = control.control == nil ? "--demo" : "--control \(socket)"
            print("Its state:                 \(program) status \(server)   or \(DemoSetting.page)")
            print("Empty the cache:           \(program) flush \(server)")
        }
        print("Ctrl-C ends it.\n")
        fflush(nil)
    }

    /// Runs `call`, and ends the command with a message if it fails.
    ///
    /// - Parameter event: The log's event for the failure.
    private func failing<Result: ~Copyable, Failure: Error>(
        _ event: String = "not started", _ call: () throws(Failure) -> Result
    ) throws -> Result {
        do throws(Failure) {
            return try call()
        } catch {
            Log.failure(event, [("reason", "\(error)")])
            throw ExitStatus.problem
        }
    }
}
