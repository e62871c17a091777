package import IPAddressing

/// A rule of the routing policy database: which packets use which table.
package struct PolicyRule: Hashable, Sendable {
    /// The family.
    package var family: AddressFamily

    /// The lowest applies first.
    package var priority: Int

    /// Nil: any.
    package var source: IPPrefix?
    /// Nil: any.
    package var destination: IPPrefix?
    /// The incoming device; nil: any.
    package var inDevice: String?
    /// The outgoing device of the host's own packets; nil: any.
    package var outDevice: String?
    /// The packet's mark; nil: any.
    package var mark: Mark?

    /// As in `icmp`: what the packet carries.
    package var transport: String?

    /// True if it is for packets that the conditions do not hold for (`ip rule add not ...`).
    package var isInverted = false

    /// Routes whose prefixes are no longer than this do not count; nil if all count.
    package var suppressedPrefixLength: Int?

    /// The action for packets that match.
    package var action: Action

    /// The protocol number of the program that made it; 0 if unknown.
    package var ruleProtocol: Int

    /// The bits of the packet's mark that are compared, and their value.
    package struct Mark: Hashable, Sendable {
        /// The bits that the packet's mark must have.
        package var value: UInt32
        /// The bits that are compared.
        package var mask: UInt32

        /// Creates a mark.
        package init(value: UInt32, mask: UInt32 = .max) {
            self.value = value
            self.mask = mask
        }
    }

    /// What a rule does.
    package enum Action: Hashable, Sendable {
        /// Looks for a route in this table.
        case lookup(table: Int)
        /// Another one, as `ip rule` prints it.
        case other(String)
    }

    /// Creates a policy rule.
    package init(
        family: AddressFamily, priority: Int, source: IPPrefix? = nil, destination: IPPrefix? = nil,
        inDevice: String? = nil, outDevice: String? = nil, mark: Mark? = nil, action: Action,
        ruleProtocol: Int = Ownership.routeProtocol
    ) {
        self.family = family
        self.priority = priority
        self.source = source
        self.destination = destination
        self.inDevice = inDevice
        self.outDevice = outDevice
        self.mark = mark
        self.action = action
        self.ruleProtocol = ruleProtocol
    }

    /// True if its protocol number is ours.
    package var isOurs: Bool { ruleProtocol == Ownership.routeProtocol }
}

extension PolicyRule: CommandObject {
    /// As `ip rule add` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        func add(_ words: String...) { for word in words { writer.add(word) } }
        if isInverted { add("not") }
        add("from", source?.description ?? "all")
        if let destination { add("to", destination.description) }
        if let mark { add("fwmark", mark.description) }
        if let inDevice { add("iif", inDevice) }
        if let outDevice { add("oif", outDevice) }
        if let transport { add("ipproto", transport) }
        switch action {
        case .lookup(let table): add("lookup", String(table))
        case .other(let word): add(word)
        }
        if let suppressedPrefixLength { add("suppress_prefixlength", String(suppressedPrefixLength)) }
        add("priority", String(priority))
        if ruleProtocol != 0 { add("protocol", String(ruleProtocol)) }
    }
}

extension PolicyRule.Mark: CustomStringConvertible {
    /// As `ip rule` takes it.
    package var description: String {
        "0x" + String(value, radix: 16) + (mask == .max ? "" : "/0x" + String(mask, radix: 16))
    }
}
