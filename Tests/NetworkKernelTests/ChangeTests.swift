import Foundation
import IPAddressing
import Inventory
import InventoryFile
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// Any inventory applied over any other: the host ends as planned or as before, whatever fails, and a removal leaves it
/// as it was before the first.
@Suite struct ChangeTests {
    @Test func `any inventory can be applied over any other`() throws {
        for first in Variant.all {
            for second in Variant.all {
                let run = try ChangeRun()
                _ = try run.apply(first)
                _ = try run.apply(second)
                #expect(try run.rest(of: second) == [], "\(second.name) over \(first.name)")
                try run.remove()
                #expect(run.kernel.state.deviations(from: run.fresh) == [], "\(second.name) over \(first.name)")
                #expect(try run.store.records() == [], "\(second.name) over \(first.name)")
            }
        }
    }

    @Test(arguments: Variant.all.dropFirst())
    func `whatever fails on the way, the host is as before`(variant: Variant) throws {
        for (first, second, isKilled) in [(Variant.all[0], variant, true), (variant, Variant.all[0], false)] {
            let whole = try ChangeRun()
            _ = try whole.apply(first)
            let start = whole.kernel.calls
            _ = try whole.apply(second)
            for call in Run.steps((start + 1)...whole.kernel.calls) {
                let run = try ChangeRun()
                _ = try run.apply(first)
                let before = run.kernel.state
                run.kernel.fault = isKilled ? .death(at: call) : .failure(at: call)
                #expect(throws: KernelError.self) { try run.apply(second) }
                run.kernel.fault = nil
                if isKilled { _ = try run.applier.undo(second.name) }
                let what = Comment("\(second.name) over \(first.name), call \(call)")
                #expect(run.kernel.state.deviations(from: before) == [], what)
                #expect(try run.store.journal() == nil, what)
                _ = try run.apply(second)
                #expect(try run.rest(of: second) == [], what)
            }
        }
    }
}

/// One file of a network of two clusters, for the first node of the first.
struct Variant: CustomTestStringConvertible, Sendable {
    let name: String
    let vxlan: String
    var address = "192.168.0.21"
    var other = "192.168.0.16"
    var paths: String?

    var testDescription: String { name }

    static let all = [
        Variant(name: "a mesh", vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh"),
        Variant(name: "another port", vxlan: "id: 10001, port: 4900, network: 179.17.1.0/24, device: mesh"),
        Variant(name: "another number", vxlan: "id: 10002, port: 4899, network: 179.17.1.0/24, device: mesh"),
        Variant(name: "another device", vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: other"),
        Variant(
            name: "another node address", vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh",
            address: "192.168.0.22"),
        Variant(
            name: "another peer address", vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh",
            other: "192.168.0.17"),
        Variant(
            name: "another endpoint address",
            vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh,"
                + " endpoints: { c1/001: { address: 179.17.1.99 }, c2/003: { address: 179.17.1.98 } }"),
        Variant(
            name: "another Ethernet address",
            vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh,"
                + " endpoints: { c1/001: { mac: \"02:00:00:00:00:01\" }, c2/003: { mac: \"02:00:00:00:00:02\" } }"),
        Variant(name: "another network", vxlan: "id: 10001, port: 4899, network: 179.17.2.0/24, device: mesh"),
        Variant(name: "a wider network", vxlan: "id: 10001, port: 4899, network: 179.17.0.0/16, device: mesh"),
        Variant(name: "a network of IPv6", vxlan: "id: 10001, port: 4899, network: \"fd17::/64\", device: mesh"),
        Variant(
            name: "another MTU", vxlan: "id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh, mtu: 1400"),
        Variant(
            name: "two meshes that change numbers", vxlan: "",
            paths: """
                  - { between: [c1, c2], via: vxlan, vxlan: \
                { id: 10001, port: 4899, network: 179.17.3.0/24, device: other } }
                  - { between: [c1, c3], via: vxlan, vxlan: \
                { id: 10003, port: 4899, network: 179.17.1.0/24, device: mesh } }
                """),
        Variant(
            name: "two meshes", vxlan: "",
            paths: """
                  - { between: [c1, c2], via: vxlan, vxlan: \
                { id: 10001, port: 4899, network: 179.17.1.0/24, device: mesh } }
                  - { between: [c1, c3], via: vxlan, vxlan: \
                { id: 10003, port: 4899, network: 179.17.3.0/24, device: other } }
                """),
        Variant(name: "no mesh", vxlan: "", paths: "  - { between: [c1, c2], via: routed }"),
        Variant(name: "a relay", vxlan: "", paths: "  - { from: c2, to: c1, via: relay, relays: [001], source: snat }"),
    ]

    private var text: String {
        """
        clusters:
          c1:
            pods: [10.234.64.0/18]
            services: [10.234.0.0/18]
            nodes:
              001: { address: \(address), pods: [10.234.111.0/24] }
          c2:
            pods: [10.235.64.0/18]
            services: [10.235.0.0/18]
            nodes:
              003: { address: \(other), pods: [10.235.88.0/24] }
              004: { address: 192.168.0.44, pods: [10.235.113.0/24] }
          c3:
            pods: [10.236.64.0/18]
            services: [10.236.0.0/18]
            nodes:
              005: { address: 192.168.0.15, pods: [10.236.115.0/24] }
        paths:
        \(paths ?? "  - { between: [c1, c2], via: vxlan, vxlan: { \(vxlan) } }")
        """
    }

    func plan() throws -> HostPlan {
        let read = InventoryFile.read(Array(text.utf8), name: name)
        guard let inventory = read.inventory else { throw Missing(what: "\(read.problems)") }
        let planner = NetworkPlanner(inventory)
        guard let host = planner.host(named: "c1/001") else { throw Missing(what: "c1/001") }
        return planner.plan(for: host)
    }
}

/// A host with both of the addresses that the files give it.
private final class ChangeRun {
    let fresh: HostState
    let kernel: FakeKernel
    let store: StateStore
    private let folder: URL

    init() throws {
        let host = Host(name: "001", addresses: ["192.168.0.21", "192.168.0.22"].compactMap { IPAddress($0) })
        var state = FakeHost.fresh(LocatedHost(place: "c1", host: host, podPrefixes: [], isNode: true))
        // Both addresses are in one network, whose routes are there once.
        state.routes.removeAll { $0.source == host.addresses.last }
        if let last = state.routes.lastIndex(where: \.isDefault) { state.routes.remove(at: last) }
        fresh = state
        kernel = FakeKernel(state)
        folder = FileManager.default.temporaryDirectory.appending(path: "namebridge-\(UUID().uuidString)")
        store = try StateStore(path: folder.path)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var applier: NetworkApplier<FakeKernel> { NetworkApplier(kernel: kernel, store: store) { _ in } }

    func apply(_ variant: Variant) throws -> NetworkApplier<FakeKernel>.Outcome {
        try applier.apply(try variant.plan(), identifier: variant.name, process: 1)
    }

    func remove() throws { _ = try applier.remove(identifier: "removal", process: 2) }

    /// What is left to do for `variant`.
    func rest(of variant: Variant) throws -> [Step] {
        let context = HostContext(records: try store.records())
        return difference(from: kernel.state, to: try variant.plan(), context: context).steps
    }
}
