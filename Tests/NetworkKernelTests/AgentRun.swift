import Foundation
import IPAddressing
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing
import Time

/// An agent with a kernel of memory, a clock that is set by hand, and files that are strings.
final class AgentRun {
    let run: Run
    let events = FakeEvents()
    let agent: NetworkAgent<NoisyKernel, FakeEvents>
    private let clock = Clock()
    private let heard = Heard()

    /// The plan's text; other texts have no plan.
    static let good = "good"

    /// - Parameter chosen: The plan with these relays; nil: that of `lab`.
    init(
        _ lab: LabHosts = LabHosts(network: "vxlan-mesh", host: "001"), sharing other: AgentRun? = nil,
        chosen: ((RelayChoices) -> HostPlan)? = nil
    ) throws {
        run = try other?.run ?? chosen.map { try Run($0(RelayChoices())) } ?? Run(lab)
        let (plan, store) = (run.plan, run.store)
        var settings = NetworkAgent<NoisyKernel, FakeEvents>.Settings(
            path: "/etc/namebridge/namebridge.yaml", host: nil, slowCheckSeconds: 60, process: 77, wallClock: { 1_000 },
            deviceIndex: { name in ["eth0": 2, "nbvx10001": 9][name] },
            plan: { whole, path, host throws(KernelError) in
                let text = Self.written(whole)
                if text == Self.good { return try chosen?(store.relayChoices()) ?? plan }
                if text == "fewer" {
                    var fewer = plan
                    fewer.routes.removeLast()
                    return fewer
                }
                if text == "empty" { return HostPlan(host: plan.host) }
                if text == "left" { throw .hostLeft(path: path, why: "it has left") }
                if text == "renumbered" {
                    if host != nil { return plan }
                    throw .hostLeft(path: path, why: "its address is another")
                }
                throw .notFollowed(path: path, why: "it is \(text)")
            })
        let pathPlans = chosen == nil ? try lab.pathPlans() : []
        settings.pathPlans = { text, _, _ in text == Self.good ? pathPlans : [] }
        let (clock, heard) = (clock, heard)
        settings.ask = { heard.asked += $0 }
        settings.written = Self.written
        settings.refreshed = { Self.written($0) + heard.facts }
        settings.foresight = { changed throws(KernelError) in
            guard heard.cutting.contains(Self.written(changed.text)) else { return nil }
            return { _, _ throws(KernelError) in
                throw .cutsPackets(["office -> prod pods, all packets: ok -> NO_ROUTE"], between: ["office->prod"])
            }
        }
        agent = NetworkAgent(
            kernel: NoisyKernel(kernel: run.kernel, events: events), source: events, store: run.store, settings: settings,
            clock: { clock.now }, tell: { heard.news.append($0) })
    }

    /// The file is applied, and the agent has looked at the host once.
    static func started(
        _ lab: LabHosts = LabHosts(network: "vxlan-mesh", host: "001"),
        chosen: ((RelayChoices) -> HostPlan)? = nil
    ) throws -> AgentRun {
        let run = try AgentRun(lab, chosen: chosen)
        try run.agent.start()
        run.agent.follow(.success(good))
        run.runUntilQuiet()
        _ = run.takeNews()
        return run
    }

    /// A file's text without what follows "+", which stands for facts of followed clusters.
    private static func written(_ text: String) -> String { String(text.prefix { $0 != "+" }) }

    /// The present facts, as in `+n1`.
    var facts: String {
        get { heard.facts }
        set { heard.facts = newValue }
    }

    /// The files whose apply would cut packets.
    var cutting: Set<String> {
        get { heard.cutting }
        set { heard.cutting = newValue }
    }

    /// The neighbours that the kernel was made to ask for.
    var asked: [IPAddress] { heard.asked }

    /// The reports since the last call, abbreviated.
    func takeNews() -> [String] {
        defer { heard.news = [] }
        return heard.news.map { news in
            switch news {
            case .keeping: "keeping"
            case .idle: "idle"
            case .lost(let drift): "lost \(drift.count)"
            case .repaired(let objects, let milliseconds, _):
                "repaired \(objects) after \(milliseconds.map { "\($0) ms" } ?? "unknown")"
            case .moved: "moved"
            case .silent(let hops): "silent \(hops.map(\.gateway))"
            case .answering(let hops): "answering \(hops.map(\.gateway))"
            case .obstructed(let obstacles): "obstructed \(obstacles.count)"
            case .cleared(let obstacles): "cleared \(obstacles.count)"
            case .contested(let contested, _): "contested \(contested.object)"
            case .failed: "failed"
            case .recovered: "recovered"
            case .followed(_, let steps, _): "followed \(steps)"
            case .left(_, let reason): "left: \(reason)"
            case .notFollowed(_, let reason): "not followed: \(reason)"
            }
        }
    }

