import Foundation
import Inventory
import InventoryFile
import NetworkModel
import NetworkPlanning
import Testing

/// The test networks: the files that people would write for them.
enum Networks {
    static let all = [
        "relay-between-clusters", "one-link", "office-to-cluster", "vxlan-mesh", "office-over-vpn",
        "equal-clusters", "mapped-node", "mapped-mesh", "cluster-to-cluster",
    ]

    private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()

    static func inventory(_ name: String) throws -> Inventory {
        let file = tests.appending(path: "InventoryFileTests/Networks/\(name).yaml")
        let (inventory, problems) = InventoryFile.read(Array(try Data(contentsOf: file)), name: name)
        return try #require(inventory, "\(problems)")
    }

    /// Reads an inventory that a test writes down itself.
    static func inventory(yaml: String) throws -> Inventory {
        let (inventory, problems) = InventoryFile.read(Array(yaml.utf8), name: "test.yaml")
        return try #require(inventory, "\(problems)")
    }

    static func plan(_ name: String, in inventory: Inventory) throws -> HostPlan {
        let planner = NetworkPlanner(inventory)
        return planner.plan(for: try #require(planner.host(named: name)))
    }
}

/// Compares `text` with the golden file `name`; with `RECORD_GOLDENS=1` writes it instead.
func expectGolden(_ text: String, _ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name)")
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1" {
        try Data(text.utf8).write(to: file)
        return
    }
    let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    guard golden != text else { return }
    let old = golden.split(separator: "\n", omittingEmptySubsequences: false)
    let new = text.split(separator: "\n", omittingEmptySubsequences: false)
    let changes = new.difference(from: old).map { change in
        switch change {
        case .insert(let line, let element, _): "\(line + 1): + \(element)"
        case .remove(let line, let element, _): "\(line + 1): - \(element)"
        }
    }
    Issue.record("\(name) differs (RECORD_GOLDENS=1 writes it anew):\n\(changes.joined(separator: "\n"))")
}
