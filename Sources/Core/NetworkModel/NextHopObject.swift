import IPAddressing
import Inventory
import JSON

/// A next hop that the kernel knows by a number, or a group of such: what `ip nexthop` shows. Routes that
/// name the number of a group follow each of its changes at once.
package struct NextHopObject: Hashable, Sendable {
    /// Unique in a network namespace, 1 and up.
    package var id: Int

    /// The program that made it; 78 is Namebridge.
    package var madeBy: Int

    /// A hop or a group.
    package var content: Content

    /// What the number stands for.
    package enum Content: Hashable, Sendable {
        /// A single next hop; its weight is that of its place in a group.
        case hop(NextHop)
        /// Several, which share the traffic.
        case group(NextHopGroup)
        /// Another kind, which we do not make.
        case other
    }

    /// Creates an object of ours.
    package init(id: Int, _ content: Content, madeBy: Int = Ownership.routeProtocol) {
        self.id = id
        self.content = content
        self.madeBy = madeBy
    }

    /// True if its protocol number is ours.
    package var isOurs: Bool { madeBy == Ownership.routeProtocol }

    /// The group; nil for other objects.
    package var group: NextHopGroup? {
        if case .group(let group) = content { group } else { nil }
    }
}

/// Next hops that share the traffic of the routes that name the group.
package struct NextHopGroup: Hashable, Sendable {
    /// The members, by their numbers, in ascending order.
    package var members: [Member]

    /// For the kind `resilient`; nil for other kinds.
    package var resilience: Resilience?

    /// A next hop of the group.
    package struct Member: Hashable, Sendable {
        /// The number of its object.
        package var id: Int
        /// 1...256: its share.
        package var weight: Int

        /// Creates a member.
        package init(id: Int, weight: Int) {
            self.id = id
            self.weight = weight
        }
    }

    /// A table of buckets, each of which leads to one member: a bucket goes over to another member once its
    /// own is gone, or when no packet has used it for a while.
    package struct Resilience: Hashable, Sendable {
        /// The number of buckets.
        package var buckets: Int
        /// For so long no packet must have come before a bucket goes over to a new member, in seconds.
        package var idleSeconds: Int

        /// Creates the properties of a table.
        package init(buckets: Int, idleSeconds: Int) {
            self.buckets = buckets
            self.idleSeconds = idleSeconds
        }
    }

    /// Creates a group.
    package init(members: [Member], resilience: Resilience?) {
        self.members = members.sorted { $0.id < $1.id }
        self.resilience = resilience
    }
}

extension NextHopObject: CommandObject {
    /// As `ip nexthop` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add(keyword: "id")
        writer.add(id)
        switch content {
        case .hop(let hop):
            // Both families are shown by the gateway; its weight is told by groups.
            var alone = hop
            alone.weight = 1
            alone.write(to: &writer, for: hop.gateway?.family ?? .v4, isAlone: true)
        case .group(let group):
            writer.add(keyword: "group")
            writer.add(
                group.members.map { $0.weight == 1 ? "\($0.id)" : "\($0.id),\($0.weight)" }
                    .joined(separator: "/"))
            if let resilience = group.resilience {
                writer.add(keyword: "type")
                writer.add(keyword: "resilient")
                writer.add(keyword: "buckets")
                writer.add(resilience.buckets)
                writer.add(keyword: "idle_timer")
                writer.add(resilience.idleSeconds)
            }
        case .other: break
        }
        writer.add(keyword: "proto")
        writer.add(madeBy)
    }
}

// MARK: - As JSON

extension NextHopObject {
    /// The objects that `ip -j nexthop show` prints.
    package static func read(_ text: [UInt8]) throws(ReadingError) -> [NextHopObject] {
        let program = "ip -j nexthop"
        guard let rows = try ReadingError.json(text, of: program).elements else {
            throw .unexpected(program: program, what: "no array")
        }
        return rows.compactMap { NextHopObject(json: $0) }
    }

    /// Nil if the row names no object.
    private init?(json row: JSONValue) {
        guard let id = row["id"]?.integer else { return nil }
        let content: Content
        if let members = row["group"]?.elements {
            let arguments = row["resilient_args"]
            let resilience = arguments.map {
                NextHopGroup.Resilience(
                    buckets: $0["buckets"]?.integer ?? 0, idleSeconds: $0["idle_timer"]?.integer ?? 0)
            }
            content = .group(
                NextHopGroup(
                    members: members.compactMap { member in
                        member["id"]?.integer.map {
                            NextHopGroup.Member(id: $0, weight: member["weight"]?.integer ?? 1)
                        }
                    }, resilience: row["type"]?.string == "resilient" ? resilience : nil))
        } else if row["dev"] != nil {
            content = .hop(NextHop(json: row))
        } else {
            content = .other
        }
        self.init(id: id, content, madeBy: Route.madeBy(row["protocol"]) ?? 0)
    }

    /// The row that `read` parses to the same value.
    var json: JSONValue {
        var row: [String: JSONValue] = ["id": .integer(id), "protocol": .integer(madeBy)]
        switch content {
        case .hop(let hop): for (key, value) in hop.json.members ?? [] { row[key] = value }
        case .group(let group):
            row["group"] = .array(
                group.members.map { .object(["id": .integer($0.id), "weight": .integer($0.weight)]) })
            if let resilience = group.resilience {
                row["type"] = .string("resilient")
                row["resilient_args"] = .object([
                    "buckets": .integer(resilience.buckets), "idle_timer": .integer(resilience.idleSeconds),
                ])
            }
        case .other: break
        }
        return .object(row)
    }
}

// MARK: - On a host

extension HostState {
    /// The object with this number; nil if there is none.
    package func nextHopObject(_ id: Int) -> NextHopObject? {
        nextHopObjects?.first { $0.id == id }
    }

    /// The hops that the number `id` stands for, each with its share; nil if there is no such object.
    package func nextHops(of id: Int) -> [NextHop]? {
        guard let object = nextHopObject(id) else { return nil }
        switch object.content {
        case .hop(let hop): return [hop]
        case .group(let group):
            return group.members.compactMap { member in
                guard case .hop(var hop)? = nextHopObject(member.id)?.content else { return nil }
                hop.weight = group.members.count > 1 ? member.weight : 1
                return hop
            }
        case .other: return []
        }
    }

    /// Gives each route that names an object the hops of that object: the kernel may be set to leave them out
    /// of routes (nexthop_compat_mode).
    package mutating func expandNextHops() {
        guard nextHopObjects?.isEmpty == false else { return }
        for index in routes.indices {
            guard let id = routes[index].nextHopID, let hops = nextHops(of: id) else { continue }
            routes[index].nextHops = hops.sorted()
        }
    }
}
