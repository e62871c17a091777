import Forwarding
import Inventory
import InventoryFile
import NetworkPlanning

/// A configuration file: read, and if it is valid, turned into a policy and the plans of all its hosts.
enum FileFuzz {
    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        let (inventory, problems) = InventoryFile.read(input, name: "x")
        var objections: [String] = []
        if (inventory == nil) != problems.contains(where: { $0.severity == .error }) {
            objections.append("an inventory and an error, or neither")
        }
        for problem in problems {
            if problem.line < 1 || problem.column < 1 { objections.append("a place before the file") }
            if problem.description.contains("\n") { objections.append("a message of two lines") }
        }
        guard let inventory else { return objections }
        let policy = ForwardingPolicy(inventory)
        if policy.groups.count > inventory.clusters.count + 1 {
            objections.append("more groups than clusters")
        }
        let planner = NetworkPlanner(inventory)
        for plan in planner.plans() where plan.text.isEmpty { objections.append("a plan without text") }
        for instruction in planner.instructions() where "\(instruction)".isEmpty {
            objections.append("an instruction without text")
        }
        return objections
    }
}
