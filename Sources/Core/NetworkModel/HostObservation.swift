import IPAddressing
import Inventory
package import JSON

/// The state of a host in a file, from which another host reads it: everything that decides on packets, and
/// nothing secret.
package struct HostObservation: Hashable, Sendable {
    /// The host's own name, for people.
    package var name: String
    /// When it was observed, in seconds since 1970.
    package var time: Int
    /// The state, with all rules of NAT.
    package var state: HostState

    /// Creates a host observation.
    package init(name: String, time: Int, state: HostState) {
        self.name = name
        self.time = time
        self.state = state
    }

    /// The version of the form.
    private static let form = 1

    /// The observation as a file.
    package var json: JSONValue {
        .object([
            ("namebridge-observation", .integer(Self.form)), ("name", .string(name)),
            ("time", .integer(time)),
            ("state", state.json), ("foreign", .array(state.foreignItems)),
            ("legacy4", .string(HostState.saved(state.legacyTables, .v4))),
            ("legacy6", .string(HostState.saved(state.legacyTables, .v6))),
            ("settings", settings), ("neighbours", .array(state.unresolvedNeighbours.map(\.json))),
            ("connections", state.connections?.json ?? .null),
        ])
    }

    /// The settings by their names.
    private var settings: JSONValue {
        .object(
            Dictionary(
                state.settings.map { ($0.key.description, JSONValue.integer($0.value)) },
                uniquingKeysWith: { first, _ in first }))
    }

    /// Reads what `json` wrote.
    package init(json: JSONValue) throws(ReadingError) {
        let program = "namebridge net observe"
        guard json["namebridge-observation"]?.integer == Self.form, let members = json["state"],
            let name = json["name"]?.string, let time = json["time"]?.integer
        else { throw .unexpected(program: program, what: "this is no observation of a known form") }
        var state = try HostState(json: members)
        state.foreignItems = json["foreign"]?.elements ?? []
        for (family, key) in [(AddressFamily.v4, "legacy4"), (.v6, "legacy6")] {
            guard let text = json[key]?.string, !text.isEmpty else { continue }
            state.legacyTables.append(IPTablesState(family: family, saved: text, isLegacy: true))
        }
        for (key, value) in json["settings"]?.members ?? [] {
            guard let setting = KernelSetting(key), let value = value.integer else {
                throw .unexpected(program: program, what: "the setting \(key)")
            }
            state.settings[setting] = value
        }
        state.unresolvedNeighbours = (json["neighbours"]?.elements ?? []).compactMap { row in
            guard let device = row["dev"]?.string, let address = row["dst"]?.string.flatMap({ IPAddress($0) })
            else { return nil }
            return UnresolvedNeighbour(device: device, address: address)
        }
        state.connections = json["connections"].flatMap { ConnectionTable(json: $0) }
        self.init(name: name, time: time, state: state)
    }

    /// Reads the text of a file.
    package init(reading text: [UInt8]) throws(ReadingError) {
        try self.init(json: ReadingError.json(text, of: "namebridge net observe"))
    }
}

/// How full the table of connections is.
package struct ConnectionTable: Hashable, Sendable {
    /// The connections in it.
    package var count: Int
    /// The most that it takes.
    package var most: Int

    /// Creates a connection table.
    package init(count: Int, most: Int) {
        self.count = count
        self.most = most
    }

    /// True if new connections are dropped.
    package var isFull: Bool { most > 0 && count >= most }

    fileprivate var json: JSONValue { .object([("count", .integer(count)), ("max", .integer(most))]) }

    fileprivate init?(json: JSONValue) {
        guard let count = json["count"]?.integer, let most = json["max"]?.integer else { return nil }
        self.init(count: count, most: most)
    }
}

extension UnresolvedNeighbour {
    fileprivate var json: JSONValue {
        .object([("dev", .string(device)), ("dst", .string(address.description))])
    }
}
