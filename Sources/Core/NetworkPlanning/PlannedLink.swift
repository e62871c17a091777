package import NetworkModel

/// A link of a plan, before the host has been seen for what it stands on.
package struct PlannedLink: Hashable, Sendable {
    /// The link without its underlay and MTU.
    package var link: Link

    /// The device that the packets of a VXLAN device leave by; nil for other links.
    package var underlay: DeviceReference?
    package var mtu: PlannedMTU

    package init(_ link: Link, underlay: DeviceReference? = nil, mtu: PlannedMTU) {
        self.link = link
        self.underlay = underlay
        self.mtu = mtu
    }

    package var name: String { link.name }
}

/// The largest packet of a planned link.
package enum PlannedMTU: Hashable, Sendable {
    case octets(Int)
    /// What is left of the underlay's MTU after so many octets of encapsulation.
    case underlay(less: Int)

    /// In octets.
    ///
    /// - Parameter underlay: The underlay's MTU, in octets; nil: it is taken for 1500.
    package func octets(underlay: Int? = nil) -> Int {
        switch self {
        case .octets(let octets): octets
        case .underlay(let less): (underlay ?? 1500) - less
        }
    }
}

extension PlannedLink {
    /// What makes it, with the MTU of an underlay of 1500 octets.
    var commands: [Command] {
        link.commands(underlay: underlay.map { .device($0) }, mtu: mtu.octets())
    }
}
