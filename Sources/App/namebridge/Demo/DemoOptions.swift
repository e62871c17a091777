import ArgumentParser
import Diagnosis
import DomainNames
import Inventory

/// The demo instead of a configuration.
struct DemoOptions: ParsableArguments {
    @Flag(
        name: .long,
        help: "Use the demo that runs, or two small clusters inside this process; nothing to set up.")
    var demo = false

    @Option(
        name: .long,
        help: ArgumentHelp("Where the demo's zone files are.", valueName: "folder"),
        completion: .directory)
    var demoZones: String?

    /// The demo has its own configuration.
    func validate(with options: ConfigurationOptions) throws {
        if demo, options.config != nil { throw ValidationError("--demo goes without --config.") }
        if !demo, demoZones != nil { throw ValidationError("--demo-zones goes with --demo.") }
    }

    /// Calls `use` with the demo's configuration: that of a demo that runs, so that answers agree with its
    /// own, else of one that ends with the call.
    func withClusters<Result>(_ use: (Inventory) throws -> Result) throws -> Result {
        if demoZones == nil, Self.isRunning { return try use(DemoSetting.running) }
        let clusters = try RunningDemo(zoneFolder: demoZones, usesFixedPorts: false)
        defer { _ = clusters }
        return try use(clusters.inventory)
    }

    /// True if the clusters of a demo answer at their ports. Its control socket would not show it: it may be
    /// another user's, or be in another network namespace.
    private static var isRunning: Bool {
        let domain = DomainName.clusterLocal
        var random = SystemRandomNumberGenerator()
        let writer = ProbeQuestions(suffix: domain, name: ServedCluster.kubernetes(below: domain))
        let servers = DemoSetting.running.clusters.flatMap(\.dns)
        let outcomes = Interrogation.ask(
            servers.flatMap { writer.questions(ServedCluster.probes, to: $0, random: &random) })
        return servers.allSatisfy { server in
            let seen = ServerObservation(server: server, outcomes: outcomes[server] ?? [:])
            if case .cluster = ServedCluster(seen, domain: domain) { return true }
            return false
        }
    }
}
