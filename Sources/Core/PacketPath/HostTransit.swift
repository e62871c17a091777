import IPAddressing
import NetworkModel

/// Follows one packet through one machine, in the order of the kernel: rules before the route, translation of
/// the destination, the route, the checks of its source, rules for forwarded packets, the source.
struct HostTransit {
    /// The machine.
    let machine: Machine
    /// The packet as it comes in.
    let arrival: Arrival

    /// A packet at the door of a machine.
    struct Arrival: Hashable, Sendable {
        /// The packet.
        var packet: Packet
        /// The device that it comes in by; nil for a packet of the machine itself.
        var device: String?
        /// The connection that the machine knows the packet of; nil if it knows none.
        var connection: Connection?
        /// The state that the machine gives the packet.
        var state = ConnectionState.new
        /// True for the answer.
        var isReply = false
        /// In octets, with the header of IP.
        var size = 60
        /// The mark that it brings along, through a tunnel of the same host: cables take it off.
        var mark = PartlyKnown(0)
    }

    /// What a machine remembers of a connection.
    struct Connection: Hashable, Sendable {
        /// The first packet, as it came in.
        var arrived: Packet
        /// The first packet, as it left.
        var left: Packet
        /// The mark that rules have given it.
        var mark = PartlyKnown(0)

        /// True if a translation has to be undone in the answers.
        var isTranslated: Bool { arrived != left }
    }

    /// What becomes of the packet, and why.
    struct Outcome: Hashable, Sendable {
        /// The steps.
        var steps: [PathStep]
        /// The packet at the end.
        var packet: Packet
        /// How it leaves.
        var end: End
        /// The mark of its connection then.
        var connectionMark = PartlyKnown(0)
        /// Its own mark then.
        var mark = PartlyKnown(0)
    }

    /// How a packet leaves a machine.
    enum End: Hashable, Sendable {
        /// Through a device to a next hop.
        case sent(device: String?, hop: IPAddress, isDirect: Bool)
        /// To a process of the machine.
        case delivered
        /// Not at all.
        case ended(PathTrace.Disposition)
    }

    /// A packet on its way through the machine.
    struct Passing {
        /// The packet and its marks.
        var state: PacketState
        /// The steps so far.
        var steps: [PathStep] = []
        /// The program that hides the source behind the machine after the route.
        var hiding: ServiceProxy?
    }

    /// Every way that the packet may take: several for several endpoints or next hops.
    func outcomes() -> [Outcome] {
        var flow = Flow(arrival.packet, inDevice: arrival.device, outDevice: nil)
        if let connection = arrival.connection {
            flow.original = connection.arrived
            flow.isReply = arrival.isReply
        }
        flow.state = arrival.state
        flow.isAnswer = arrival.isReply
        if arrival.device == nil { flow.course = .delivered }
        var passing = Passing(state: PacketState(flow, at: .ingress))
        passing.state.mark = arrival.mark
        if let connection = arrival.connection { passing.state.connectionMark = connection.mark }
        return enter(passing).flatMap { branch -> [Outcome] in
            switch branch {
            case .ended(let outcome): [outcome]
            case .passing(let passing): choose(passing)
            }
        }
    }

    /// A packet that goes on, or its end.
    enum Branch {
        /// It goes on.
        case passing(Passing)
        /// It does not.
        case ended(Outcome)
    }

    // MARK: - Before the route

    /// Rules before the route, and the translation of the destination.
    private func enter(_ start: Passing) -> [Branch] {
        guard !machine.knowledge.isFabric else { return [.passing(start)] }
        var passing = start
        let hook: FilterHook.HookPoint = arrival.device == nil ? .output : .prerouting
        if hook == .prerouting, let end = run(.ingress, .all, &passing) { return [.ended(end)] }
        if let end = run(hook, .beforeNAT, &passing) { return [.ended(end)] }
        return translateDestination(passing, at: hook).map { branch in
            guard case .passing(var passing) = branch else { return branch }
            passing.state.flow.inside = passing.state.packet
            if let end = run(hook, .afterNAT, &passing) { return .ended(end) }
            return .passing(passing)
        }
    }

    /// The destination after translation: of an answer the client, else what rules or programs make of it.
    private func translateDestination(_ start: Passing, at hook: FilterHook.HookPoint) -> [Branch] {
        var passing = start
        let packet = passing.state.packet
        guard translateAsKnown(\.destination, port: \.destinationPort, &passing) == .byRules else {
            return [.passing(passing)]
        }
        if let table = machine.state.connections, table.isFull {
            let text = "nf_conntrack_count = \(table.count), nf_conntrack_max = \(table.most)"
            return [.ended(end(passing, at: .conntrack, code: .conntrackFull, by: text))]
        }
        passing.state.hook = hook
        switch translate(at: hook, &passing) {
        case .ended(let outcome): return [.ended(outcome)]
        case .untouched: return serve(passing)
        case .choices(let choices):
            return choices.map { choice in
                var next = passing
                next.state.marks = choice.marks
                guard let translated = apply(choice.translation, to: packet) else {
                    return .ended(unknown(passing, at: .prerouting, by: choice.place.description))
                }
                next.state.packet = translated
                if translated != packet {
                    next.steps.append(
                        step(
                            .prerouting, .translate, by: choice.place.description, from: packet, in: next))
                }
                return .passing(next)
            }
        }
    }