    /// Another program changes the host, and the kernel reports it.
    func disturb(_ happened: [KernelEvent], _ change: (inout HostState) -> Void) {
        run.kernel.disturb(change)
        events.waiting += happened
        agent.listen()
    }

    func flushRules() {
        disturb([
            KernelEvent(.table(Ownership.table), isGone: true),
            KernelEvent(.transaction, actor: KernelEvent.Actor(process: 5, name: "nft")),
        ]) { $0.tables.removeAll { $0.isOurs } }
    }

    func flushRoutes() {
        let gone = run.kernel.state.routes.filter(\.isOurs)
        disturb(gone.map { KernelEvent(.route($0.destination, routeProtocol: $0.routeProtocol), isGone: true) }) {
            $0.routes.removeAll { $0.isOurs }
        }
    }

    /// Lets the time go on by that much, with every look at its time.
    func wait(milliseconds: Int) {
        let end = clock.now.advanced(milliseconds: milliseconds)
        while agent.nextCheck <= end {
            clock.now = max(clock.now, agent.nextCheck)
            agent.check()
        }
        clock.now = end
    }

    /// Looks that are due within a second.
    func runUntilQuiet() { wait(milliseconds: 1_000) }

    /// How long the agent would sleep now, in milliseconds.
    var sleep: Int { Int(agent.nextCheck.nanoseconds(since: clock.now) / 1_000_000) }

    /// True if everything of the plan is there.
    var isWhole: Bool {
        difference(from: run.kernel.state, to: run.plan).steps.isEmpty
    }

    var status: AgentStatus? { run.store.agentStatus() }

    final class Clock { var now = MonotonicTime(nanoseconds: 1_000_000_000_000) }
    final class Heard {
        var news: [AgentNews] = []
        var asked: [IPAddress] = []
        var facts = ""
        var cutting: Set<String> = []
    }
}

/// Events that a test makes.
final class FakeEvents: EventSource {
    var waiting: [KernelEvent] = []
    var isIncomplete = false

    func take() -> EventBatch {
        defer { (waiting, isIncomplete) = ([], false) }
        return EventBatch(waiting, isIncomplete: isIncomplete)
    }
}

/// A kernel that reports every change as an event, like the real one.
struct NoisyKernel: Kernel {
    let kernel: FakeKernel
    let events: FakeEvents

    func observe() throws(KernelError) -> HostState { try kernel.observe() }

    func observe(_ parts: Set<ObservedPart>, since earlier: HostState) throws(KernelError) -> HostState {
        try kernel.observe(parts, since: earlier)
    }

    func refreshed(_ earlier: HostState) -> HostState { kernel.refreshed(earlier) }

    func answers(to questions: [RouteQuestion]) throws(KernelError) -> [RouteQuestion: RouteAnswer] {
        try kernel.answers(to: questions)
    }

    func held(_ routes: [LeavingRoute]) throws(KernelError) -> Set<IPPrefix> { try kernel.held(routes) }

    func perform(_ steps: [Step], announce: (String) -> Void) throws(KernelError) {
        for step in steps {
            switch step.change {
            case .add(.table(let table)): events.waiting.append(KernelEvent(.table(table.name)))
            case .add(.link(let link)):
                events.waiting.append(KernelEvent(.link(name: link.name, index: 9, isUp: true)))
            case .add(.route(let route)), .remove(.route(let route)):
                let subject = KernelEvent.Subject.route(route.destination, routeProtocol: route.routeProtocol)
                events.waiting.append(KernelEvent(subject))
            case .add(.nextHop(let object)), .remove(.nextHop(let object)), .replace(_, with: .nextHop(let object)):
                events.waiting.append(KernelEvent(.nextHop(madeBy: object.madeBy)))
            default: break
            }
        }
        try kernel.perform(steps, announce: announce)
    }
}
