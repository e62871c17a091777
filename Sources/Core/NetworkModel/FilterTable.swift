package import IPAddressing

/// A table of nftables with its chains.
package struct FilterTable: Hashable, Sendable {
    /// The family.
    package var family: FilterFamily
    /// The name, unique in the family.
    package var name: String

    /// In the order of the listing.
    package var chains: [FilterChain]

    /// Creates a filter table.
    package init(family: FilterFamily, name: String, chains: [FilterChain] = []) {
        self.family = family
        self.name = name
        self.chains = chains
    }

    /// True for the one table that is ours.
    package var isOurs: Bool { family == .inet && name == Ownership.table }

    /// The table without counters and handles, and without the order of empty chains.
    package var withoutCounters: FilterTable {
        var table = self
        for index in table.chains.indices { table.chains[index] = table.chains[index].withoutCounters }
        table.chains.sort { $0.name < $1.name }
        return table
    }
}

/// The family of a table.
package enum FilterFamily: String, Hashable, Sendable {
    case ip, ip6, inet, arp, bridge, netdev
}

/// A chain of nftables: a base chain if it has a hook, else a target of jumps.
package struct FilterChain: Hashable, Sendable {
    /// The name, unique in the table.
    package var name: String
    /// Where the kernel runs it; nil for a target of jumps.
    package var hook: FilterHook?
    /// The rules in order.
    package var rules: [FilterRule]

    /// Creates a filter chain.
    package init(name: String, hook: FilterHook? = nil, rules: [FilterRule] = []) {
        self.name = name
        self.hook = hook
        self.rules = rules
    }

    /// The chain without counters and handles.
    package var withoutCounters: FilterChain {
        var chain = self
        for index in chain.rules.indices {
            chain.rules[index].counter = nil
            chain.rules[index].handle = nil
        }
        return chain
    }
}

/// The hook, type and priority of a base chain.
package struct FilterHook: Hashable, Sendable {
    /// The type.
    package var type: ChainType
    /// The hook.
    package var point: HookPoint

    /// Lower is earlier: mangle -150, dstnat -100, filter 0, srcnat 100.
    package var priority: Int

    /// False if the policy is to drop what no rule decides.
    package var acceptsByDefault: Bool

    /// The types of base chains.
    package enum ChainType: String, Hashable, Sendable {
        case filter, nat, route
    }

    /// The hooks of base chains.
    package enum HookPoint: String, Hashable, Sendable {
        case prerouting, input, forward, output, postrouting, ingress, egress
    }

    /// Creates a filter hook.
    package init(type: ChainType, point: HookPoint, priority: Int, acceptsByDefault: Bool = true) {
        self.type = type
        self.point = point
        self.priority = priority
        self.acceptsByDefault = acceptsByDefault
    }
}

/// A rule: its action applies if all of its matches hold.
package struct FilterRule: Hashable, Sendable {
    /// The conditions.
    package var matches: [FilterMatch]
    /// What happens to a packet that meets them.
    package var action: FilterAction

    /// At most 128 octets.
    package var comment: String?

    /// The counter's value; nil if it has not been observed or does not count.
    package var counter: Counter?

    /// Identifies the rule in its chain; nil if it has not been observed.
    package var handle: Int?

    /// A rule's counter.
    package struct Counter: Hashable, Sendable {
        /// Packets that the rule has matched.
        package var packets: Int
        /// Octets of these packets.
        package var octets: Int

        /// Creates a counter.
        package init(packets: Int, octets: Int) {
            self.packets = packets
            self.octets = octets
        }
    }

    /// Creates a filter rule.
    package init(
        _ matches: [FilterMatch], _ action: FilterAction, comment: String? = nil, counter: Counter? = nil,
        handle: Int? = nil
    ) {
        self.matches = matches
        self.action = action
        self.comment = comment
        self.counter = counter
        self.handle = handle
    }
}

/// A condition on a packet.
package enum FilterMatch: Hashable, Sendable {
    /// The source address is in the set.
    case source(PrefixSet)
    /// The destination address is in the set.
    case destination(PrefixSet)
    /// The destination before translation, as the first packet of the connection had it.
    case originalDestination(PrefixSet)
    /// Names; `*` at the end matches any rest. Sorted.
    case inDevice([String])
    /// Names of outgoing devices; `*` at the end matches any rest. Sorted.
    case outDevice([String])
    /// Sorted, as `established`, `related`.
    case connectionState([String])
    /// A TCP packet that opens a connection or accepts one.
    case synchronize
    /// As `tcp`, `udp`, `icmp`.
    case transport(String)
    /// The destination port of a transport.
    case destinationPort(transport: String, Int)
    /// The masked bits of the packet's mark.
    case mark(value: Int, mask: Int)
    /// The masked bits of the connection's mark.
    case connectionMark(value: Int, mask: Int)
    /// The packet goes in the direction in which the connection was opened.
    case originalDirection
    /// Another one, as compact JSON.
    case other(String)
}

/// What a rule does.
package enum FilterAction: Hashable, Sendable {
    /// Counts only.
    case count
    /// A verdict.
    case accept, drop, `return`
    /// Drops the packet and reports it to the sender.
    case reject(Rejection)
    /// Continues in another chain, and returns.
    case jump(String)
    /// Continues in another chain, without returning.
    case goto(String)
    /// Translates to the address of the device that the packet leaves by.
    case masquerade(isFullyRandom: Bool)
    /// Translates the source address.
    case sourceTranslation(to: IPAddress, isFullyRandom: Bool)
    /// Puts the other prefix of a pair in, for a whole connection and its answers. Never empty, of one
    /// family, sorted.
    case prefixTranslation(TranslatedEnd, [PrefixTranslation])
    /// The same for this packet alone, without memory of its connection; the rule matches the pair's `from`.
    case rewrite(TranslatedEnd, PrefixTranslation)
    /// The same for all pairs whose prefixes differ in these bits; the rule matches the `from` of each.
    case invert(TranslatedEnd, bits: IPAddress)
    /// Lowers the segment size that a TCP peer announces to the route's MTU.
    case clampSegmentSize
    /// Gives the packet this mark.
    case setMark(Int)
    /// Sets these bits of the connection's mark.
    case setConnectionMark(bits: Int)
    /// Another one, as compact JSON.
    case other(String)

    /// How a packet is rejected.
    package enum Rejection: Hashable, Sendable {
        /// ICMP host unreachable.
        case hostUnreachable
        /// Another way, in the words of nft.
        case other(String)
    }
}