    /// The packet with a new destination; nil if it cannot be told.
    private func apply(_ translation: Translation, to packet: Packet) -> Packet? {
        var packet = packet
        switch translation.target {
        case .exact(let address, let port):
            packet.destination = address ?? packet.destination
            packet.destinationPort = port ?? packet.destinationPort
        case .ofDevice(let port):
            guard let own = machine.address(of: arrival.device ?? "lo", toward: packet.source) else {
                return nil
            }
            packet.destination = own
            packet.destinationPort = port ?? packet.destinationPort
        case .prefixes(let pairs): packet.destination = pairs.image(of: packet.destination)
        case .unknown: return nil
        }
        return packet
    }

    /// What programs that translate services do with the packet.
    private func serve(_ passing: Passing) -> [Branch] {
        let packet = passing.state.packet
        let found = machine.knowledge.proxies.first { $0.services.contains(packet.destination) }
        // Services are ports: other packets to their addresses are not translated.
        guard let proxy = found, ["tcp", "udp", "sctp"].contains(packet.transport) else {
            return [.passing(passing)]
        }
        func end(_ action: PathStep.Action, _ code: PathCode, _ text: String) -> Branch {
            var ended = passing
            var last = step(.service, action, by: "\(proxy.name): \(text)", from: packet, in: passing)
            last.code = code
            last.evidence = proxy.evidence
            ended.steps.append(last)
            return .ended(
                Outcome(
                    steps: ended.steps, packet: packet,
                    end: .ended(action == .unknown ? .unknown : .dropped)))
        }
        switch proxy.behaviour {
        case .unknown: return [end(.unknown, .proxyModeUnknown, "how it translates services is not known")]
        case .refusesOutsiders where !proxy.insiders.contains(packet.source):
            return [end(.drop, .clusterIPExternalOff, "no answer for clients from outside of the cluster")]
        case .refusesOutsiders, .translates: break
        }
        if proxy.endpoints.isEmpty {
            return [end(.unknown, .notObserved, "no pod is known that may be behind the service")]
        }
        return proxy.endpoints.map { endpoint in
            var next = passing
            next.state.packet.destination = endpoint
            // A pod that asks itself through a service is hidden by every proxy.
            if proxy.hides(packet.source) || endpoint == packet.source { next.hiding = proxy }
            var done = step(.service, .translate, by: proxy.name, from: packet, in: next)
            done.evidence = proxy.evidence
            next.steps.append(done)
            return .passing(next)
        }
    }

    // MARK: - The route

    /// The routes that the packet may take.
    private func choose(_ passing: Passing) -> [Outcome] {
        let packet = passing.state.packet
        if machine.routes.isOwn(packet.destination) { return [deliver(passing)] }
        let query = RouteLookup.Query(
            packet.destination,
            source: arrival.device == nil && packet.source.isUnspecified ? nil : packet.source,
            inDevice: arrival.device, mark: passing.state.mark.masked(.max))
        guard let decision = machine.routes.decide(query) else {
            return [lost(passing, by: "no route to \(packet.destination)")]
        }
        guard let route = decision.route else {
            return [lost(passing, by: "\(decision.rule)")]
        }
        guard [.unicast, .multicast, .anycast, .nat].contains(route.kind), !route.nextHops.isEmpty else {
            return [lost(passing, by: "route \(route.shortText)")]
        }
        return route.nextHops.map { hop in
            var next = passing
            next.state.flow.outDevice = hop.device
            let target = hop.gateway ?? packet.destination
            if packet.source.isUnspecified, arrival.device == nil {
                let own = route.source ?? machine.address(of: hop.device, toward: target)
                next.state.packet.source = own ?? packet.source
            }
            let rule = decision.rule.isCommon ? "" : "rule \(decision.rule.shortText); "
            var chosen = step(
                .route, .forward, by: rule + "route \(route.shortText(by: hop))", from: packet, in: next)
            chosen.evidence = machine.evidence(of: route)
            chosen.isDiverted = machine.diverts(packet, by: route)
            chosen.device = hop.device
            chosen.mtu = hop.device.flatMap { machine.state.link($0)?.mtu }
            next.steps.append(chosen)
            return leave(next, by: hop, to: target)
        }
    }

