package import IPAddressing

/// An address on a device, with the length of the network that it is connected to.
package struct InterfaceAddress: Hashable, Sendable {
    /// The device's name.
    package var device: String
    /// The address.
    package var address: IPAddress

    /// 0...32 or 0...128.
    package var length: Int

    /// Creates an interface address.
    package init(device: String, address: IPAddress, length: Int) {
        self.device = device
        self.address = address
        self.length = length
    }

    /// The network that the address connects the host to.
    package var network: IPPrefix {
        IPPrefix(around: address, length: length) ?? IPPrefix(only: address)
    }

    /// True for `fe80::/10`, which the kernel gives to each device by itself.
    package var isLinkLocal: Bool { address.family == .v6 && address.bits >> 118 == 0x3FA }
}

extension InterfaceAddress: CommandObject {
    /// As `ip addr add` takes it.
    package func write(to writer: inout some ArgumentWriter) {
        writer.add("\(address)/\(length)")
        writer.add("dev")
        writer.add(device)
    }
}

extension InterfaceAddress {
    /// The route to its network that the kernel makes with it; nil for an address alone.
    package var connectedRoute: Route? {
        guard length < address.family.bitWidth else { return nil }
        return Route(
            destination: network, routeProtocol: 2, metric: address.family == .v4 ? 0 : 256,
            nextHops: [NextHop(gateway: nil, device: device)], source: address.family == .v4 ? address : nil)
    }
}
