package import IPAddressing

/// A network device of a host, by its name or, before the host has been seen, by what distinguishes it.
package enum DeviceReference: Hashable, Sendable {
    /// The device of this name.
    case named(String)
    /// The device that carries this address.
    case carrying(IPAddress)
    /// Every device that the host sends packets to this prefix out of.
    case toward(IPPrefix)

    /// The name; nil if the host must be observed first.
    package var name: String? {
        guard case .named(let name) = self else { return nil }
        return name
    }
}

extension Command.Argument {
    /// The name of a device as an argument.
    package static func device(_ device: DeviceReference) -> Command.Argument {
        device.name.map { .word($0) } ?? .unresolved(before: "", device, after: "")
    }
}

extension DeviceReference: CustomStringConvertible {
    /// The name, or what to look for between angle brackets.
    package var description: String {
        switch self {
        case .named(let name): name
        case .carrying(let address): "<device of \(address)>"
        case .toward(let prefix): "<device to \(prefix)>"
        }
    }
}
