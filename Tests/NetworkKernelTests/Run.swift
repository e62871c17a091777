import Foundation
import IPAddressing
import Inventory
import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// A host of one of the networks that the inventory's tests have files of.
struct LabHosts: CustomTestStringConvertible, Sendable {
    let network: String
    let host: String

    var testDescription: String { "\(network): \(host)" }

    static let all = [
        LabHosts(network: "relay-between-clusters", host: "web02"),
        LabHosts(network: "office-to-cluster", host: "relay1"),
        LabHosts(network: "office-over-vpn", host: "node1"),
        LabHosts(network: "one-link", host: "n1"),
        LabHosts(network: "vxlan-mesh", host: "001"),
        LabHosts(network: "equal-clusters", host: "gate"),
        LabHosts(network: "mapped-node", host: "master1"),
        LabHosts(network: "mapped-mesh", host: "b1"),
        LabHosts(network: "cluster-to-cluster", host: "gate"),
    ]

    func plan() throws -> HostPlan {
        let (planner, host) = try place()
        return planner.plan(for: host)
    }

    func pathPlans() throws -> [PathPlan] {
        let (planner, host) = try place()
        return planner.pathPlans(for: host)
    }

    private func place() throws -> (NetworkPlanner, LocatedHost) {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appending(path: "InventoryFileTests/Networks/\(network).yaml")
        let read = InventoryFile.read(Array(try Data(contentsOf: file)), name: network)
        guard let inventory = read.inventory else { throw Missing(what: "\(read.problems)") }
        let planner = NetworkPlanner(inventory)
        guard let found = planner.host(named: host) else { throw Missing(what: host) }
        return (planner, found)
    }
}

/// What a test needs and does not have.
struct Missing: Error { let what: String }

/// One host with a kernel of memory and a folder for its state.
final class Run {
    let plan: HostPlan
    let fresh: HostState
    let kernel: FakeKernel
    let store: StateStore
    private(set) var announced: [String] = []

    /// What the clock shows.
    var second = 1_000
    private let folder: URL

    convenience init(_ lab: LabHosts) throws { try self.init(lab.plan()) }

    init(_ plan: HostPlan) throws {
        self.plan = plan
        fresh = FakeHost.fresh(plan.host)
        kernel = FakeKernel(fresh)
        folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString)")
        store = try StateStore(path: folder.path)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The number of calls that an apply makes.
    static func calls(of plan: HostPlan) throws -> Int {
        let run = try Run(plan)
        _ = try run.apply()
        return run.kernel.calls
    }

    /// The calls to fail at: all of a short plan, of a long one at most 32 that are spread over it.
    static func steps(_ calls: ClosedRange<Int>) -> [Int] {
        let isWhole = ProcessInfo.processInfo.environment["NAMEBRIDGE_EVERY_STEP"] != nil
        let stride = isWhole ? 1 : max(1, (calls.count + 31) / 32)
        return calls.filter { ($0 - calls.lowerBound) % stride == 0 || $0 == calls.upperBound }
    }

    private var applier: NetworkApplier<FakeKernel> {
        NetworkApplier(
            kernel: kernel, store: store, announce: { self.announced.append($0) }, now: { self.second })
    }

    /// True if something was changed.
    ///
    /// - Parameter other: A plan in the place of the run's own.
    func apply(_ options: NetworkApplier<FakeKernel>.Options = .init(), of other: HostPlan? = nil) throws -> Bool {
        let outcome = try applier.apply(other ?? plan, identifier: "1", process: 1, options: options)
        return if case .applied = outcome { true } else { false }
    }

    func remove() throws -> Bool {
        if case .applied = try applier.remove(identifier: "2", process: 2) { true } else { false }
    }

    func undo() throws -> UndoOutcome { try applier.undo("1") }

    func confirm() throws -> Journal? { try applier.confirm() }
}
