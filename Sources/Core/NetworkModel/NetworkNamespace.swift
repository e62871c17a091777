import JSON

/// A network namespace with a name (`ip netns`), and what is in it: a small host on the host.
package struct NetworkNamespace: Hashable, Sendable {
    /// Its name, as `ip netns` shows it.
    package var name: String

    /// Nil if there is no namespace behind the name, as if it was made where this process cannot enter it.
    package var state: HostState?

    /// Of what is in it, the device that leads to the host and those of segments are ours if the namespace
    /// is; others may be there, since the kernel gives fallback tunnels to each namespace.
    package init(name: String, state: HostState? = nil) {
        self.name = name
        self.state = state
        guard isOurs, let links = state?.links else { return }
        for (index, link) in links.enumerated() {
            switch link.kind {
            case _ where link.name == VethLink.peer: self.state?.links[index].alias = Ownership.tag
            case .vxlan where link.alias == nil: self.state?.links[index].alias = Ownership.tag
            default: continue
            }
        }
    }

    /// True if we made it, which the alias of its loopback device says; a name without a namespace has
    /// no use.
    package var isOurs: Bool {
        name.hasPrefix(Ownership.namespacePrefix) && (state.map { $0.link("lo")?.hasTag == true } ?? true)
    }

    /// A namespace that was just made.
    package static func fresh(_ name: String) -> NetworkNamespace {
        let loopback = Link(
            name: "lo", kind: .other(""), mtu: 65536, isUp: false, alias: Ownership.tag + name)
        return NetworkNamespace(name: name, state: HostState(links: [loopback]))
    }
}

extension NetworkNamespace {
    /// The names that `ip -j netns list` prints and may be ours, and the number of each that has one.
    package static func read(names text: [UInt8]) throws(ReadingError) -> [(name: String, number: Int?)] {
        // Without any it prints nothing.
        if text.isEmpty { return [] }
        let rows = try ReadingError.json(text, of: "ip -j netns list").elements ?? []
        return rows.compactMap { row in
            guard let name = row["name"]?.string, name.hasPrefix(Ownership.namespacePrefix) else {
                return nil
            }
            return (name, row["id"]?.integer)
        }
    }

    /// As in a journal.
    var json: JSONValue {
        var members: [String: JSONValue] = ["name": .string(name)]
        if let state {
            members["state"] = state.json
            members["settings"] = .object(
                Dictionary(
                    state.settings.map { ($0.key.description, JSONValue.integer($0.value)) },
                    uniquingKeysWith: { first, _ in first }))
        }
        return .object(members)
    }

    /// Reads what `json` wrote; nil for anything else.
    init?(json: JSONValue) {
        guard let name = json["name"]?.string else { return nil }
        guard let members = json["state"] else {
            self.init(name: name)
            return
        }
        guard var state = try? HostState(json: members) else { return nil }
        for (key, value) in json["settings"]?.members ?? [] {
            guard let setting = KernelSetting(key), let value = value.integer else { return nil }
            state.settings[setting] = value
        }
        // Nothing but nft manages rules there.
        state.iptables = []
        self.init(name: name, state: state)
    }
}

extension HostState {
    /// The namespace called `name`; nil if there is none.
    package func namespace(_ name: String) -> NetworkNamespace? { namespaces.first { $0.name == name } }
}
