import IPAddressing
package import NetworkModel

extension Step {
    /// The commands of the step, in order.
    package var commands: [Command] { change.commands }
}

extension Change {
    /// The commands of the change, in order.
    package var commands: [Command] {
        switch self {
        case .add(let object): object.additions
        case .remove(let object): object.removals
        case .replace(.link(let old), .link(let new)): Self.alter(old, to: new)
        case .replace(.route(let old), .route(let new)): Self.replace(old, with: new)
        case .replace(let old, let new):
            switch new {
            case .table, .neighbour, .forwardingEntry, .nextHop: new.additions
            default: new.additions + old.removals
            }
        case .set(let setting, _, let value): [Command(.sysctl, ["-w", "\(setting)=\(value)"])]
        case .forget(let range): [range.forgetting]
        case .inside(let namespace, .add(.link(let link))) where link.isMesh:
            link.commands(underlay: nil, mtu: link.mtu, in: namespace)
        case .inside(let namespace, let change): change.commands.map { $0.inside(namespace) }
        }
    }

    /// The properties that can change on an existing device; others are never part of a `replace`.
    private static func alter(_ old: Link, to new: Link) -> [Command] {
        var changes: [[Command.Argument]] = []
        if let mtu = new.mtu, mtu != old.mtu { changes.append(["mtu", "\(mtu)"]) }
        if let mac = new.mac, mac != old.mac { changes.append(["address", "\(mac)"]) }
        if let alias = new.alias, alias != old.alias { changes.append(["alias", .word(alias)]) }
        if new.isUp != old.isUp { changes.append([new.isUp ? "up" : "down"]) }
        return changes.map { new.setting($0) }
    }

    /// IPv6 has one route for each prefix and metric; with IPv4 the new route is put before the old one,
    /// which is then deleted, so that the prefix always has a route.
    private static func replace(_ old: Route, with new: Route) -> [Command] {
        if new.destination.family == .v6, old.metric == new.metric { return [new.addition] }
        // A numbered group is told from hops of a route's own.
        guard old.nextHopID == nil, new.nextHopID == nil,
            old.metric == new.metric, old.nextHops.first?.gateway == new.nextHops.first?.gateway,
            old.nextHops.count != new.nextHops.count
        else { return [new.addition, old.removal] }
        // Asked to delete one route with several next hops and one with the first of them alone, the kernel
        // takes the first of them (Linux 6.18): meanwhile the new one exists with another metric.
        var deputy = new
        deputy.metric += 1
        return [deputy.addition, old.removal, new.addition, deputy.removal]
    }
}

extension Command {
    /// The same in a network namespace.
    fileprivate func inside(_ namespace: String) -> Command {
        var command = self
        command.namespace = namespace
        return command
    }
}

extension NetworkObject {
    /// The commands that make the object.
    fileprivate var additions: [Command] {
        switch self {
        case .link(let link):
            link.commands(underlay: link.underlay.map { .word($0) }, mtu: link.mtu)
        case .address(let address):
            [
                Command(
                    .ip,
                    ["addr", "add"] + address.arguments + (address.address.family == .v6 ? ["nodad"] : []))
            ]
        case .route(let route): [route.addition]
        case .nextHop(let object): [Command(.ip, ["nexthop", "replace"] + object.arguments)]
        case .neighbour(let neighbour): [Command(.ip, ["neigh", "replace"] + neighbour.arguments)]
        case .forwardingEntry(let entry): [Command(.bridge, ["fdb", "replace"] + entry.arguments)]
        case .extraForwardingEntry(let entry): [Command(.bridge, ["fdb", "append"] + entry.arguments)]
        case .policyRule(let rule): [rule.command("add")]
        case .namespace(let name):
            // By this alias a restarted process knows the namespace.
            [
                Command(.ip, ["netns", "add", .word(name)]),
                Command(.ip, ["link", "set", "dev", "lo", "alias", .word(Ownership.tag + name)], in: name),
            ]
        case .table(let table): [Command(.nft, ["-f", "-"], input: table.replacement)]
        case .iptablesRule(let rule): [rule.command("-I")]
        }
    }

