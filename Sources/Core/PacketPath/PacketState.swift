import IPAddressing
import NetworkModel

/// Bits, some of which may be unknown.
struct PartlyKnown: Hashable, Sendable {
    /// Unknown bits are 0.
    private(set) var value: UInt32

    /// 1 for each known bit.
    private(set) var known: UInt32

    init(_ value: UInt32, known: UInt32 = .max) {
        self.value = value & known
        self.known = known
    }

    /// The bits that are certain if the value is either this or `other`.
    func merged(_ other: PartlyKnown) -> PartlyKnown {
        PartlyKnown(value, known: known & other.known & ~(value ^ other.value))
    }

    /// The bits after a change of the mark.
    func changed(_ change: MarkChange, copying other: PartlyKnown) -> PartlyKnown {
        switch change {
        case .bits(let keep, let change): PartlyKnown((value & keep) ^ change, known: known | ~keep)
        case .copy(let mask):
            PartlyKnown(
                (value & ~mask) ^ (other.value & mask), known: (known & ~mask) | (other.known & mask))
        case .unknown: PartlyKnown(0, known: 0)
        }
    }

    /// The masked bits; nil if one of them is unknown.
    func masked(_ mask: UInt32) -> UInt32? { known & mask == mask ? value & mask : nil }
}

/// A flow at one point of its path.
struct PacketState: Hashable, Sendable {
    /// The flow that the packet belongs to.
    var flow: Flow
    /// The packet at this point.
    var packet: Packet
    /// The hook at this point.
    var hook: FilterHook.HookPoint
    /// The packet's mark.
    var mark: PartlyKnown
    /// The connection's mark.
    var connectionMark: PartlyKnown
    /// False once a rule has excluded it from connection tracking.
    var isTracked = true

    /// The first rule that may have changed a mark on an unknown condition.
    var cause: RulePlace?

    /// What chains of NAT may have decided at this hook: one outcome, or several if the kernel draws one or a
    /// condition is unknown.
    var translations: Set<PossibleTranslation> = [.none]

    /// An outcome of the chains of NAT at one hook.
    enum PossibleTranslation: Hashable, Sendable {
        /// The addresses stay.
        case none
        /// The rule at the place translates a packet with these marks: those of other choices may differ.
        case by(Translation, at: RulePlace, Marks)
    }

    /// The marks of a packet and its connection.
    struct Marks: Hashable, Sendable {
        /// The packet's mark.
        var packet: PartlyKnown
        /// The connection's mark.
        var connection: PartlyKnown
    }

    /// The marks at this point.
    var marks: Marks {
        get { Marks(packet: mark, connection: connectionMark) }
        set { (mark, connectionMark) = (newValue.packet, newValue.connection) }
    }

    init(_ flow: Flow, at hook: FilterHook.HookPoint) {
        self.flow = flow
        self.hook = hook
        packet = flow.packet
        mark = PartlyKnown(flow.mark)
        // A new connection has none; the mark of an older one is unknown.
        connectionMark = flow.state == .new ? PartlyKnown(0) : PartlyKnown(0, known: 0)
    }

    /// The state that is certain if it is either this or `other`, which is at the same point.
    func merged(_ other: PacketState?) -> PacketState {
        guard let other else { return self }
        var state = self
        state.mark = mark.merged(other.mark)
        state.connectionMark = connectionMark.merged(other.connectionMark)
        state.isTracked = isTracked && other.isTracked
        state.cause = cause ?? other.cause
        state.translations.formUnion(other.translations)
        return state
    }
}

/// Whether a condition holds.
enum Holding: Hashable, Sendable {
    /// True, false, or not known.
    case yes, no, unknown

    init(_ truth: Bool) { self = truth ? .yes : .no }

    /// The negation; not known stays so.
    var negated: Holding {
        switch self {
        case .yes: .no
        case .no: .yes
        case .unknown: .unknown
        }
    }
}

/// A packet's value of a key.
enum PacketValue: Hashable, Sendable {
    /// An address.
    case address(IPAddress)
    /// A number, such as a port.
    case number(UInt64)
    /// A word, such as a device's name.
    case word(String)
    /// Several words of which each may match.
    case words(Set<String>)
    /// The packet has no value: a condition on it does not match, negated or not.
    case absent
    /// A value that is not known.
    case unknown
}

extension Pattern {
    /// Whether a value matches the pattern.
    func matches(_ value: PacketValue) -> Holding {
        switch (self, value) {
        case (_, .unknown), (.unknown, _): .unknown
        case (.any, _): .yes
        case (.prefix(let prefix), .address(let address)): Holding(prefix.contains(address))
        case (.addresses(let range), .address(let address)):
            Holding(address.family == range.lowerBound.family && range.contains(address))
        case (.numbers(let range), .number(let number)): Holding(range.contains(number))
        case (.word(let word), .word(let name)):
            Holding(word.hasSuffix("*") ? name.hasPrefix(word.dropLast()) : word == name)
        case (.word(let word), .words(let words)): Holding(words.contains(word))
        default: .no
        }
    }
}