    /// The end of a packet without a route.
    private func lost(_ passing: Passing, by rule: String) -> Outcome {
        end(passing, at: .route, code: arrival.isReply ? .noReturnRoute : .noRoute, by: rule, as: .lost)
    }

    /// The end of a packet for the machine itself.
    private func deliver(_ start: Passing) -> Outcome {
        var passing = start
        passing.state.flow.course = .delivered
        if let drop = checkSource(passing, out: nil) { return drop }
        if let end = run(.input, .all, &passing) { return end }
        let packet = passing.state.packet
        passing.steps.append(step(.delivery, .deliver, by: "to this host itself", from: packet, in: passing))
        return Outcome(
            steps: passing.steps, packet: packet, end: .delivered,
            connectionMark: passing.state.connectionMark, mark: passing.state.mark)
    }

    /// The rest of the way of a packet that leaves by a next hop.
    private func leave(_ start: Passing, by hop: NextHop, to target: IPAddress) -> Outcome {
        var passing = start
        guard !machine.knowledge.isFabric else { return sent(passing, by: hop, to: target) }
        if arrival.device != nil {
            if let end = checkSource(passing, out: hop.device) { return end }
            if let end = checkForwarding(&passing) { return end }
            if let end = run(.forward, .all, &passing) { return end }
        }
        if let end = run(.postrouting, .beforeNAT, &passing) { return end }
        if let end = translateSource(&passing, toward: target) { return end }
        passing.state.flow.leaving = passing.state.packet
        if let end = run(.postrouting, .afterNAT, &passing) { return end }
        if let end = run(.egress, .all, &passing) { return end }
        return sent(passing, by: hop, to: target)
    }

    /// The packet on the wire.
    private func sent(_ passing: Passing, by hop: NextHop, to target: IPAddress) -> Outcome {
        Outcome(
            steps: passing.steps, packet: passing.state.packet,
            end: .sent(device: hop.device, hop: target, isDirect: hop.gateway == nil),
            connectionMark: passing.state.connectionMark, mark: passing.state.mark)
    }

    // MARK: - Steps

    /// A step at the packet's present point.
    func step(
        _ stage: PathStep.Stage, _ action: PathStep.Action, by rule: String, from before: Packet,
        in passing: Passing
    ) -> PathStep {
        PathStep(
            stage: stage, action: action, rule: rule, before: before, after: passing.state.packet,
            device: stage == .route || stage == .postrouting ? passing.state.flow.outDevice : arrival.device,
            evidence: machine.evidence(at: stage))
    }

    /// The end of a packet, with the step that says why.
    func end(
        _ passing: Passing, at stage: PathStep.Stage, code: PathCode, by rule: String,
        as disposition: PathTrace.Disposition = .dropped
    ) -> Outcome {
        let packet = passing.state.packet
        var last = step(
            stage, disposition == .unknown ? .unknown : .drop, by: rule, from: packet, in: passing)
        last.code = code
        return Outcome(steps: passing.steps + [last], packet: packet, end: .ended(disposition))
    }

    /// The end at a rule that is not understood.
    func unknown(_ passing: Passing, at stage: PathStep.Stage, by rule: String) -> Outcome {
        end(passing, at: stage, code: .notObserved, by: rule, as: .unknown)
    }
}

extension [PrefixTranslation] {
    /// The address that stands for `address`; itself if it is in none of the prefixes.
    func image(of address: IPAddress) -> IPAddress {
        guard let pair = first(where: { $0.from.contains(address) }) else { return address }
        let hostBits = address.bits - pair.from.address.bits
        return IPAddress(family: address.family, bits: pair.to.address.bits + hostBits)
    }
}

extension PolicyRule {
    /// True for the rules of every host.
    var isCommon: Bool {
        guard case .lookup(let table) = action else { return false }
        return source == nil && destination == nil && inDevice == nil && outDevice == nil && mark == nil
            && [Route.localTable, Route.mainTable, 253].contains(table)
    }

    /// As `ip rule` shows it, without the protocol.
    var shortText: String {
        var rule = self
        rule.ruleProtocol = 0
        return rule.description
    }
}

extension Route {
    /// As `ip route` shows it, without protocol, metric and source.
    var shortText: String {
        var route = self
        route.source = nil
        route.metric = 0
        let words = route.description.split(separator: " ")
        guard let index = words.firstIndex(of: "proto") else { return route.description }
        return words.enumerated().filter { $0.offset != index && $0.offset != index + 1 }.map {
            String($0.element)
        }
        .joined(separator: " ")
    }

    /// The same with one of the next hops alone.
    func shortText(by hop: NextHop) -> String {
        var route = self
        route.nextHops = [hop]
        route.nextHopID = nil
        return route.shortText + (nextHopID.map { ", by nexthop \($0)" } ?? "")
            + (routeProtocol == Machine.borderGatewayProtocol ? ", learned by BGP" : "")
    }
}
