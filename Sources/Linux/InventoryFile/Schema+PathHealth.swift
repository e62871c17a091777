import IPAddressing
import Inventory

extension Keys {
    /// `on-down` and `probe` of a path.
    mutating func pathHealth() -> PathHealthSettings {
        var health = PathHealthSettings()
        var onDown: OnDown?
        read("on-down", into: &onDown, .word)
        health.onDown = onDown
        health.probe = value(of: "probe") { $0.probeSettings() }
        return health
    }
}

extension Field {
    /// `off`, or a mapping.
    fileprivate func probeSettings() -> ProbeSettings? {
        if case .scalar(let text) = node.content {
            guard text == "off" else {
                fail(expected: "off, or a mapping with every, fail, rise, hold, targets")
                return nil
            }
            return ProbeSettings(isOn: false)
        }
        return mapping { keys in
            var probe = ProbeSettings()
            keys.read("every", into: &probe.every, .duration)
            keys.read("fail", into: &probe.fail, .integer(2...20, "a number of probes"))
            keys.read("rise", into: &probe.rise, .integer(1...20, "a number of probes"))
            keys.read("hold", into: &probe.hold, .duration)
            keys.read("targets", into: &probe.targets) { $0.list(of: .probeTarget) }
            return probe
        }
    }
}

extension Scalar where Value == Endpoint {
    /// An address with a TCP port.
    fileprivate static var probeTarget: Scalar {
        Scalar(expected: "ADDRESS:PORT, an IPv6 address as [ADDRESS]:PORT") { text in
            let endpoint = Endpoint(text, defaultPort: 0)
            return Reading(endpoint.flatMap { $0.port == 0 ? nil : $0 })
        }
    }
}
