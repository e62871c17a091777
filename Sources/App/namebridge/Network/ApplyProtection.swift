import ArgumentParser
import IPAddressing
import Inventory
import InventoryFile
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import PathExplanation
import PathHealth
import PathProbing

/// Says before an apply what it does to packets, refuses one that cuts what works, and compares connections
/// before and after the steps with what was foreseen.
final class ApplyProtection {
    /// The file that is applied.
    private let view: ChangeForecast.View
    /// The file that was applied before; nil if there is none, or it is the same.
    private let earlier: ChangeForecast.View?
    /// Which relays carry.
    private let choices: RelayChoices
    /// What may be cut.
    private let accepted: Set<PlacePair>
    /// What is tried before and after the steps.
    private let targets: [Target]
    /// What came back before the steps, and what was reasoned; empty until then.
    private var before: [(reasoned: Explanation.Verdict, answered: Bool)] = []

    /// What is reasoned of each target once the host is as planned; empty until the steps are known.
    private var after: [Explanation.Verdict] = []

    /// A connection that is tried.
    private struct Target {
        /// The key of the cluster.
        let cluster: String
        /// Where it leads.
        let endpoint: Endpoint
    }

    /// Connections that are tried at most.
    private static let mostTargets = 16
    /// How long an answer may take, in milliseconds.
    private static let timeoutMilliseconds = 2_000

    /// - Parameters:
    ///   - host: This host's place and name.
    ///   - accepted: Pairs of places that may be cut.
    ///   - triesConnections: True if connections are tried before and after the steps.
    init(
        _ inventory: Inventory, host: String, store: StateStore, accepted: Set<PlacePair>,
        triesConnections: Bool
    ) throws(KernelError) {
        view = ChangeForecast.View(inventory: inventory, host: host)
        self.accepted = accepted
        choices = try store.relayChoices()
        earlier = Self.earlier(than: inventory, try store.desired())
        var seen: Set<Endpoint> = []
        targets = (triesConnections ? inventory.paths : []).flatMap { path in
            path.ends.keys.compactMap { inventory.cluster($0) }.flatMap { cluster in
                path.probeTargets(of: cluster).map { Target(cluster: cluster.key, endpoint: $0.endpoint) }
            }
        }.filter { seen.insert($0.endpoint).inserted }.prefix(Self.mostTargets).map { $0 }
    }

    /// The file that was applied before, with what is found of followed clusters now: a node that went by
    /// itself is not cut by the file. Nil if there is none that is another.
    private static func earlier(
        than inventory: Inventory, _ desired: DesiredConfiguration?
    ) -> ChangeForecast.View? {
        guard case .configuration(let applied)? = desired,
            let read = InventoryFile.read(
                Array(FactsFolder.refreshing(applied.text).utf8), name: applied.path
            ).inventory,
            read != inventory
        else { return nil }
        return ChangeForecast.View(inventory: read, host: applied.host)
    }

    // MARK: - Before the steps

    /// What the steps do to packets, in lines.
    /// - Throws: `KernelError.cutsPackets` if packets that arrive now would not.
    func foresee(_ observed: HostState, _ steps: [Step]) throws(KernelError) -> [String] {
        // The state of an apply is without rules that only translate destinations.
        let now = try LinuxKernel().observe(allOfNAT: true)
        var next = now
        next.apply(steps)
        let forecast = ChangeForecast(view, earlier: earlier, before: now, after: next, choices: choices)
        let losses = forecast.losses(without: accepted)
        guard losses.isEmpty else {
            let pairs = Set(losses.map { "\(PlacePair(from: $0.from, to: $0.to))" }).sorted()
            throw .cutsPackets(losses.flatMap(\.changedLines), between: pairs)
        }
        guard !targets.isEmpty else { return forecast.lines }
        after = reasoning(on: next)
        before = zip(reasoning(on: now), answers()).map { ($0, $1) }
        return forecast.lines
    }

    /// What is reasoned of each target; other hosts count as they are without any plan, since they may not
    /// have been applied yet.
    private func reasoning(on state: HostState) -> [Explanation.Verdict] {
        guard let host = NetworkPlanner(view.inventory).host(named: view.host) else { return [] }
        let from = ExplainedEnd(text: view.host, place: host.place, kind: .host(host))
        return targets.map { target in
            let to = ExplainedEnd(
                text: "\(target.endpoint)", place: target.cluster, kind: .addresses([target.endpoint.address])
            )
            let question = ExplainedQuestion(from: from, to: to, port: Int(target.endpoint.port))
            return Explanation(
                question, in: view.inventory, observed: [view.host: state], isApplied: false, choices: choices
            ).verdict
        }
    }

    // MARK: - After the steps

    /// Whether each target answers.
    private func answers() -> [Bool] {
        PacketProbe.send(
            targets.map { PacketProbe(to: $0.endpoint, .connection) }, milliseconds: Self.timeoutMilliseconds
        ).map { outcome in
            switch outcome {
            case .answered, .refused: true
            case .failed, .silent: false
            }
        }
    }

    /// How connections differ from what was foreseen, in lines.
    /// - Throws: `KernelError.packetsDiffer` if the steps have not done what was foreseen of them.
    func compare() throws(KernelError) -> [String] {
        var broken: [String] = []
        var noted: [String] = []
        for (index, isAnswered) in answers().enumerated() where index < before.count && index < after.count {
            let connection = ForeseenConnection(
                target: "\(targets[index].endpoint)", cluster: targets[index].cluster,
                reasoned: .init(before: before[index].reasoned, after: after[index]),
                answered: .init(before: before[index].answered, after: isAnswered))
            switch connection.comparison {
            case .asForeseen: continue
            case .noted(let line): noted.append(line)
            case .broken(let line):
                let isAccepted = accepted.contains { $0.to == targets[index].cluster }
                if isAccepted { noted.append(line) } else { broken.append(line) }
            }
        }
        guard broken.isEmpty else { throw .packetsDiffer(broken + noted) }
        return noted
    }
}

/// Two places, the packets between which may be cut.
struct AcceptedLoss: ExpressibleByArgument {
    /// The places.
    let places: PlacePair

    init?(argument: String) {
        guard let places = PlacePair(argument) else { return nil }
        self.places = places
    }

    /// Checks that the places are known.
    /// - Throws: `ExitStatus.usage`, after a message, if one is not. A cluster or site that has left the file
    ///   keeps the name that it had: only a likely misspelling is refused.
    static func check(_ losses: [AcceptedLoss], in inventory: Inventory) throws {
        guard !losses.isEmpty else { return }
        let keys = places(of: inventory)
        let known = Set(keys + appliedPlaces())
        for text in losses.flatMap({ [$0.places.from, $0.places.to] }) where !known.contains(text) {
            guard let near = nearestSpelling(of: text, among: keys) else { continue }
            printError(
                "namebridge: --accept-loss: \"\(text)\" is no site or cluster; did you mean \"\(near)\"?")
            throw ExitStatus.usage
        }
    }

    /// The sites and clusters of a file.
    private static func places(of inventory: Inventory) -> [String] {
        inventory.sites.map(\.key) + inventory.clusters.map(\.key)
    }

    /// Those of the file that this host has now; empty if it has none.
    private static func appliedPlaces() -> [String] {
        guard FilePath.isFolder(NetState.path),
            case .configuration(let applied)? = try? NetState.store().desired(),
            let inventory = InventoryFile.read(Array(applied.text.utf8), name: applied.path).inventory
        else { return [] }
        return places(of: inventory)
    }
}
