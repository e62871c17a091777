import IPAddressing
package import NetworkModel

/// A table of packet rules, of nft or iptables.
struct RuleTable: Sendable {
    /// `ip`, `ip6`, `inet` or `netdev`.
    let family: FilterFamily
    /// The table's name.
    let name: String
    /// The program that manages it.
    let owner: RuleOwner

    /// The kernel's number of a table of nft, which grows with each new table; nil if it is not known.
    var handle: Int?
    /// False if the table is known to be dormant: its chains are not run.
    var isAwake = true
    /// The chains by name.
    var chains: [String: RuleChain] = [:]

    /// Named sets and maps.
    var sets: [String: RuleSet] = [:]
}

/// The program that manages a table, and so the syntax for it.
package enum RuleOwner: Hashable, Sendable {
    /// nftables.
    case nft
    /// iptables, by the name of its program.
    case iptables(program: String)
}

/// A chain of a table.
struct RuleChain: Sendable {
    /// The chain's name.
    let name: String
    /// Where the kernel runs it; nil for a target of jumps.
    var hook: RuleHook?
    /// The rules in order.
    var rules: [PacketRule] = []

    /// Its position among the chains of its table, in the order in which they were made.
    var position = 0

    /// False if only the chain's name is known.
    var isRead = true
}

/// Where the kernel runs a base chain.
struct RuleHook: Hashable, Sendable {
    /// True for a chain of type nat.
    var isNAT: Bool
    /// The hook.
    var point: FilterHook.HookPoint
    /// The priority; lower is earlier.
    var priority: Int
    /// False if the policy is to drop.
    var acceptsByDefault: Bool

    /// Nil except at the hooks of single devices.
    var devices: [String]?
}

/// A rule: statements in order, up to the first condition that does not match.
struct PacketRule: Sendable {
    /// The statements in order.
    var statements: [Statement]

    /// Identifies it: its handle (nft), or its number in the chain from 1 on (iptables).
    var number: Int?

    /// True for a rule of ours in a foreign chain.
    var isOurs = false

    /// In the syntax of its program; built only when it is shown.
    var text: @Sendable () -> String
}

/// A part of a rule.
indirect enum Statement: Sendable {
    /// Continues only if the condition holds.
    case condition(Condition)
    /// Sets the mark of the packet or of the connection.
    case mark(MarkChange, isOfConnection: Bool)
    /// Excludes the packet from connection tracking.
    case untrack
    /// Ends the rule with a verdict.
    case verdict(RuleVerdict)
    /// The verdict of a map for the values of the keys.
    case lookup([PacketKey], RuleSet)
    /// A statement without effect on the packet: counters, logs.
    case nothing
    /// A statement whose effect is unknown.
    case unknown(String)
}

extension Statement {
    /// True if later packets of a connection may differ in it from the first one.
    var isOfConnection: Bool {
        switch self {
        case .condition(let condition): condition.keys.contains(where: \.isOfConnection)
        case .lookup(let keys, _): keys.contains(where: \.isOfConnection)
        case .mark, .untrack, .verdict, .nothing, .unknown: false
        }
    }
}

/// The decision of a rule.
enum RuleVerdict: Hashable, Sendable {
    /// A verdict of its own.
    case accept, drop, `return`
    /// Continues in another chain, and returns.
    case jump(String)
    /// Continues in another chain, without returning.
    case goto(String)
    /// Accepts the packet in this chain with other addresses.
    case translate(Translation)
    /// Another program decides.
    case undecided(String)
}

/// Sets a mark: `(old & keep) ^ change`, or a copy of the other mark.
enum MarkChange: Hashable, Sendable {
    /// Changes certain bits.
    case bits(keep: UInt32, change: UInt32)
    /// The bits of the mask come from the packet's or the connection's mark.
    case copy(mask: UInt32)
    /// A change that is not understood.
    case unknown
}

/// A comparison of a packet's values with a set of values.
struct Condition: Sendable {
    /// The properties that are compared.
    var keys: [PacketKey]
    /// The values that they are compared with.
    var set: RuleSet
    /// True if the comparison is negated.
    var isNegated = false
}

