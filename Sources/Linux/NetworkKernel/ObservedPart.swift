package import IPAddressing
import NetworkModel
import NetworkPlanning

/// A part of a host's state that can be read by itself.
package enum ObservedPart: Hashable, Sendable {
    /// The routes of a family, in all tables.
    case routes(AddressFamily)
    /// Numbered next hops, and the routes that name them.
    case nextHops
    /// Neighbours and forwarding entries.
    case neighbours

    /// The parts that `steps` change; nil if they change others too.
    static func changed(by steps: [Step]) -> Set<ObservedPart>? {
        var parts: Set<ObservedPart> = []
        for step in steps {
            switch step.change {
            case .add(let object), .remove(let object), .replace(_, with: let object):
                guard let part = Self(of: object) else { return nil }
                parts.insert(part)
            case .set, .forget, .inside: return nil
            }
        }
        return parts
    }

    /// The part that an object is in; nil if it can't be read by itself.
    private init?(of object: NetworkObject) {
        switch object {
        case .route(let route): self = .routes(route.destination.family)
        case .nextHop: self = .nextHops
        case .neighbour, .forwardingEntry, .extraForwardingEntry: self = .neighbours
        case .link, .address, .policyRule, .namespace, .table, .iptablesRule: return nil
        }
    }

    /// The part that an event is of; nil if that can't be read by itself.
    init?(of event: KernelEvent) {
        guard !event.isElsewhere else { return nil }
        switch event.subject {
        case .route(let prefix, _): self = .routes(prefix.family)
        case .nextHop: self = .nextHops
        case .neighbour: self = .neighbours
        default: return nil
        }
    }
}
