package import NetworkModel

/// A link of a plan, before the host is observed for its underlay.
package struct PlannedLink: Hashable, Sendable {
    /// The link without its underlay and MTU.
    package var link: Link

    /// The device that the packets of a VXLAN device leave by; nil for other links.
    package var underlay: DeviceReference?
    /// Its MTU.
    package var mtu: PlannedMTU

    /// Creates a planned link.
    package init(_ link: Link, underlay: DeviceReference? = nil, mtu: PlannedMTU) {
        self.link = link
        self.underlay = underlay
        self.mtu = mtu
    }

    /// Its name.
    package var name: String { link.name }
}

/// The largest packet of a planned link.
package enum PlannedMTU: Hashable, Sendable {
    case octets(Int)
    /// The underlay's MTU minus these octets of encapsulation.
    case underlay(less: Int)
    /// That of the host's device with the largest one: what comes in by it goes on whole.
    case largest

    /// In octets.
    ///
    /// - Parameter underlay: The underlay's MTU, in octets; nil counts as 1500.
    package func octets(underlay: Int? = nil) -> Int {
        switch self {
        case .octets(let octets): octets
        case .underlay(let less): (underlay ?? 1500) - less
        case .largest: underlay ?? 1500
        }
    }
}

extension PlannedLink {
    /// The commands that make it, with the MTU for an underlay of 1500 octets.
    var commands: [Command] {
        link.commands(underlay: underlay.map { .device($0) }, mtu: mtu.octets())
    }
}
