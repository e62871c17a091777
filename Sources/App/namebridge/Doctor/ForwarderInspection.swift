import AdminServer
import ClusterDiscovery
import Diagnosis
import DomainNames
import Forwarding
import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import NetworkPlanning
import PathHealth

/// Examines the host that Namebridge runs on: its sockets, the clusters' servers, the kernel.
struct ForwarderInspection {
    /// The configuration.
    let inventory: Inventory

    /// The paths of the running server's control socket.
    let controlPaths: [String]

    /// Where the server sends the questions for each cluster: it asks from here, too.
    private let policy: ForwardingPolicy

    /// Told how far the questions are.
    var progress: Interrogation.Progress = { _, _ in }

    /// - Parameter hostAddresses: This host's own: they say inside of which clusters it stands.
    init(
        inventory: Inventory, controlPaths: [String], hostAddresses: [IPAddress] = HostAddresses.all()
    ) {
        self.inventory = inventory
        self.controlPaths = controlPaths
        policy = ForwardingPolicy(inventory.withoutPodBlocks, hostAddresses: hostAddresses)
    }

    /// The questions to each server of a cluster.
    private static let serverProbes: [Probe] = [
        .zone, .zonePlain, .zoneOverTCP, .zonePadded, .version, .address,
    ]

    /// Some resolvers do not answer long questions.
    private static let upstreamProbes: [Probe] = [.zone, .zonePlain, .zoneOverTCP]

    /// Asks all servers at once: three seconds at most.
    func run() -> ForwarderObservation {
        var seen = ForwarderObservation()
        let outcomes = Interrogation.ask(questions(), progress: progress)
        let status = runningServer()
        let own = status.flatMap { $0.processID > 0 ? $0.processID : nil }
        let owners = SocketOwners()
        seen.listeners = inventory.dns.listen.map { endpoint in
            let target = Self.reachable(endpoint)
            return ForwarderObservation.Listener(
                endpoint: endpoint, datagrams: owners.holders(at: endpoint, isStream: false, server: own),
                streams: owners.holders(at: endpoint, isStream: true, server: own),
                answers: ServerObservation(server: target, outcomes: outcomes[target] ?? [:]))
        }
        seen.clusters = inventory.clusters.map { cluster in
            ForwarderObservation.ClusterServers(
                key: cluster.key, domain: Self.bare(cluster.domain),
                servers: servers(of: cluster).map { server in
                    ServerObservation(
                        server: server, innerAddress: policy.innerAddress(of: server.address)?.address,
                        outcomes: outcomes[server] ?? [:])
                })
        }
        seen.upstream = inventory.dns.upstream.map {
            ServerObservation(server: $0, outcomes: outcomes[$0] ?? [:])
        }
        seen.bypasses = bypasses(ForwardingRules(ImportSources().found()).rules)
        seen.host = host(own)
        seen.host.downPaths = status.map { downPaths(of: $0) } ?? []
        return seen
    }

    /// The paths whose reasons are found out at most.
    private static let mostPaths = 8

    /// The paths that the server finds to be down, each with the reason that this process sees: root reads
    /// more than a server that has given up its rights.
    private func downPaths(of status: ServerStatus) -> [ForwarderObservation.DownPath] {
        let down = status.paths.flatMap(\.health).filter(\.isDown).prefix(Self.mostPaths)
        guard !down.isEmpty else { return [] }
        let reasoning = PathReasoning(inventory, tells: true)
        return down.map { health in
            let path = inventory.paths.first { path in
                path.relayHosts == health.relays && path.ends.keys.contains(health.from)
                    && path.ends.keys.contains(health.to)
            }
            let target = inventory.cluster(health.to).flatMap { path?.probeTargets(of: $0).first?.endpoint }
            let reason =
                target.map { reasoning.reason(from: health.from, to: health.to, target: $0) } ?? health.reason
            return ForwarderObservation.DownPath(
                name: health.name, cause: health.cause, reason: reason?.words ?? "", fix: reason?.fix ?? "")
        }
    }

    /// The rules that send names of clusters to a cluster's own server.
    ///
    /// - Parameter rules: Those of other resolvers of this host.
    func bypasses(_ rules: [ForwardingRule]) -> [ForwarderObservation.Bypass] {
        let names = inventory.clusters.flatMap { $0.names + [$0.domain] }
        return rules.compactMap { rule in
            let isOurs = names.contains { $0.isAtOrBelow(rule.suffix) || rule.suffix.isAtOrBelow($0) }
            guard isOurs else { return nil }
            for server in rule.servers {
                guard let cluster = inventory.clusters.first(where: { $0.dns.contains(server) }) else {
                    continue
                }
                return ForwarderObservation.Bypass(
                    sources: rule.sources, suffix: Self.bare(rule.suffix), server: server,
                    cluster: cluster.key)
            }
            return nil
        }
    }

