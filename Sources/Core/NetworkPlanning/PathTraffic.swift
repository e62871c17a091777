import IPAddressing
import Inventory
import NetworkModel

/// The traffic of one path and family: clients and destinations.
struct PathTraffic {
    let family: AddressFamily

    /// The near end's addresses; never empty.
    let sources: PrefixSet

    /// The far end's pods and services; not both empty.
    let pods: PrefixSet
    let services: PrefixSet

    /// The pods behind the services, whether or not the path carries packets to them.
    let backends: PrefixSet

    /// Nil if the path carries nothing of `family`.
    init?(_ family: AddressFamily, sources: [IPPrefix], to cluster: Cluster, targets: PathTargets) {
        self.family = family
        self.sources = PrefixSet(sources.of(family))
        pods = PrefixSet(targets.pods ? cluster.pods.of(family) : [])
        services = PrefixSet(targets.services ? cluster.services.of(family) : [])
        backends = PrefixSet(cluster.pods.of(family))
        if self.sources.isEmpty || pods.isEmpty && services.isEmpty { return nil }
    }

    /// The same sources, to other addresses.
    init(_ sources: PrefixSet, of far: PathTraffic, pods: [IPPrefix], services: [IPPrefix]) {
        family = far.family
        self.sources = sources
        self.pods = PrefixSet(pods.of(far.family))
        self.services = PrefixSet(services.of(far.family))
        backends = far.backends
    }

    /// Pods first, then services.
    var destinations: [IPPrefix] { pods.prefixes + services.prefixes }
}

extension PlanBuilder {
    /// Source translation of the traffic's exact pairs; for services by the original destination, since
    /// postrouting sees the pod's address.
    mutating func translate(_ traffic: PathTraffic, _ action: FilterAction, because: String) {
        let comment = FilterRule.comment(because)
        if !traffic.pods.isEmpty {
            translate(
                FilterRule([.source(traffic.sources), .destination(traffic.pods)], action, comment: comment))
            forget(from: traffic.sources, to: traffic.pods, because: because)
        }
        translateServices(traffic, action, because: because)
    }

    /// Pods of `cluster`, whose node this is, leave with their own addresses: the first rule of translation
    /// that decides wins, and this one comes before that of the cluster's network (natOutgoing of Calico, the
    /// masquerading of flannel).
    mutating func leaveUntranslated(_ traffic: PathTraffic, of cluster: Cluster, because: String) {
        let far = PrefixSet(traffic.destinations)
        let pods = cluster.pods.of(traffic.family)
        let identity = pods.compactMap { PrefixTranslation(from: $0, to: $0) }
        guard let action = FilterAction.translating(.source, identity), !far.isEmpty else { return }
        translate(
            FilterRule(
                [.source(PrefixSet(pods)), .destination(far)], action, comment: FilterRule.comment(because)))
        forget(from: PrefixSet(pods), to: far, because: because)
    }

    private mutating func forget(from sources: PrefixSet, to destinations: PrefixSet, because: String) {
        for source in sources.prefixes {
            for destination in destinations.prefixes {
                forget(ConnectionRange(source: source, destination: destination), because: because)
            }
        }
    }

    /// Source translation of traffic to services only.
    mutating func translateServices(_ traffic: PathTraffic, _ action: FilterAction, because: String) {
        guard !traffic.services.isEmpty else { return }
        translate(
            FilterRule(
                [.source(traffic.sources), .originalDestination(traffic.services)], action,
                comment: FilterRule.comment(because)))
        forget(from: traffic.sources, to: traffic.services, because: because)
        lead(to: traffic.backends.prefixes)
    }

    /// On a node, a packet to a service address that is forwarded belongs to no service: it would loop
    /// between router and node until its hop limit is reached.
    mutating func refuseUnusedServices(_ traffic: PathTraffic, because: String) {
        guard !traffic.services.isEmpty else { return }
        filter(
            FilterRule(
                [.source(traffic.sources), .destination(traffic.services)], .reject(.hostUnreachable),
                comment: FilterRule.comment(because)))
    }

    /// Accepts the traffic and its answers in foreign firewalls that drop by default.
    mutating func accept(_ traffic: PathTraffic, because: String) {
        for source in traffic.sources.prefixes {
            for pods in traffic.pods.prefixes {
                accept(.pair(source: source, destination: pods), because: because)
            }
            for services in traffic.services.prefixes {
                accept(.originalPair(source: source, destination: services), because: because)
            }
            accept(.answers(client: source), because: because)
        }
    }

    /// Limits TCP segments to what the path can carry, since "too big" messages may get lost. What most
    /// packets lack is looked at first.
    mutating func clamp(_ traffic: PathTraffic, because: String) {
        let comment = FilterRule.comment(because)
        let far = PrefixSet(traffic.destinations)
        clamp(
            FilterRule(
                [.synchronize, .source(traffic.sources), .destination(far)], .clampSegmentSize,
                comment: comment))
        clamp(
            FilterRule(
                [.synchronize, .source(far), .destination(traffic.sources)], .clampSegmentSize,
                comment: comment))
    }
}

extension FilterRule {
    /// `because` as a comment: nft accepts 128 octets and no quotation marks.
    static func comment(_ because: String) -> String {
        guard because.utf8.count > 128 else { return because }
        var text = ""
        for character in because {
            if text.utf8.count + character.utf8.count > 125 { break }
            text.append(character)
        }
        return text + "..."
    }
}
