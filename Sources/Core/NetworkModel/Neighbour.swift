package import IPAddressing
package import Inventory

/// A permanent entry of the neighbour table: the Ethernet address of an IP address on a device (ARP, ND).
package struct Neighbour: Hashable, Sendable {
    /// The device's name.
    package var device: String
    /// The address.
    package var address: IPAddress
    /// The Ethernet address that it has.
    package var mac: MACAddress

    /// Creates a neighbour.
    package init(device: String, address: IPAddress, mac: MACAddress) {
        self.device = device
        self.address = address
        self.mac = mac
    }
}

extension Neighbour: CommandObject {
    /// As `ip neigh replace` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add(address)
        writer.add(keyword: "lladdr")
        writer.add(mac)
        writer.add(keyword: "dev")
        writer.add(device)
        writer.add(keyword: "nud")
        writer.add(keyword: "permanent")
    }
}

/// An address of a connected network that was asked for its Ethernet address (ARP, ND) and has not answered
/// yet. Every address is one for a moment when the first packet is sent to it.
package struct UnresolvedNeighbour: Hashable, Sendable {
    /// The device's name.
    package var device: String
    /// The address.
    package var address: IPAddress

    /// Creates an unresolved neighbour.
    package init(device: String, address: IPAddress) {
        self.device = device
        self.address = address
    }
}

/// An address of a connected network that has answered, now or a while ago.
package struct LivingNeighbour: Hashable, Sendable {
    /// The name of the device that it is behind.
    package var device: String
    /// The neighbour's address.
    package var address: IPAddress

    /// Creates a living neighbour.
    package init(device: String, address: IPAddress) {
        self.device = device
        self.address = address
    }
}

/// A permanent entry of a VXLAN device's forwarding table: the host that an Ethernet address is at.
package struct ForwardingEntry: Hashable, Sendable {
    /// The device's name.
    package var device: String
    /// The inner Ethernet address.
    package var mac: MACAddress

    /// The outer destination of the encapsulated packets.
    package var destination: IPAddress

    /// Creates a forwarding entry.
    package init(device: String, mac: MACAddress, destination: IPAddress) {
        self.device = device
        self.mac = mac
        self.destination = destination
    }
}

extension ForwardingEntry {
    /// True if it is for all Ethernet addresses without an entry.
    package var isForUnknown: Bool { mac.bits == 0 }
}

extension ForwardingEntry: CommandObject {
    /// As `bridge fdb replace` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add(mac)
        writer.add(keyword: "dev")
        writer.add(device)
        writer.add(keyword: "dst")
        writer.add(destination)
        writer.add(keyword: "self")
        writer.add(keyword: "permanent")
    }
}
