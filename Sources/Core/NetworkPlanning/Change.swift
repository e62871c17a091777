package import NetworkModel

/// One object of the kernel that we make, or that was made by hand for the same purpose.
package enum NetworkObject: Hashable, Sendable {
    case link(Link)
    case address(InterfaceAddress)
    case route(Route)
    /// A numbered next hop, or a group of such.
    case nextHop(NextHopObject)
    case neighbour(Neighbour)
    case forwardingEntry(ForwardingEntry)
    /// A further entry for an Ethernet address that has one, which sends each packet twice.
    case extraForwardingEntry(ForwardingEntry)
    /// A policy rule of routing.
    case policyRule(PolicyRule)
    /// A network namespace without anything but its loopback device; it goes with all that is in it.
    case namespace(String)
    /// A whole table of nftables.
    case table(FilterTable)
    /// A rule in a chain of another program, added with the tool of that chain.
    case iptablesRule(IPTablesRule)
}

/// What a step does; each change has an inverse.
package indirect enum Change: Hashable, Sendable {
    /// A rule of iptables is put first in its chain.
    case add(NetworkObject)
    /// Deletes an object.
    case remove(NetworkObject)
    /// Both name the same object: a link by its name, a route by its destination, a table by its name.
    case replace(NetworkObject, with: NetworkObject)
    /// Changes a setting.
    case set(KernelSetting, from: Int, to: Int)
    /// Deletes the translation of earlier connections; it cannot and need not be undone.
    case forget(ConnectionRange)
    /// A change in the network namespace of that name.
    case inside(String, Change)

    /// The inverse of the change.
    package var inverse: Change {
        switch self {
        case .add(let object): .remove(object)
        case .remove(let object): .add(object)
        case .replace(let old, let new): .replace(new, with: old)
        case .set(let setting, let old, let new): .set(setting, from: new, to: old)
        case .forget: self
        case .inside(let namespace, let change): .inside(namespace, change.inverse)
        }
    }
}

/// A change and why it is made.
package struct Step: Hashable, Sendable {
    /// The change.
    package var change: Change
    /// The path that needs it, or another reason.
    package var because: String

    /// Creates a step.
    package init(_ change: Change, because: String) {
        self.change = change
        self.because = because
    }

    /// The step that undoes it.
    package var inverse: Step { Step(change.inverse, because: because) }
}
