import NetworkModel
import NetworkPlanning

extension HostState {
    /// The state after all of `steps`.
    mutating func apply(_ steps: [Step]) {
        for step in steps { apply(step.change) }
    }
}
