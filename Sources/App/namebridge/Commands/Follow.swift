import ArgumentParser
import ClusterDiscovery
import Glibc
import Inventory
import InventoryFile
import LinuxSystem

/// `namebridge follow`: keeps the facts of followed clusters up to date.
struct Follow: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow clusters that change: nodes, pod blocks, service prefixes, DNS servers.",
        discussion: """
            For each cluster with a "follow" key in the configuration it asks the API server through kubectl, \
            then watches what changes, and writes a file of facts whenever something did, four times a \
            second at most. The other commands take these facts as if they were in the configuration; what is written \
            there wins. The facts stay when an API server can't be asked. SIGHUP makes it read the \
            configuration again. It needs no privileges; reading the cluster is enough.

            Examples:
              namebridge follow
              namebridge follow --kubeconfig /etc/namebridge/kubeconfig
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The folder for the facts. (default: NAMEBRIDGE_FACTS, else /var/lib/namebridge/clusters)",
            valueName: "folder"),
        completion: .directory)
    var facts: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The kubeconfig of clusters that name none. (default: where kubectl looks)", valueName: "file"),
        completion: .file())
    var kubeconfig: String?

    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait for each answer, 1s to 300s.", valueName: "duration"))
    var timeout = RequestTimeout(seconds: 30)

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            A program to run when what "net render --record" has written would be written otherwise: with \
            the format, the host, and the files of the rendering before and now. If it ends with 0, the new \
            one is recorded.
            """, valueName: "program"),
        completion: .file())
    var exec: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The pause after each run of that program, in which changes are gathered, such as 10s or 5m.",
            valueName: "duration"))
    var execPause = WholeSeconds.ten

    @OptionGroup var control: ControlOptions

    func run() throws {
        ThisProcess.ignore([SIGPIPE])
        // Before any thread starts, since all threads inherit that these signals are received only here.
        let signals = try failing { () throws(Errno) in try SignalFD([SIGTERM, SIGINT, SIGHUP]) }
        let folder = try failing { () throws(Errno) in
            try StateFolder(forAll: FilePath.fromRoot(facts ?? FactsFolder.path))
        }
        let held = try failing { () throws(Errno) in try folder.lock("follow.lock") }
        guard let lock = held else {
            let reason =
                "another \"namebridge follow\" writes to \(folder.path): end it, or choose another folder"
                + " with --facts"
            Log.failure("not started", [("reason", reason)])
            throw ExitStatus.problem
        }
        defer { _ = lock.number }  // held until the end
        guard let inventory = read() else {
            Log.failure("not started", [("reason", "\(options.path) has errors")])
            throw ExitStatus.usage
        }
        Log.use(inventory.log.format)
        var followers: [String: ClusterFollower] = [:]
        let hook = try exec.map { program in
            try failing { () throws(Errno) in
                let hook = try RenderingHook(
                    program: FilePath.fromRoot(program), pause: execPause.seconds,
                    configuration: options.path, folder: folder)
                try hook.start()
                return hook
            }
        }
        let files = ClusterFollower.Files(
            facts: folder, known: KnownFacts(), configuration: options.path,
            controls: control.clientPaths(isDemo: false), noteChange: { hook?.noteChange() })
        try use(inventory, files, &followers)
        let notices = ServiceNotices()
        notices.tellReady("following \(followers.count) clusters")
        while true {  // ends with another signal
            let signal = try failing { () throws(Errno) in try signals.wait() }
            guard signal == SIGHUP else { break }
            guard let inventory = read() else {
                Log.failure("not reloaded", [("path", options.path)])
                continue
            }
            try use(inventory, files, &followers)
            hook?.noteChange()
            Log.notice("reloaded", [("clusters", "\(followers.count)")])
        }
        notices.tellStopping()
        for follower in followers.values { follower.requestEnd() }
        for follower in followers.values { follower.stop() }
        hook?.stop()
        Log.notice("stopped, the facts stay in place")
    }

    /// What the configuration says of clusters; nil, after lines in the log, if it can't be read.
    private func read() -> Inventory? {
        do throws(FileError) {
            let text = try contents(ofFile: options.path)
            let (inventory, problems) = InventoryFile.readForFollower(text, name: options.path)
            for problem in problems { Log.warning("problem", [("reason", "\(problem)")]) }
            return inventory
        } catch {
            Log.failure("not read", [("reason", "\(error)")])
            return nil
        }
    }

    /// Starts to follow what `inventory` follows, and ends the rest.
    private func use(
        _ inventory: Inventory, _ files: ClusterFollower.Files,
        _ followers: inout [String: ClusterFollower]
    ) throws {
        let followed = inventory.clusters.filter { $0.follow != nil }
        if followed.isEmpty {
            Log.warning("no cluster of the configuration is followed", [("path", options.path)])
        }
        for (key, follower) in followers
        where inventory.cluster(key)?.follow?.asked != follower.settings.asked {
            follower.stop()
            followers[key] = nil
        }
        files.known.keep(Set(followed.map(\.key)))
        for cluster in followed where followers[cluster.key] == nil {
            guard let settings = cluster.follow else { continue }
            let kubectl = try Kubectl(kubeconfig: settings.kubeconfig ?? kubeconfig, timeout: timeout.seconds)
            let follower = try failing { () throws(Errno) in
                try ClusterFollower(key: cluster.key, settings: settings, kubectl: kubectl, files: files)
            }
            try failing { () throws(Errno) in try follower.start() }
            followers[cluster.key] = follower
        }
    }

    /// Runs `call`, and ends the command with a message if it fails.
    private func failing<Result: ~Copyable>(_ call: () throws(Errno) -> Result) throws -> Result {
        do throws(Errno) {
            return try call()
        } catch {
            Log.failure("not started", [("reason", "\(error)")])
            throw ExitStatus.problem
        }
    }
}

extension FollowSettings {
    /// The settings that what is asked depends on.
    fileprivate var asked: FollowSettings {
        var settings = self
        settings.written = []
        return settings
    }
}
