import IPAddressing
package import NetworkModel

/// A table of rules of packets, whichever program made it.
struct RuleTable: Sendable {
    /// `ip`, `ip6`, `inet` or `netdev`.
    let family: FilterFamily
    let name: String
    let owner: RuleOwner

    /// False if the table is known to be asleep: its chains are in no packet's way.
    var isAwake = true
    var chains: [String: RuleChain] = [:]

    /// Named sets and maps.
    var sets: [String: RuleSet] = [:]
}

/// Who has a table, and so the language that it is spoken of in.
package enum RuleOwner: Hashable, Sendable {
    case nft
    case iptables(program: String)
}

/// A chain of a table.
struct RuleChain: Sendable {
    let name: String
    var hook: RuleHook?
    var rules: [PacketRule] = []

    /// False if the chain is known by name alone.
    var isRead = true
}

/// Where a base chain is called.
struct RuleHook: Hashable, Sendable {
    var isNAT: Bool
    var point: FilterHook.HookPoint
    var priority: Int
    var acceptsByDefault: Bool

    /// Nil but at the hooks of single devices.
    var devices: [String]?
}

/// A rule: statements one after the other, up to the first condition that does not hold.
struct PacketRule: Sendable {
    var statements: [Statement]

    /// What names it: its handle (nft), or its number in the chain from 1 on (iptables).
    var number: Int?

    /// True for a rule of ours in a foreign chain.
    var isOurs = false

    /// In the words of its program, made only if it is told.
    var text: @Sendable () -> String
}

/// A part of a rule.
indirect enum Statement: Sendable {
    case condition(Condition)
    case mark(MarkChange, isOfConnection: Bool)
    case untrack
    case verdict(RuleVerdict)
    /// The verdict that a map gives for the values of the keys.
    case lookup([PacketKey], RuleSet)
    /// Nothing that decides on the packet: counters, logs.
    case nothing
    /// What it does with the packet is not known.
    case unknown(String)
}

/// What a rule decides.
enum RuleVerdict: Hashable, Sendable {
    case accept, drop, `return`
    case jump(String)
    case goto(String)
    /// Another program decides.
    case undecided(String)
}

/// Sets a mark: `(old & keep) ^ change`, or a copy of the other mark.
enum MarkChange: Hashable, Sendable {
    case bits(keep: UInt32, change: UInt32)
    /// The bits of the mask come from the packet's or the connection's mark.
    case copy(mask: UInt32)
    case unknown
}

/// A comparison of what a packet has with a set of values.
struct Condition: Sendable {
    var keys: [PacketKey]
    var set: RuleSet
    var isNegated = false
}

/// Values that a packet's may be among.
enum RuleSet: Sendable {
    /// Each element has a pattern for each key, and in a map a verdict.
    case elements([Element])
    /// One of the table's own sets.
    case named(String)
    /// Elements that could not be read.
    case unknown(String)

    struct Element: Sendable {
        var patterns: [Pattern]
        var verdict: RuleVerdict?
    }
}

/// Values that one key may have.
enum Pattern: Hashable, Sendable {
    case prefix(IPPrefix)
    case addresses(ClosedRange<IPAddress>)
    case numbers(ClosedRange<UInt64>)
    /// A word, or the name of a device, whose last character may be `*`.
    case word(String)
    case any
    case unknown
}

/// What can be asked of a packet.
enum PacketKey: Hashable, Sendable {
    /// Nil as family: any.
    case address(Side, AddressFamily?)
    /// Nil as transport: any that has ports.
    case port(Side, transport: String?)
    case originalAddress(Side)
    case originalPort(Side)
    case transport
    case family
    case device(Direction)
    case mark(mask: UInt32, isOfConnection: Bool)
    case connection(ConnectionKey)
    /// The flags of TCP under a mask.
    case flags(mask: Int)
    /// Never there: a packet of ICMP is asked of alone.
    case ofICMP
    /// `exists` or `missing`: a route back to the source.
    case reversePath(ReversePath, heedsMark: Bool)
    /// As `local`, `unicast`, `broadcast`.
    case addressType(Side)
    case packetType
    /// Always true.
    case constant
    case unknown(String)

    enum Side: Hashable, Sendable { case source, destination }
    enum Direction: Hashable, Sendable { case incoming, outgoing }

    /// What a route back to the source must be.
    enum ReversePath: Hashable, Sendable {
        /// The one that packets to the source take leads through the incoming device (`rpfilter`).
        case strict
        /// Some route to the source leads through the incoming device (`fib saddr . iif`).
        case throughDevice
        /// There is one (`rpfilter --loose`, `fib saddr`).
        case loose
    }

    enum ConnectionKey: Hashable, Sendable { case state, status, direction }
}

/// A rule, or the policy of a chain, by what its owner finds it by.
package struct RulePlace: Hashable, Sendable {
    package var owner: RuleOwner
    package var family: FilterFamily
    package var table: String
    package var chain: String

    /// The handle (nft) or the number from 1 on (iptables); nil for a policy.
    package var number: Int?

    /// The rule, or `policy drop`.
    package var text: String

    /// The chain that the kernel calls, from which jumps lead to `chain`.
    package var baseChain: String
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
