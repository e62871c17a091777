package import NetworkModel

/// One object of the kernel that we make, or that a hand has made in our stead.
package enum NetworkObject: Hashable, Sendable {
    case link(Link)
    case address(InterfaceAddress)
    case route(Route)
    case neighbour(Neighbour)
    case forwardingEntry(ForwardingEntry)
    /// A further entry for an Ethernet address that has one, which sends each packet twice.
    case extraForwardingEntry(ForwardingEntry)
    case policyRule(PolicyRule)
    /// A whole table of nftables.
    case table(FilterTable)
    /// A rule in a chain that is somebody else's, through the owner's own tool.
    case iptablesRule(IPTablesRule)
}

/// What a step does; each can be taken back by its inverse.
package enum Change: Hashable, Sendable {
    /// A rule of iptables is put first in its chain.
    case add(NetworkObject)
    case remove(NetworkObject)
    /// Both name the same object: a link by its name, a route by its destination, a table by its name.
    case replace(NetworkObject, with: NetworkObject)
    case set(KernelSetting, from: Int, to: Int)
    /// Forgets the translation of connections that began before; it cannot and need not be taken back.
    case forget(ConnectionRange)

    /// What undoes the change.
    package var inverse: Change {
        switch self {
        case .add(let object): .remove(object)
        case .remove(let object): .add(object)
        case .replace(let old, let new): .replace(new, with: old)
        case .set(let setting, let old, let new): .set(setting, from: new, to: old)
        case .forget: self
        }
    }
}

/// A change and why it is made.
package struct Step: Hashable, Sendable {
    package var change: Change
    package var because: String

    package init(_ change: Change, because: String) {
        self.change = change
        self.because = because
    }

    package var inverse: Step { Step(change.inverse, because: because) }
}
