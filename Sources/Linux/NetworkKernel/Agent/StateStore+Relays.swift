import JSON
import LinuxSystem
package import NetworkPlanning
package import Time

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

    /// Writes the choices.
    package func write(_ choices: RelayChoices) throws(KernelError) {
        try write("relays", choices.json.description)
    }

    /// When each relay was drained, in seconds since 1970, by its host as in `prod/relay1`.
    package func drainedRelays() throws(KernelError) -> [String: Int] {
        guard let json = try read(Self.drainedName) else { return [:] }
        var drained: [String: Int] = [:]
        for entry in json["drained"]?.elements ?? [] {
            guard let name = entry["relay"]?.string, let since = entry["since"]?.integer else {
                throw damaged(Self.drainedName, "it is no list of drained relays of this version")
            }
            drained[name] = since
        }
        return drained
    }

    /// The same for a process that makes no folder; none if there is no folder, or its file can't be read.
    package static func drainedRelays(below path: String) -> [String: Int] {
        do throws(KernelError) {
            return FilePath.isFolder(path) ? try StateStore(path: path).drainedRelays() : [:]
        } catch {
            return [:]
        }
    }

    /// Changes the drained relays while no other process does.
    ///
    /// - Returns: What `change` returns.
    package func changeDrainedRelays<Value>(
        _ change: (inout [String: Int]) -> Value
    ) throws(KernelError) -> Value {
        let lock = try lock()
        defer { _ = lock.number }
        let before = try drainedRelays()
        var drained = before
        let value = change(&drained)
        if drained != before { try write(drained: drained) }
        return value
    }

    /// Writes when each relay was drained.
    private func write(drained: [String: Int]) throws(KernelError) {
        if drained.isEmpty { return try remove(Self.drainedName) }
        let entries = drained.sorted { $0.key < $1.key }.map { name, since in
            JSONValue.object([("relay", .string(name)), ("since", .integer(since))])
        }
        let json = JSONValue.object([("version", .integer(1)), ("drained", .array(entries))])
        // A server, which runs as another user, gives out no addresses of these relays.
        try write(Self.drainedName, json.description, isForAll: true)
    }

    /// Says that the agent lives and works.
    package func beat(process: Int, at now: MonotonicTime) throws(KernelError) {
        let pulse = JSONValue.object([
            ("process", .integer(process)), ("time", .integer(Int(now.nanoseconds / 1_000_000))),
        ])
        try writePlain("pulse", pulse)
    }

    /// The agent that said so last, and when, in milliseconds of the monotonic clock; nil if none did.
    package var pulse: (process: Int, milliseconds: Int)? {
        guard let json = readPlain("pulse"), let process = json["process"]?.integer,
            let time = json["time"]?.integer
        else { return nil }
        return (process, time)
    }

    /// The name of the file that changes with the drained relays.
    package static var drainedName: String { "drained" }
}

extension RelayChoices {
    fileprivate var json: JSONValue {
        let groups = carrying.sorted { $0.key < $1.key }.map { name, relays in
            JSONValue.object([
                ("path", .string(name)), ("carrying", .array(relays.map { .string($0) })),
            ])
        }
        let staying = staying.sorted { $0.key < $1.key }.map { name, relay in
            JSONValue.object([("path", .string(name)), ("relay", .string(relay))])
        }
        return .object([
            ("version", .integer(1)), ("groups", .array(groups)), ("staying", .array(staying)),
            ("announced", .array(announced.sorted().map { .string($0) })),
        ])
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
        for entry in json["staying"]?.elements ?? [] {
            guard let name = entry["path"]?.string, let relay = entry["relay"]?.string else { return nil }
            staying[name] = relay
        }
        announced = Set((json["announced"]?.elements ?? []).compactMap(\.string))
    }
}