/// Values to compare with.
enum RuleSet: Sendable {
    /// Each element has a pattern for each key, and in a map a verdict.
    case elements([Element])
    /// One of the table's own sets.
    case named(String)
    /// A set whose elements could not be parsed.
    case unknown(String)

    /// An element of a set or map.
    struct Element: Sendable {
        /// A pattern for each key.
        var patterns: [Pattern]
        /// The verdict of a map's element; nil in a set.
        var verdict: RuleVerdict?
    }
}

/// Values that one key may have.
enum Pattern: Hashable, Sendable {
    /// Addresses of a prefix.
    case prefix(IPPrefix)
    /// Addresses of a range.
    case addresses(ClosedRange<IPAddress>)
    /// Numbers of a range.
    case numbers(ClosedRange<UInt64>)
    /// A word, or the name of a device, whose last character may be `*`.
    case word(String)
    /// Every value.
    case any
    /// Values that could not be parsed.
    case unknown
}

/// A property of a packet that rules compare.
enum PacketKey: Hashable, Sendable {
    /// Nil as family: any.
    case address(Side, AddressFamily?)
    /// Nil as transport: any that has ports.
    case port(Side, transport: String?)
    /// An address of the connection's first packet.
    case originalAddress(Side)
    /// A port of the connection's first packet.
    case originalPort(Side)
    /// The transport protocol.
    case transport
    /// The address family.
    case family
    /// The name of a device.
    case device(Direction)
    /// The masked bits of a mark.
    case mark(mask: UInt32, isOfConnection: Bool)
    /// A property of the connection.
    case connection(ConnectionKey)
    /// The flags of TCP under a mask.
    case flags(mask: Int)
    /// The type of a message of ICMP, of one family.
    case messageType(AddressFamily)
    /// Another field of ICMP: absent from other packets, else not known.
    case ofICMP
    /// `exists` or `missing`: a route back to the source.
    case reversePath(ReversePath, heedsMark: Bool)
    /// As `local`, `unicast`, `broadcast`.
    case addressType(Side)
    /// Unicast, broadcast or multicast.
    case packetType
    /// A number that the kernel draws: each value is possible.
    case random
    /// Always true.
    case constant
    /// A property that is not understood.
    case unknown(String)

    /// The two ends of a packet.
    enum Side: Hashable, Sendable { case source, destination }
    /// The two devices of a packet.
    enum Direction: Hashable, Sendable { case incoming, outgoing }

    /// The condition on a route back to the source.
    enum ReversePath: Hashable, Sendable {
        /// The route for packets to the source leaves by the incoming device (`rpfilter`).
        case strict
        /// Some route to the source leaves by the incoming device (`fib saddr . iif`).
        case throughDevice
        /// There is one (`rpfilter --loose`, `fib saddr`).
        case loose
    }

    /// True if it may change from packet to packet of a connection: chains of NAT mark the first one alone.
    var isOfConnection: Bool {
        switch self {
        case .connection, .flags, .mark: true
        default: false
        }
    }

    /// The properties of a connection.
    enum ConnectionKey: Hashable, Sendable { case state, status, direction }
}

/// A rule, or the policy of a chain, identified so that its owner can find it.
package struct RulePlace: Hashable, Sendable {
    /// The program that manages the table.
    package var owner: RuleOwner
    /// The family of the table.
    package var family: FilterFamily
    /// The table's name.
    package var table: String
    /// The chain's name.
    package var chain: String

    /// The handle (nft) or the number from 1 on (iptables); nil for a policy.
    package var number: Int?

    /// The rule, or `policy drop`.
    package var text: String

    /// The base chain from which jumps lead to `chain`.
    package var baseChain: String
    /// The hook of the base chain.
    package var hook: FilterHook.HookPoint
}

extension RulePlace: CustomStringConvertible {
    /// As in `nft table inet site, chain forward, handle 7: ip saddr 10.0.0.0/8 drop`.
    package var description: String {
        let place =
            switch owner {
            case .nft: "nft table \(family.rawValue) \(table), chain \(chain)"
            case .iptables(let program): "\(program) table \(table), chain \(chain)"
            }
        guard let number else { return "\(place), \(text)" }
        return place + (owner == .nft ? ", handle \(number): " : ", rule \(number): ") + text
    }
}
