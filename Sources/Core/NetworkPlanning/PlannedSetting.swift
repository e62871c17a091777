package import IPAddressing
package import NetworkModel

/// A setting of the kernel and its planned value, before the host is observed for its device.
package struct PlannedSetting: Hashable, Sendable {
    /// What is set.
    package var setting: Subject
    /// The planned value.
    package var value: Int

    /// A setting of a device that has no name yet.
    package struct Subject: Hashable, Sendable {
        /// The family that it is for.
        package var family: AddressFamily
        /// The device that it is for.
        package var device: DeviceReference
        /// Which setting of the device.
        package var name: KernelSetting.Name

        /// Creates a subject.
        package init(family: AddressFamily, device: DeviceReference, name: KernelSetting.Name) {
            self.family = family
            self.device = device
            self.name = name
        }

        /// The setting of the device called `device`.
        package func named(_ device: String) -> KernelSetting {
            KernelSetting(family: family, device: device, name: name)
        }
    }

    /// Creates a planned setting.
    package init(_ setting: Subject, _ value: Int) {
        self.setting = setting
        self.value = value
    }
}

/// A setting for hosts on which the device `tunnel` exists and has no IPv4 address.
package struct BareTunnelSetting: Hashable, Sendable {
    /// The tunnel without an address.
    package var tunnel: String
    /// The planned value.
    package var value: PlannedSetting

    /// Creates a bare tunnel setting.
    package init(tunnel: String, _ value: PlannedSetting) {
        self.tunnel = tunnel
        self.value = value
    }
}

extension PlannedSetting {
    /// The commands that set it.
    var command: Command {
        let assignment: Command.Argument
        if let device = setting.device.name ?? (setting.name.isOfHost ? "all" : nil) {
            assignment = "\(setting.named(device))=\(value)"
        } else {
            assignment = .unresolved(
                before: "net.ip\(setting.family).conf.", setting.device,
                after: ".\(setting.name.rawValue)=\(value)")
        }
        return Command(.sysctl, ["-w", assignment])
    }
}
