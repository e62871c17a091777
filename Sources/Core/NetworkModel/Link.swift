package import IPAddressing
package import Inventory

/// A network device of a host.
package struct Link: Hashable, Sendable {
    /// 1...15 octets.
    package var name: String
    /// What kind of device it is.
    package var kind: LinkKind

    /// The largest packet, in octets; nil in a desired link: the kernel's own choice.
    package var mtu: Int?
    /// The Ethernet address.
    package var mac: MACAddress?
    /// True if it is switched on.
    package var isUp: Bool

    /// The text that says who owns the device (`ip link set alias`).
    package var alias: String?

    /// The bridge that it is a port of.
    package var master: String?

    /// Creates a link.
    package init(
        name: String, kind: LinkKind, mtu: Int? = nil, mac: MACAddress? = nil, isUp: Bool = true,
        alias: String? = nil, master: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.mtu = mtu
        self.mac = mac
        self.isUp = isUp
        self.alias = alias
        self.master = master
    }

    /// True if its alias says that we made it; the kernel makes `lo`, whose alias marks a namespace.
    package var isOurs: Bool { name != "lo" && hasTag }

    /// True for a device of a VXLAN segment.
    package var isMesh: Bool { if case .vxlan = kind { true } else { false } }

    /// True if its alias begins with our tag.
    var hasTag: Bool { alias?.hasPrefix(Ownership.tag) == true }
}

/// The kind of a network device.
package enum LinkKind: Hashable, Sendable {
    /// A VXLAN device.
    case vxlan(VXLANLink)
    /// One end of a pair whose other end is in one of our network namespaces.
    case veth(VethLink)
    /// As `ip -d link` names it (`veth`, `bridge`, `ipip`); empty for hardware.
    case other(String)
}

/// A VXLAN device without learning (RFC 7348).
package struct VXLANLink: Hashable, Sendable {
    /// 1...16777215.
    package var id: Int
    /// The UDP port.
    package var port: Int

    /// The source of the encapsulated packets.
    package var local: IPAddress?

    /// The device that the encapsulated packets leave by.
    package var underlay: String?

    /// True if the device adds senders to its forwarding table by itself.
    package var isLearning: Bool

    /// Creates a VXLAN link.
    package init(id: Int, port: Int, local: IPAddress?, underlay: String?, isLearning: Bool = false) {
        self.id = id
        self.port = port
        self.local = local
        self.underlay = underlay
        self.isLearning = isLearning
    }
}

/// A pair of devices that are joined by a cable: one on the host, one in a network namespace.
package struct VethLink: Hashable, Sendable {
    /// The namespace that the other end is in.
    package var namespace: String

    /// Creates a veth link.
    package init(namespace: String) { self.namespace = namespace }

    /// The name of the other end.
    package static let peer = "nb0"
}

/// How a restarted process recognises its own objects without a memory of them.
package enum Ownership {
    /// The start of the alias of each link, and of the comment of each of our rules in a foreign chain.
    package static let tag = "namebridge: "

    /// The protocol number of our routes and rules: `N`, which is in no registry of routing daemons.
    package static let routeProtocol = 78

    /// The name of our one nft table, of family `inet`.
    package static let table = "namebridge"

    /// Begins the name of each network namespace of ours; its `lo` has the tag as alias.
    package static let namespacePrefix = "nb-"
}
