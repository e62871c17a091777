package import IPAddressing
package import NetworkModel

/// A kernel that packets pass (a host, or a namespace of one), or what stands for a router or a route table
/// of which only routes are known.
package struct Machine: Sendable {
    /// The name that people know it by.
    package let name: String
    /// What it is, as in `relay`.
    package let role: String
    /// The kernel's state, observed or as planned.
    package let state: HostState
    /// Where the state comes from.
    package let evidence: PacketTrace.Evidence
    /// What is known besides the state.
    package var knowledge: Knowledge

    /// The routes of `state`.
    let routes: RouteLookup
    /// The rules of `state`, ours included.
    let walk: PacketWalk

    /// General knowledge of a machine that its state does not tell.
    package struct Knowledge: Sendable {
        /// True for something without packet rules, which only routes.
        package var isFabric = false
        /// Whether it forwards if no setting was read.
        package var forwards = true
        /// Programs that translate services, if the state has no rules of theirs.
        package var proxies: [ServiceProxy] = []
        /// Translations of sources of pods, if the state has no rules of theirs.
        package var masquerades: [SourceMasquerade] = []
        /// Devices that lead to endpoints (pods, hosts of a site): what is sent there arrives.
        package var edgeDevices: Set<String> = []
        /// Devices whose packets are wrapped.
        package var tunnels: Set<String> = []
        /// True if packets of no known connection are dropped.
        package var dropsInvalid = false
        /// The parts of the state that are as planned although others were read.
        package var unread: Set<HostState.UnreadPart> = []

        package init() {}
    }

    package init(
        name: String, role: String, state: HostState, evidence: PacketTrace.Evidence,
        knowledge: Knowledge = Knowledge()
    ) {
        self.name = name
        self.role = role
        self.state = state
        self.evidence = evidence
        self.knowledge = knowledge
        routes = RouteLookup(state)
        walk = PacketWalk(PacketRules(state, withOurs: true), routes: routes)
    }

    /// True if a route of ours would lead the packet elsewhere, if this one did not take it first.
    func diverts(_ packet: Packet, by route: Route) -> Bool {
        guard evidence == .read, !route.isOurs else { return false }
        return state.routes.contains { own in
            own.isOurs && own.kind == .unicast && own.destination.contains(packet.destination)
                && own.nextHops != route.nextHops
        }
    }

    /// How a step is known.
    func evidence(at stage: PathStep.Stage) -> PacketTrace.Evidence {
        guard evidence == .read, !knowledge.unread.isEmpty else { return evidence }
        switch stage {
        case .rpFilter, .forwarding: return .read
        case .ingress, .prerouting, .input, .forward, .output, .postrouting, .egress, .service:
            return .planned
        case .conntrack, .route, .neighbour, .encapsulation, .delivery:
            return knowledge.unread.contains(.routes) ? .planned : .read
        }
    }

    /// How a route is known.
    func evidence(of route: Route?) -> PacketTrace.Evidence {
        let evidence = evidence(at: .route)
        guard evidence == .planned, let route else { return evidence }
        return route.isOurs || route.routeProtocol == Self.adviceProtocol ? .planned : .assumed
    }

    /// The protocol number of routes in a planned state that an owner must enter (`static`).
    package static let adviceProtocol = 4
    /// The protocol number of routes that are general knowledge.
    package static let assumedProtocol = 0
    /// The protocol number of routes by BGP (`RTPROT_BGP` of rtnetlink(7)).
    package static let borderGatewayProtocol = 186

    /// The device by which packets to `address` leave; nil if no route leads there.
    package func device(toward address: IPAddress) -> String? {
        routes.decide(RouteLookup.Query(address))?.route?.nextHops.first?.device
    }

    /// The address that a packet gets which leaves by `device` towards `hop` without a source of its own: one
    /// in the network of the next hop, else the first of the device (inet_select_addr of the kernel).
    func address(of device: String?, toward hop: IPAddress) -> IPAddress? {
        let usable = state.addresses.filter { $0.address.family == hop.family && !$0.isLinkLocal }
        let own = usable.filter { $0.device == device }
        if let near = own.first(where: { $0.network.contains(hop) }) ?? own.first { return near.address }
        // A device without an address: that of the first other device in the kernel's order.
        for link in state.links where link.name != "lo" {
            if let other = usable.first(where: { $0.device == link.name }) { return other.address }
        }
        return usable.first { $0.device != "lo" }?.address
    }
}

/// A program on a node that translates services' addresses, as it is known from the file.
package struct ServiceProxy: Hashable, Sendable {
    /// The addresses of services.
    package var services: PrefixSet
    /// Pods that may stand behind a service.
    package var endpoints: [IPAddress]
    /// Addresses of pods and nodes of the cluster.
    package var insiders: PrefixSet
    /// What the program does.
    package var behaviour: Behaviour
    /// As in `kube-proxy (iptables)`.
    package var name: String
    /// How the behaviour is known.
    package var evidence: PacketTrace.Evidence

    /// What a program does with packets to services.
    package enum Behaviour: Hashable, Sendable {
        /// Sources outside of `inside` are hidden behind the node; nil: none are; an empty set: all are.
        case translates(hidingOutside: PrefixSet?)
        /// Only pods and nodes of the cluster get answers.
        case refusesOutsiders
        /// Not known.
        case unknown
    }

    package init(
        services: PrefixSet, endpoints: [IPAddress], insiders: PrefixSet, behaviour: Behaviour, name: String,
        evidence: PacketTrace.Evidence
    ) {
        self.services = services
        self.endpoints = endpoints
        self.insiders = insiders
        self.behaviour = behaviour
        self.name = name
        self.evidence = evidence
    }

    /// True if a source is hidden behind the node.
    func hides(_ source: IPAddress) -> Bool {
        guard case .translates(let inside?) = behaviour else { return false }
        return !inside.contains(source)
    }
}

/// What a node puts in the place of a pod's address towards other networks.
package struct SourceMasquerade: Hashable, Sendable {
    /// The pods.
    package var sources: PrefixSet
    /// Destinations that see the pod's own address.
    package var exceptions: PrefixSet
    /// As in `natOutgoing of Calico`.
    package var name: String

    package init(sources: PrefixSet, exceptions: PrefixSet, name: String) {
        self.sources = sources
        self.exceptions = exceptions
        self.name = name
    }
}
