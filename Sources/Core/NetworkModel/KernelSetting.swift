package import IPAddressing

/// A setting of the kernel for one device, as in `net.ipv4.conf.eth0.forwarding`.
package struct KernelSetting: Hashable, Sendable {
    package var family: AddressFamily

    /// `all` and `default` are names of devices here.
    package var device: DeviceReference
    package var name: Name

    /// The settings that forwarding depends on.
    package enum Name: String, Hashable, Sendable, CaseIterable {
        /// Packets that came in by the device are forwarded. With IPv6, only `all` forwards.
        case forwarding
        /// IPv6: forwards packets that came in by the device though `all` does not (Linux 6.17 and later).
        case forceForwarding = "force_forwarding"
        /// IPv4: 1 drops packets whose answer would leave by another device, 2 only those without a route
        /// back.
        case reversePathFilter = "rp_filter"
        /// IPv6: 2 keeps learning the default route from the router although the host forwards.
        case acceptRouterAdvertisements = "accept_ra"
    }

    package init(family: AddressFamily, device: DeviceReference, name: Name) {
        self.family = family
        self.device = device
        self.name = name
    }
}

extension KernelSetting: CustomStringConvertible {
    /// As `sysctl` writes it; dots in a device's name are slashes there.
    package var description: String {
        let text =
            if let name = device.name {
                name.split(separator: ".", omittingEmptySubsequences: false).joined(separator: "/")
            } else { device.description }
        return "net.ip\(family).conf.\(text).\(name.rawValue)"
    }

    /// Reads the key of a line of `sysctl`; nil for a setting that nothing here depends on.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "net", parts[2] == "conf",
            let name = Name(rawValue: String(parts[4]))
        else { return nil }
        switch parts[1] {
        case "ipv4": family = .v4
        case "ipv6": family = .v6
        default: return nil
        }
        device = .named(
            parts[3].split(separator: "/", omittingEmptySubsequences: false).joined(separator: "."))
        self.name = name
    }
}