    /// All questions to all servers.
    private func questions() -> [Interrogation.Question] {
        var random = SystemRandomNumberGenerator()
        var questions: [Interrogation.Question] = []
        for cluster in inventory.clusters {
            let writer = ProbeQuestions(
                suffix: cluster.domain, name: ServedCluster.kubernetes(below: cluster.domain))
            for server in servers(of: cluster) {
                questions += writer.questions(Self.serverProbes, to: server, random: &random)
            }
        }
        let root = ProbeQuestions(suffix: .root, name: .root)
        for server in inventory.dns.upstream {
            questions += root.questions(Self.upstreamProbes, to: server, random: &random)
        }
        let suffix = inventory.clusters.lazy.compactMap(\.names.first).first ?? .clusterLocal
        let writer = ProbeQuestions(suffix: suffix, name: ServedCluster.kubernetes(below: suffix))
        for endpoint in Set(inventory.dns.listen.map(Self.reachable)) {
            questions += writer.questions([.zone, .zoneOverTCP], to: endpoint, random: &random)
        }
        return questions
    }

    /// The servers of a cluster as this host asks them: at outer addresses if it stands outside of a cluster
    /// with a map.
    func servers(of cluster: Cluster) -> [Endpoint] {
        // A key may be "upstream": only the groups of clusters have a domain.
        let group = policy.groups.first { $0.name == cluster.key && $0.domain != nil }
        return (group?.servers ?? []).map { policy.servers[$0] }
    }

    /// Where questions to `endpoint` can be sent: the loopback address for an unspecified one.
    private static func reachable(_ endpoint: Endpoint) -> Endpoint {
        guard endpoint.address.isUnspecified else { return endpoint }
        let loopback = endpoint.address.family == .v4 ? IPAddress(v4: 0x7F00_0001) : IPAddress(v6: 1)
        return Endpoint(address: loopback, port: endpoint.port)
    }

    /// A name as text without its final dot.
    private static func bare(_ name: DomainName) -> String {
        let text = "\(name)"
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// What the running server says of itself; nil if none answers.
    private func runningServer() -> ServerStatus? {
        do throws(ControlError) {
            return ServerStatus(json: try ControlClient.ask(.status, at: controlPaths).answer)
        } catch {
            return nil
        }
    }

    // MARK: - The host

    /// The other properties of the host.
    private func host(_ process: Int?) -> ForwarderObservation.HostObservation {
        var host = ForwarderObservation.HostObservation()
        let settings = "/proc/sys/net/netfilter/nf_conntrack_"
        host.trackedConnections = TextFile.number(settings + "count")
        host.trackedLimit = TextFile.number(settings + "max")
        host.reversePathDrops = TextFile.read("/proc/net/netstat").flatMap(Self.reversePathDrops)
        host.descriptorLimit = process.flatMap { TextFile.read("/proc/\($0)/limits") }.flatMap(
            Self.descriptors)
        if !inventory.paths.isEmpty { readNetwork(into: &host) }
        return host
    }

    /// The counter that `nstat` calls TcpExtIPReversePathFilter: names on one line, numbers on the next.
    private static func reversePathDrops(_ text: String) -> Int? {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("TcpExt:") }.map {
            $0.split(separator: " ")
        }
        guard lines.count == 2, let column = lines[0].firstIndex(of: "IPReversePathFilter"),
            column < lines[1].count
        else { return nil }
        return Int(lines[1][column])
    }

    /// The soft limit in /proc/PID/limits (proc(5)).
    private static func descriptors(_ text: String) -> Int? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") }
        return line?.split(separator: " ").dropFirst(3).first.flatMap { Int($0) }
    }

    /// The comparison of `namebridge net status`, if this host has a part in a path.
    private func readNetwork(into host: inout ForwarderObservation.HostObservation) {
        do throws(KernelError) {
            let planner = NetworkPlanner(inventory, choices: try NetState.relayChoices())
            let found = planner.hosts(carrying: try LinuxKernel.ownAddresses())
            guard let located = found.first else { return }
            let plan = planner.plan(for: located)
            guard !plan.isEmpty else { return }
            let kernel = LinuxKernel()
            try kernel.check()
            var context = HostContext(
                resolvers: HostSurroundings.resolvers(), sessions: HostSurroundings.sessions())
            // Reading must not create the folder.
            if FilePath.isFolder(NetState.path) { context.records = try NetState.store().records() }
            let status = HostStatus(of: plan, on: try kernel.observe(asking: plan), context: context)
            host.networkName = "\(located.place)/\(located.host.name)"
            host.networkObjects = status.rows.count
            host.networkFaults = status.rows.filter { $0.condition != .present }.map {
                "\($0.condition.rawValue): \($0.object)"
            }
        } catch {
            host.networkObstacle = "\(error)"
        }
    }
}
