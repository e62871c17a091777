import DNSWire
import Inventory

extension SpecialName {
    /// The answer for the name and those below it.
    var zone: LocalZone {
        switch self {
        case .localhost: LocalZone(names: .loopback)
        case .test, .invalid, .onion, .alt: LocalZone(names: .denied, reason: Self.reason)
        case .home: LocalZone(names: .empty(isOnTheWay: false), reason: Self.reason)
        // RFC 9462 section 4: no data means that there are no designated resolvers.
        case .resolver: LocalZone(names: .withoutData, reason: Self.reason)
        case .canary: LocalZone(names: .denied, reason: Self.canaryReason)
        }
    }

    /// The reason of most zones.
    private static let reason = ExtendedError(
        .synthesized, "this name is not for the DNS of the Internet: it is answered here")
    /// The reason of the canary domain.
    private static let canaryReason = ExtendedError(
        .synthesized, "denied here, so that browsers ask this network's DNS")
}