    /// The commands that remove the object.
    fileprivate var removals: [Command] {
        switch self {
        case .link(let link): [Command(.ip, ["link", "del", "dev", .word(link.name)])]
        case .address(let address): [Command(.ip, ["addr", "del"] + address.arguments)]
        case .route(let route): [route.removal]
        case .nextHop(let object): [Command(.ip, ["nexthop", "del", "id", "\(object.id)"])]
        case .neighbour(let neighbour):
            [Command(.ip, ["neigh", "del", "\(neighbour.address)", "dev", .word(neighbour.device)])]
        case .forwardingEntry(let entry), .extraForwardingEntry(let entry):
            [
                Command(
                    .bridge,
                    [
                        "fdb", "del", "\(entry.mac)", "dev", .word(entry.device), "dst",
                        "\(entry.destination)",
                        "self",
                    ])
            ]
        case .policyRule(let rule): [rule.command("del")]
        case .namespace(let name): [Command(.ip, ["netns", "del", .word(name)])]
        case .table(let table): [Command(.nft, ["-f", "-"], input: table.deletion)]
        case .iptablesRule(let rule): [rule.command("-D")]
        }
    }
}

extension Link {
    /// The device that the packets of a VXLAN device leave by; nil for other devices.
    fileprivate var underlay: String? {
        if case .vxlan(let mesh) = kind { mesh.underlay } else { nil }
    }

    /// What makes the link. It comes up last, when it has everything: setting it down later would lose
    /// its routes.
    ///
    /// - Parameter namespace: Where the device is. It is made on the host, and the socket of a VXLAN device
    ///   stays there.
    func commands(underlay: Command.Argument?, mtu: Int?, in namespace: String? = nil) -> [Command] {
        var add: [Command.Argument] = ["link", "add", .word(name)]
        if let namespace { add += ["netns", .word(namespace)] }
        if let mtu { add += ["mtu", "\(mtu)"] }
        if let mac { add += ["address", "\(mac)"] }
        switch kind {
        case .vxlan(let mesh):
            add += ["type", "vxlan", "id", "\(mesh.id)", "dstport", "\(mesh.port)"]
            if let local = mesh.local { add += ["local", "\(local)"] }
            if let underlay { add += ["dev", underlay] }
            add.append(mesh.isLearning ? "learning" : "nolearning")
        case .veth(let pair):
            add += ["type", "veth", "peer", "name", .word(VethLink.peer)]
            if let mtu { add += ["mtu", "\(mtu)"] }
            add += ["netns", .word(pair.namespace)]
        case .other(let kind): add += ["type", .word(kind)]
        }
        var settings: [Command] = []
        if let alias { settings.append(setting(["alias", .word(alias)])) }
        if isUp { settings.append(setting(["up"])) }
        return [Command(.ip, add)] + settings.map { namespace.map($0.inside) ?? $0 }
    }

    /// Changes `property` of the device.
    fileprivate func setting(_ property: [Command.Argument]) -> Command {
        Command(.ip, ["link", "set", "dev", .word(name)] + property)
    }
}

extension Route {
    /// Adds it before a foreign route of the same prefix, which is unchanged.
    fileprivate var addition: Command {
        Command(.ip, ["route", destination.family == .v4 ? "prepend" : "replace"] + arguments)
    }

    fileprivate var removal: Command { Command(.ip, ["route", "del"] + arguments) }
}

extension PolicyRule {
    /// `from all` is valid in both families: the option selects one.
    fileprivate func command(_ verb: Command.Argument) -> Command {
        Command(.ip, ["rule", verb] + arguments, options: ["-\(family.digit)"])
    }
}

extension IPTablesRule {
    fileprivate func command(_ verb: Command.Argument) -> Command {
        Command(program, [verb] + arguments, options: ["-w", "5", "-t", table])
    }
}

extension ConnectionRange {
    /// Deletes the connections' entries. Answers to untranslated connections go to their source; `conntrack`
    /// takes no prefix there, so each source must be listed first.
    fileprivate var forgetting: Command {
        Command(.conntrack, ["-D"] + arguments + (part == .untranslated ? ["-q", .sameSource] : []))
    }

    /// As `conntrack` takes them after the verb.
    package var arguments: [Command.Argument] {
        ["-f", "ip\(source.family)", "-s", "\(source)", "-d", "\(destination)"]
    }
}

extension AddressFamily {
    /// As the options `-4` and `-6` of `ip` have it.
    var digit: Int { self == .v4 ? 4 : 6 }
}
