import IPAddressing
import NetworkModel

/// The number of a program and what it printed: read, written as the journal does, and read again.
enum ObservationFuzz {
    /// The errors with this input.
    static func objections(to input: [UInt8]) -> [String] {
        guard let program = input.first else { return [] }
        guard let state = try? read(Int(program) % 10, Array(input.dropFirst())) else { return [] }
        // Statements that no rule of ours has are kept as text alone, so only what is readable can be asked.
        return (try? HostState(json: state.json)) == nil ? ["what was written is not readable"] : []
    }

    /// Parses the output of one program.
    private static func read(_ program: Int, _ output: [UInt8]) throws(ReadingError) -> HostState {
        var state = HostState()
        switch program {
        case 0: state.links = try Link.read(output)
        case 1: state.addresses = try InterfaceAddress.read(output)
        case 2: state.routes = try Route.read(output, family: .v4)
        case 3: state.routes = try Route.read(output, family: .v6)
        case 4: state.policyRules = try PolicyRule.read(output, family: .v4)
        case 5: state.policyRules = try PolicyRule.read(output, family: .v6)
        case 6: state.neighbours = try Neighbour.read(output)
        case 7: state.forwardingEntries = try ForwardingEntry.read(output)
        case 8: state.tables = try FilterTable.read(ruleset: output)
        default:
            let text = String(decoding: output, as: UTF8.self)
            state.iptables = [IPTablesState(family: .v4, saved: text)]
            state.settings = KernelSetting.read(text)
        }
        return state
    }
}
