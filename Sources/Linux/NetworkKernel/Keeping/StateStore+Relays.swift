import JSON
import LinuxSystem
package import NetworkPlanning

/// Which relays carry: decided by the agent, and read by every command that plans.
extension StateStore {
    /// The choices of the last agent since the host's start; none if there was none.
    package func relayChoices() throws(KernelError) -> RelayChoices {
        guard let json = try read("relays") else { return RelayChoices() }
        guard let choices = RelayChoices(json) else {
            throw damaged("relays", "it is no list of relays of this version")
        }
        return choices
    }

    package func write(_ choices: RelayChoices) throws(KernelError) {
        try write("relays", choices.json.description)
    }
}

extension RelayChoices {
    fileprivate var json: JSONValue {
        let groups = carrying.sorted { $0.key < $1.key }.map { name, relays in
            JSONValue.object([
                ("path", .string(name)), ("carrying", .array(relays.map { .string($0) })),
            ])
        }
        return .object([("version", .integer(1)), ("groups", .array(groups))])
    }

    /// Nil if `json` did not write it.
    fileprivate init?(_ json: JSONValue) {
        guard json["version"] == .integer(1), let groups = json["groups"]?.elements else { return nil }
        self.init()
        for group in groups {
            guard let name = group["path"]?.string, let relays = group["carrying"]?.elements else {
                return nil
            }
            carrying[name] = relays.compactMap(\.string)
        }
    }
}
