package import IPAddressing
package import Inventory

/// A permanent entry of the neighbour table: which Ethernet address an address has on a device (ARP, ND).
package struct Neighbour: Hashable, Sendable {
    package var device: String
    package var address: IPAddress
    package var mac: MACAddress

    package init(device: String, address: IPAddress, mac: MACAddress) {
        self.device = device
        self.address = address
        self.mac = mac
    }
}

extension Neighbour: CustomStringConvertible {
    /// As `ip neigh replace` takes it.
    package var description: String {
        var writer = LineWriter()
        write(to: &writer)
        return writer.text
    }

    package func write(to writer: inout LineWriter) {
        writer.write(address)
        writer.write(" lladdr ")
        writer.write(mac)
        writer.write(" dev ")
        writer.write(device)
        writer.write(" nud permanent")
    }
}

/// An address of a connected network that was asked for its Ethernet address (ARP, ND) and has not answered
/// yet. Anybody's is for a moment when the first packet goes to it.
package struct UnresolvedNeighbour: Hashable, Sendable {
    package var device: String
    package var address: IPAddress

    package init(device: String, address: IPAddress) {
        self.device = device
        self.address = address
    }
}

/// A permanent entry of a VXLAN device's forwarding table: behind which host an Ethernet address is.
package struct ForwardingEntry: Hashable, Sendable {
    package var device: String
    package var mac: MACAddress

    /// The outer destination of the encapsulated packets.
    package var destination: IPAddress

    package init(device: String, mac: MACAddress, destination: IPAddress) {
        self.device = device
        self.mac = mac
        self.destination = destination
    }
}

extension ForwardingEntry: CustomStringConvertible {
    /// As `bridge fdb replace` takes it.
    package var description: String {
        var writer = LineWriter()
        write(to: &writer)
        return writer.text
    }

    package func write(to writer: inout LineWriter) {
        writer.write(mac)
        writer.write(" dev ")
        writer.write(device)
        writer.write(" dst ")
        writer.write(destination)
        writer.write(" self permanent")
    }
}
