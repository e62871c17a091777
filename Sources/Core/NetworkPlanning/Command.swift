import IPAddressing
import JSON
import NetworkModel

/// One call of a program that changes the kernel.
package struct Command: Hashable, Sendable {
    package var program: Program

    /// The arguments as one line, quoted where they hold spaces; for `nft` the lines of one transaction.
    package var line: String

    /// `ip` and `bridge` take many lines at once (`-batch`), `nft` a whole script (`-f`).
    package enum Program: String, Hashable, Sendable {
        case ip, bridge, nft, sysctl, iptables, ip6tables, conntrack
    }

    package init(_ program: Program, _ line: String) {
        self.program = program
        self.line = line
    }

    /// The arguments one by one, for a call without a shell.
    package var arguments: [String] { IPTablesState.words(of: Substring(line)) }
}

extension Command: CustomStringConvertible {
    /// As one types it.
    package var description: String {
        program == .nft ? "nft -f - <<'END'\n\(line)END" : "\(program.rawValue) \(line)"
    }
}

extension Command {
    /// Ends a command that forgets connections that are not translated: answers to them go to their source.
    /// `conntrack` takes no prefix there, so that each source has to be seen first.
    package static let untranslated = " -q <the same source>"

    static func commands(for change: Change) -> [Command] {
        switch change {
        case .add(let object): adding(object)
        case .remove(let object): removing(object)
        case .replace(.link(let old), .link(let new)): altering(old, to: new)
        case .replace(.route(let old), .route(let new)): replacing(old, with: new)
        case .replace(let old, let new):
            switch new {
            case .table(let table): [Command(.nft, table.replacement)]
            case .neighbour, .forwardingEntry: adding(new)
            default: adding(new) + removing(old)
            }
        case .set(let setting, _, let value): [Command(.sysctl, "-w \(setting)=\(value)")]
        case .forget(let range):
            [
                Command(
                    .conntrack,
                    "-D -f ip\(range.source.family) -s \(range.source) -d \(range.destination)"
                        + (range.part == .untranslated ? Self.untranslated : ""))
            ]
        }
    }

    private static func adding(_ object: NetworkObject) -> [Command] {
        switch object {
        case .link(let link): making(link)
        case .address(let address):
            [Command(.ip, "addr add \(address)" + (address.address.family == .v6 ? " nodad" : ""))]
        // Before a foreign route of the same prefix, which stays as it is.
        case .route(let route):
            [
                Command(
                    .ip, (route.destination.family == .v4 ? "route prepend " : "route replace ") + "\(route)")
            ]
        case .neighbour(let neighbour): [Command(.ip, "neigh replace \(neighbour)")]
        case .forwardingEntry(let entry): [Command(.bridge, "fdb replace \(entry)")]
        case .extraForwardingEntry(let entry): [Command(.bridge, "fdb append \(entry)")]
        case .policyRule(let rule): [Command(.ip, "-\(rule.family.digit) rule add \(rule)")]
        case .table(let table): [Command(.nft, table.replacement)]
        case .iptablesRule(let rule): [Command(rule, verb: "-I")]
        }
    }

    private static func removing(_ object: NetworkObject) -> [Command] {
        switch object {
        case .link(let link): [Command(.ip, "link del dev \(link.name)")]
        case .address(let address): [Command(.ip, "addr del \(address)")]
        case .route(let route): [Command(.ip, "route del \(route)")]
        case .neighbour(let neighbour):
            [Command(.ip, "neigh del \(neighbour.address) dev \(neighbour.device)")]
        case .forwardingEntry(let entry), .extraForwardingEntry(let entry):
            [Command(.bridge, "fdb del \(entry.mac) dev \(entry.device) dst \(entry.destination) self")]
        case .policyRule(let rule): [Command(.ip, "-\(rule.family.digit) rule del \(rule)")]
        case .table(let table): [Command(.nft, table.deletion)]
        case .iptablesRule(let rule): [Command(rule, verb: "-D")]
        }
    }

    private init(_ rule: IPTablesRule, verb: String) {
        self.init(rule.family == .v4 ? .iptables : .ip6tables, "-w 5 -t \(rule.table) \(verb) \(rule)")
    }

    /// A device comes up last, when it has everything: setting it down later would lose its routes.
    private static func making(_ link: Link) -> [Command] {
        var add = "link add \(link.name)"
        if let mtu = link.mtu { add += " mtu \(mtu.assumed)" }
        if let mac = link.mac { add += " address \(mac)" }
        switch link.kind {
        case .vxlan(let mesh):
            add += " type vxlan id \(mesh.id) dstport \(mesh.port)"
            if let local = mesh.local { add += " local \(local)" }
            if let underlay = mesh.underlay { add += " dev \(underlay)" }
            add += mesh.isLearning ? " learning" : " nolearning"
        case .other(let kind): add += " type \(kind)"
        }
        var commands = [Command(.ip, add)]
        if let alias = link.alias {
            commands.append(Command(.ip, "link set dev \(link.name) alias \(JSONValue.quote(alias))"))
        }
        if link.isUp { commands.append(Command(.ip, "link set dev \(link.name) up")) }
        return commands
    }

    /// What can be altered while the device stays; its other properties are never in a `replace`.
    private static func altering(_ old: Link, to new: Link) -> [Command] {
        var words: [String] = []
        if let mtu = new.mtu, mtu != old.mtu { words.append("mtu \(mtu.assumed)") }
        if let mac = new.mac, mac != old.mac { words.append("address \(mac)") }
        if let alias = new.alias, alias != old.alias { words.append("alias \(JSONValue.quote(alias))") }
        if new.isUp != old.isUp { words.append(new.isUp ? "up" : "down") }
        return words.map { Command(.ip, "link set dev \(new.name) \($0)") }
    }

    /// IPv6 knows one route for each prefix and metric; with IPv4 the new one goes before the old one, which
    /// then
    /// goes, so that the prefix is never without.
    private static func replacing(_ old: Route, with new: Route) -> [Command] {
        if new.destination.family == .v6, old.metric == new.metric { return adding(.route(new)) }
        guard old.metric == new.metric, old.nextHops.first?.gateway == new.nextHops.first?.gateway,
            old.nextHops.count != new.nextHops.count
        else { return adding(.route(new)) + removing(.route(old)) }
        // Asked to delete one route with several next hops and one with the first of them alone, the kernel
        // takes whichever stands first (Linux 6.18): the new one stands in with another metric meanwhile.
        var deputy = new
        deputy.metric += 1
        return adding(.route(deputy)) + removing(.route(old)) + adding(.route(new))
            + removing(.route(deputy))
    }
}

extension AddressFamily {
    /// As the options `-4` and `-6` of `ip` have it.
    var digit: Int { self == .v4 ? 4 : 6 }
}
