package import IPAddressing
import Inventory
import JSON

extension Link {
    /// The devices that `ip -j -d link` prints.
    ///
    /// - Parameter namespaces: The names of our network namespaces by the host's numbers for them.
    package static func read(
        _ text: [UInt8], namespaces: [Int: String] = [:]
    ) throws(ReadingError) -> [Link] {
        try rows(text, of: "ip -j -d link").compactMap { row in
            guard let name = row["ifname"]?.string else { return nil }
            let far = row["link_netns"]?.string ?? row["link_netnsid"]?.integer.flatMap { namespaces[$0] }
            return Link(
                name: name, kind: LinkKind(json: row["linkinfo"], far: far),
                mtu: row["mtu"]?.integer,
                mac: row["address"]?.string.flatMap { MACAddress($0) },
                isUp: row["flags"]?.elements?.contains(.string("UP")) ?? false, alias: row["ifalias"]?.string,
                master: row["master"]?.string)
        }
    }
}

extension LinkKind {
    /// - Parameter far: The name of the namespace that the device's other end is in, if that is known.
    fileprivate init(json: JSONValue?, far: String?) {
        let name = json?["info_kind"]?.string ?? ""
        if name == "veth", let far, far.hasPrefix(Ownership.namespacePrefix) {
            self = .veth(VethLink(namespace: far))
            return
        }
        guard name == "vxlan", let details = json?["info_data"], let id = details["id"]?.integer else {
            self = .other(name)
            return
        }
        let local = details["local"]?.string ?? details["local6"]?.string
        self = .vxlan(
            VXLANLink(
                id: id, port: details["port"]?.integer ?? 0, local: local.flatMap { IPAddress($0) },
                underlay: details["link"]?.string,
                isLearning: details["learning"]?.boolean ?? true))
    }
}

extension InterfaceAddress {
    /// The addresses that `ip -j addr` prints.
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [InterfaceAddress] {
        try rows(text, of: "ip -j addr").flatMap { row in
            (row["addr_info"]?.elements ?? []).compactMap { info in
                guard let device = row["ifname"]?.string,
                    let address = info["local"]?.string.flatMap({ IPAddress($0) }),
                    let length = info["prefixlen"]?.integer, (0...address.family.bitWidth).contains(length)
                else { return nil }
                return InterfaceAddress(device: device, address: address, length: length)
            }
        }
    }
}

extension Neighbour {
    /// The permanent entries among those that `ip -j neigh` prints.
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [Neighbour] {
        try rows(text, of: "ip -j neigh").compactMap { row in
            guard row["state"]?.elements?.contains(.string("PERMANENT")) == true,
                let device = row["dev"]?.string, let address = row["dst"]?.string.flatMap({ IPAddress($0) }),
                let mac = row["lladdr"]?.string.flatMap({ MACAddress($0) })
            else { return nil }
            return Neighbour(device: device, address: address, mac: mac)
        }
    }
}

extension UnresolvedNeighbour {
    /// The addresses that `ip -j neigh` lists as asked for (INCOMPLETE) or given up (FAILED).
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [UnresolvedNeighbour] {
        try rows(text, of: "ip -j neigh").compactMap { row in
            guard let states = row["state"]?.elements,
                states.contains(.string("INCOMPLETE")) || states.contains(.string("FAILED")),
                let device = row["dev"]?.string, let address = row["dst"]?.string.flatMap({ IPAddress($0) })
            else { return nil }
            return UnresolvedNeighbour(device: device, address: address)
        }
    }
}

extension LivingNeighbour {
    /// The addresses that `ip -j neigh` lists with an Ethernet address that was learnt.
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [LivingNeighbour] {
        try rows(text, of: "ip -j neigh").compactMap { row in
            guard let states = row["state"]?.elements,
                states.contains(where: { Self.states.contains($0.string ?? "") }),
                let device = row["dev"]?.string, let address = row["dst"]?.string.flatMap({ IPAddress($0) })
            else { return nil }
            return LivingNeighbour(device: device, address: address)
        }
    }

    /// Of a neighbour that has answered, now or a while ago.
    private static let states: Set<String> = ["REACHABLE", "STALE", "DELAY", "PROBE"]
}

extension ForwardingEntry {
    /// The entries with a destination among those that `bridge -j fdb` prints.
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [ForwardingEntry] {
        try rows(text, of: "bridge -j fdb").compactMap { row in
            guard let device = row["ifname"]?.string,
                let mac = row["mac"]?.string.flatMap({ MACAddress($0) }),
                let destination = row["dst"]?.string.flatMap({ IPAddress($0) })
            else { return nil }
            return ForwardingEntry(device: device, mac: mac, destination: destination)
        }
    }
}

extension Route {
    /// The routes of one family that `ip -j -d -4 route show table all` (or `-6`) prints.
    package static func read(_ text: [UInt8], family: AddressFamily) throws(ReadingError) -> [Route] {
        try rows(text, of: "ip -j -d route").compactMap { Route(json: $0, family: family) }
    }

