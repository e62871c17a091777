import NetworkModel
import NetworkPlanning

extension Difference {
    /// The objects that the steps change, each once.
    var objectNames: [String] {
        var seen: Set<String> = []
        return steps.compactMap(\.change.objectName).filter { seen.insert($0).inserted }
    }

    /// Lost and changed objects, rules counted one by one.
    var lossCount: Int { steps.drift.count }
}
