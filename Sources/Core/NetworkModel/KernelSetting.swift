package import IPAddressing

/// A setting of the kernel for one device, as in `net.ipv4.conf.eth0.forwarding`, or for the host.
package struct KernelSetting: Hashable, Sendable {
    /// The family whose packets it is for.
    package var family: AddressFamily

    /// `all` and `default` are names of devices here; settings of the host are those of `all`.
    package var device: String
    /// Which setting it is.
    package var name: Name

    /// The settings that forwarding depends on.
    package enum Name: String, Hashable, Sendable, CaseIterable {
        /// Packets that came in by the device are forwarded. With IPv6, only `all` forwards.
        case forwarding
        /// IPv6: forwards packets that came in by the device though `all` does not (Linux 6.17 and later).
        case forceForwarding = "force_forwarding"
        /// IPv4: 1 drops packets whose answer would leave by another device, 2 only those without a
        /// route back.
        case reversePathFilter = "rp_filter"
        /// IPv4: 1 looks up the way back of a packet with the packet's mark.
        case sourceValidMark = "src_valid_mark"
        /// IPv4: 1 takes packets with one of the host's own addresses as their source.
        case acceptLocal = "accept_local"
        /// IPv4: 0 tells no sender of a shorter way. That of all devices counts as well.
        case sendRedirects = "send_redirects"
        /// IPv6: 2 keeps learning the default route from the router although the host forwards.
        case acceptRouterAdvertisements = "accept_ra"
        /// Of the host: how one of several next hops is chosen. 1 uses addresses, protocol and ports; 3
        /// only addresses and protocol (Linux 5.14 and later); 0 addresses, and IPv6's flow label, which TCP
        /// changes when a packet is lost.
        case multipathHashPolicy = "fib_multipath_hash_policy"
        /// Of the host, and never changed: the fields of policy 3. A kernel without it has no policy 3.
        case multipathHashFields = "fib_multipath_hash_fields"

        /// Of the host: 1 gives what the kernel itself sends about a packet (ICMP errors, echo replies,
        /// resets) the packet's mark.
        case markReflection = "fwmark_reflect"

        /// True for a setting that no device has.
        package var isOfHost: Bool {
            switch self {
            case .multipathHashPolicy, .multipathHashFields, .markReflection: true
            default: false
            }
        }
    }

    /// True for a setting that no device has.
    package var isOfHost: Bool { name.isOfHost }

    /// The setting whose writing also writes this one: `net.ipv4.ip_forward` writes each device's. Nil if
    /// there is none.
    package var overwriting: KernelSetting? {
        guard family == .v4, name == .forwarding, device != "all", device != "default" else {
            return nil
        }
        return KernelSetting(family: .v4, device: "all", name: .forwarding)
    }

    /// Creates a kernel setting.
    package init(family: AddressFamily, device: String, name: Name) {
        self.family = family
        self.device = device
        self.name = name
    }
}

extension KernelSetting: CustomStringConvertible {
    /// As `sysctl` writes it; dots in a device's name are slashes there.
    package var description: String {
        if isOfHost { return "net.ip\(family).\(name.rawValue)" }
        let device = device.split(separator: ".", omittingEmptySubsequences: false).joined(separator: "/")
        return "net.ip\(family).conf.\(device).\(name.rawValue)"
    }

    /// The number that a setting's file holds: decimal, or hexadecimal after `0x`; nil for anything else.
    package static func number(_ text: some StringProtocol) -> Int? {
        text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
    }

    /// Parses the key of a line of `sysctl`; nil for a setting that is not used here.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isOfHost = parts.count == 3
        guard isOfHost || parts.count == 5 && parts[2] == "conf", parts[0] == "net",
            let name = Name(rawValue: String(parts[parts.count - 1])),
            isOfHost == name.isOfHost
        else { return nil }
        switch parts[1] {
        case "ipv4": family = .v4
        case "ipv6": family = .v6
        default: return nil
        }
        let named = isOfHost ? "all" : parts[3]
        device = named.split(separator: "/", omittingEmptySubsequences: false).joined(separator: ".")
        self.name = name
    }
}