    init?(json row: JSONValue, family: AddressFamily) {
        guard let kind = RouteKind(rawValue: row["type"]?.string ?? "unicast"),
            let destination = Self.destination(row["dst"]?.string ?? "", family: family)
        else { return nil }
        // With IPv6 the kernel shows lo as the device of a blackhole route.
        let leadsNowhere = [.blackhole, .unreachable, .prohibit, .throw].contains(kind)
        let hops = row["nexthops"]?.elements ?? (row["dev"] == nil || leadsNowhere ? [] : [row])
        self.init(
            destination: destination, kind: kind,
            table: Self.number(row["table"], Self.tableNames) ?? Self.mainTable,
            routeProtocol: Self.number(row["protocol"], Self.protocolNames) ?? 0,
            metric: row["metric"]?.integer ?? 0, nextHops: hops.map { NextHop(json: $0) },
            source: row["prefsrc"]?.string.flatMap { IPAddress($0) })
        nextHopID = row["nhid"]?.integer
    }

    /// The prefix of a route's destination, `default` included.
    private static func destination(_ text: String, family: AddressFamily) -> IPPrefix? {
        if text == "default" { return IPPrefix(around: IPAddress(family: family, bits: 0), length: 0) }
        guard let prefix = try? IPPrefix(parsing: text), prefix.family == family else { return nil }
        return prefix
    }

    /// The names of `/etc/iproute2/rt_tables` that every distribution has.
    private static let tableNames = ["local": 255, "main": 254, "default": 253, "unspec": 0]

    /// The names of `/etc/iproute2/rt_protos` that every distribution has (linux/rtnetlink.h).
    private static let protocolNames = [
        "unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10,
        "zebra": 11, "bird": 12, "dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "keepalived": 18,
        "babel": 42, "openr": 99, "bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
    ]

    /// A number, given as one or by one of `names`; an unknown name gives -1, which is not used by us.
    static func number(_ json: JSONValue?, _ names: [String: Int]) -> Int? {
        guard let json else { return nil }
        if let number = json.integer { return number }
        guard let text = json.string else { return nil }
        return Int(text) ?? names[text] ?? -1
    }

    /// The number of a routing table.
    static func table(_ json: JSONValue?) -> Int? { number(json, tableNames) }

    /// The number of a route protocol.
    static func madeBy(_ json: JSONValue?) -> Int? { number(json, protocolNames) }
}

extension NextHop {
    init(json: JSONValue) {
        let gateway = json["gateway"]?.string ?? json["via"]?["host"]?.string
        self.init(
            gateway: gateway.flatMap { IPAddress($0) }, device: json["dev"]?.string,
            isOnLink: json["flags"]?.elements?.contains(.string("onlink")) ?? false,
            weight: json["weight"]?.integer ?? 1)
    }
}

extension PolicyRule {
    /// The rules of one family that `ip -j -d -4 rule` (or `-6`) prints.
    package static func read(_ text: [UInt8], family: AddressFamily) throws(ReadingError) -> [PolicyRule] {
        try rows(text, of: "ip -j -d rule").compactMap { row in
            guard let priority = row["priority"]?.integer else { return nil }
            let action: Action =
                if let table = Route.table(row["table"]) { .lookup(table: table) } else {
                    .other(row["action"]?.string ?? "nop")
                }
            var rule = PolicyRule(
                family: family, priority: priority, source: prefix(row["src"], row["srclen"], family),
                destination: prefix(row["dst"], row["dstlen"], family), inDevice: row["iif"]?.string,
                outDevice: row["oif"]?.string, mark: mark(row["fwmark"], row["fwmask"]), action: action,
                ruleProtocol: Route.madeBy(row["protocol"]) ?? 0)
            rule.isInverted = row["not"] != nil
            rule.transport = row["ipproto"]?.string
            rule.suppressedPrefixLength = row["suppress_prefixlength"]?.integer
            return rule
        }
    }

    /// The prefix of two members: address and length.
    private static func prefix(
        _ address: JSONValue?, _ length: JSONValue?, _ family: AddressFamily
    ) -> IPPrefix? {
        guard let address = address?.string.flatMap({ IPAddress($0) }), address.family == family else {
            return nil
        }
        return IPPrefix(around: address, length: length?.integer ?? family.bitWidth)
    }

    /// A mark and its mask.
    private static func mark(_ value: JSONValue?, _ mask: JSONValue?) -> Mark? {
        guard let value = value?.string.flatMap(hexadecimal) else { return nil }
        return Mark(value: value, mask: mask?.string.flatMap(hexadecimal) ?? .max)
    }

    /// A hexadecimal number after `0x`.
    private static func hexadecimal(_ text: String) -> UInt32? {
        text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }
}

extension KernelSetting {
    /// The settings that we know among the lines `KEY = VALUE` that `sysctl` prints.
    package static func read(_ text: String) -> [KernelSetting: Int] {
        var settings: [KernelSetting: Int] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let setting = KernelSetting(parts[0].filter { $0 != " " }),
                let value = number(parts[1].filter { $0 != " " })
            else { continue }
            settings[setting] = value
        }
        return settings
    }
}

/// The rows of a listing, which is an array of objects.
private func rows(_ text: [UInt8], of program: String) throws(ReadingError) -> [JSONValue] {
    guard let rows = try ReadingError.json(text, of: program).elements else {
        throw .unexpected(program: program, what: "no array")
    }
    return rows
}
