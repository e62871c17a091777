import IPAddressing
import NetworkModel

/// Follows packets and their answers from machine to machine.
package struct NetworkWalk {
    /// The machines.
    private let map: NetworkMap
    /// The place that the request is for: it decides between machines with equal addresses.
    private let hint: String
    /// In octets, with the header of IP.
    private let size: Int

    /// The most machines on one way: more of them are a circle.
    private static let mostHops = 24
    /// The most ways of one packet that are followed.
    private static let mostWays = 64

    /// Where a packet begins.
    package enum Origin: Hashable, Sendable {
        /// Sent by a machine itself.
        case machine(Int)
        /// Sent by something behind a device of a machine.
        case behind(NetworkMap.Port)
    }

    /// - Parameters:
    ///   - place: That of the destination.
    ///   - size: Of the request, in octets with the header of IP.
    package init(_ map: NetworkMap, toward place: String, size: Int = 60) {
        self.map = map
        hint = place
        self.size = size
    }

    /// Every way of `packet`, and for those that arrive every way of the answer.
    package func exchanges(of packet: Packet, from origin: Origin) -> [PathExchange] {
        var requests: [Way] = []
        follow(Way(packet, as: .request, from: origin), into: &requests)
        return requests.flatMap { request -> [PathExchange] in
            guard request.trace.disposition == .delivered, let end = request.end else {
                return [PathExchange(request: request.trace)]
            }
            return answers(to: request, as: .answer, from: end).map { answer in
                exchange(request, answer, from: (origin, end))
            }
        }
    }

    /// A request with its answer, or with what is lost of the packets after them: rules may tell them from
    /// the first ones, and machines that see one direction of a connection alone, or a packet twice, give
    /// them another state.
    private func exchange(
        _ request: Way, _ answer: Way, from ends: (client: Origin, server: Origin)
    ) -> PathExchange {
        let first = PathExchange(request: request.trace, reply: answer.trace)
        guard first.isComplete, tellsLaterOnes(on: request, answer) else { return first }
        var next = request.continued(as: .furtherRequest, from: ends.client)
        next.connections = answer.connections
        next.answerMachines = Set(answer.trace.hops.map(\.machine))
        var requests: [Way] = []
        follow(next, into: &requests)
        if let lost = request.lost(among: requests) {
            return PathExchange(request: lost.trace, reply: answer.trace)
        }
        let answers = answers(to: request, as: .furtherAnswer, from: ends.server)
        let lost = answer.lost(among: answers)
        return PathExchange(request: request.trace, reply: lost?.trace ?? answer.trace)
    }

    /// True if a machine may treat later packets of a connection in another way than the first ones.
    private func tellsLaterOnes(on request: Way, _ answer: Way) -> Bool {
        if request.isTracked(apartFrom: answer) { return true }
        guard !request.packet.isOfICMP else { return false }
        return request.passesTwice || answer.passesTwice
            || request.trace.hops.contains { map.machines[$0.machine].walk.rules.areOfConnections }
    }

    /// A packet of a connection.
    fileprivate enum Part {
        /// The first one of each direction.
        case request, answer
        /// Later ones.
        case furtherRequest, furtherAnswer
    }

    /// A packet on its way.
    fileprivate struct Way {
        /// What happened so far.
        var trace: PathTrace
        /// Which packet of its connection it is.
        let part: Part
        /// The packet now.
        var packet: Packet
        /// Where it is.
        var place: Origin
        /// What each machine remembers.
        var connections: [Int: [HostTransit.Connection]] = [:]
        /// The machines that have seen the answer.
        var answerMachines: Set<Int> = []
        /// The first packet of the connection.
        var original: Packet
        /// Where it has arrived; nil before that.
        var end: Origin?

        init(_ packet: Packet, as part: Part, from origin: Origin) {
            let isReply = part == .answer || part == .furtherAnswer
            trace = PathTrace(isReply: isReply, packet: packet, disposition: .unknown)
            self.part = part
            self.packet = packet
            place = origin
            original = packet
        }

        /// A later packet of the same direction.
        func continued(as part: Part, from origin: Origin) -> Way {
            var way = Way(original, as: part, from: origin)
            way.connections = connections
            return way
        }

        /// The first of the later packets of the same direction that does not arrive; nil if all do. A
        /// connection keeps to one of several next hops.
        func lost(among others: [Way]) -> Way? {
            let machines = trace.hops.map(\.machine)
            let same = others.filter { $0.trace.hops.map(\.machine) == machines }
            return (same.isEmpty ? others : same).first { $0.trace.disposition != .delivered }
        }

        /// True if a machine sees the packet more than once.
        var passesTwice: Bool { Set(trace.hops.map(\.machine)).count < trace.hops.count }

        /// True if a machine that remembers connections sees one of the two packets alone.
        func isTracked(apartFrom answer: Way) -> Bool {
            Set(trace.hops.map(\.machine)) != Set(answer.trace.hops.map(\.machine))
        }
    }

    // MARK: - From machine to machine

    /// Adds every way that `way` may go on, to its end.
    private func follow(_ way: Way, into found: inout [Way]) {
        guard found.count < Self.mostWays else { return }
        let port: NetworkMap.Port
        switch way.place {
        case .machine(let machine): port = NetworkMap.Port(machine: machine, device: nil)
        case .behind(let behind): port = behind
        }
        guard way.trace.hops.count < Self.mostHops else {
            return found.append(circling(way))
        }
        if let ended = unasked(way, at: port.machine) ?? clashing(way, at: port.machine) {
            return found.append(ended)
        }
        let machine = map.machines[port.machine]
        var arrival = HostTransit.Arrival(packet: way.packet, device: port.device)
        arrival.isReply = way.trace.isReply
        arrival.size = size
        way.recognise(&arrival, at: port.machine)
        for outcome in HostTransit(machine: machine, arrival: arrival).outcomes() {
            var next = way
            next.packet = outcome.packet
            if way.part == .request, !machine.knowledge.isFabric {
                next.connections[port.machine, default: []].append(
                    HostTransit.Connection(
                        arrived: way.packet, left: outcome.packet, mark: outcome.connectionMark))
                if way.packet.source.isUnspecified { next.adopt(outcome.packet.source) }
            }
            if let known = arrival.connection {
                next.remark(known, at: port.machine, with: outcome.connectionMark)
            }
            next.trace.hops.append(
                PathHop(host: machine.name, role: machine.role, steps: outcome.steps, machine: port.machine))
            take(outcome.end, next, from: port.machine, into: &found)
        }
    }

    /// Continues after a machine.
    private func take(_ end: HostTransit.End, _ way: Way, from machine: Int, into found: inout [Way]) {
        var way = way
        switch end {
        case .ended(let disposition):
            way.trace.disposition = disposition
            found.append(way)
        case .delivered:
            way.arrive(at: .machine(machine))
            found.append(way)
        case .sent(let device, let hop, let isDirect):
            let port = NetworkMap.Port(machine: machine, device: device)
            if way.returnsToSender {
                way.stop(
                    .hairpin, by: "\(way.packet.destination) gets a packet from its own address",
                    as: .dropped, evidence: map.machines[machine].evidence)
                return found.append(way)
            }
            if let lost = wrap(&way, at: port, to: hop) { return found.append(lost) }
            let receiver = map.receiver(of: way.packet, from: port, to: hop, isDirect: isDirect, hint: hint)
            switch receiver {
            case .machine(let next):
                if !isDirect { way.nameNext(map.machines[next.machine].name) }
                way.place =
                    next.device.map { .behind(NetworkMap.Port(machine: next.machine, device: $0)) }
                    ?? .behind(NetworkMap.Port(machine: next.machine, device: "in"))
                follow(way, into: &found)
            case .endpoint:
                way.arrive(at: .behind(port))
                found.append(way)
            case .none:
                way.stop(
                    .notObserved, by: "the machine with the address \(hop) is not known", as: .unknown)
                found.append(way)
            }
        }
    }

    /// The way of a packet that goes round in circles.
    private func circling(_ way: Way) -> Way {
        var way = way
        way.stop(
            .routeElsewhere, by: "the packet goes round in circles until its hop limit is reached", as: .lost)
        return way
    }

    /// An answer at a machine that has passed the request on with other addresses than the answer has: no
    /// connection waits for it.
    private func unasked(_ way: Way, at machine: Int) -> Way? {
        guard way.trace.isReply, !map.machines[machine].knowledge.isFabric,
            map.machines[machine].evidence != .read, let known = way.connections[machine], !known.isEmpty,
            !known.contains(where: { $0.left.reply == way.packet })
        else { return nil }
        var way = way
        let owner = map.machines[machine]
        way.trace.hops.append(PathHop(host: owner.name, role: owner.role, steps: [], machine: machine))
        way.stop(.replyBypassesRelay, by: "reply without request: dropped", as: .bypassed)
        return way
    }

    /// An answer that comes to a machine again which has undone its translation already: as a new connection
    /// it would be the reverse of the old one, so that the kernel gives it another port.
    private func clashing(_ way: Way, at machine: Int) -> Way? {
        let isNew =
            way.part == .furtherAnswer && !way.packet.isOfICMP
            || way.part == .answer && way.packet.transport == "udp"
        guard isNew, let known = way.connections[machine],
            !known.contains(where: { $0.left.reply == way.packet }),
            known.contains(where: { $0.arrived.reply == way.packet })
        else { return nil }
        var way = way
        let owner = map.machines[machine]
        way.trace.hops.append(PathHop(host: owner.name, role: owner.role, steps: [], machine: machine))
        way.stop(
            .routeElsewhere, by: "the answer was here before: its port is changed", as: .lost,
            evidence: owner.evidence)
        return way
    }

    // MARK: - Answers

    /// Every way of the answer to a request that has arrived.
    private func answers(to request: Way, as part: Part, from end: Origin) -> [Way] {
        var way = Way(request.packet.reply, as: part, from: end)
        way.connections = request.connections
        way.original = request.original
        var found: [Way] = []
        follow(way, into: &found)
        return found.map { answer in
            guard answer.trace.disposition == .delivered, answer.packet != request.original.reply else {
                return answer
            }
            var answer = answer
            answer.stop(
                .replyBypassesRelay,
                by: "the client has asked \(request.original.destination), and drops an answer from"
                    + " \(answer.packet.source)", as: .bypassed)
            return answer
        }
    }

    // MARK: - Tunnels

    /// Notes the packet around the packet where a device wraps it.
    ///
    /// - Returns: The way's end if the tunnel does not know where to send it.
    private func wrap(_ way: inout Way, at port: NetworkMap.Port, to hop: IPAddress) -> Way? {
        let machine = map.machines[port.machine]
        guard let device = port.device, let link = machine.state.link(device) else { return nil }
        noteSize(&way, link)
        var outer: (from: IPAddress, to: IPAddress)?
        if let gateway = machine.state.unresolvedNeighbours.first(where: {
            $0.device == device && $0.address == hop
        }) {
            way.stop(
                .neighbourMissing, by: "\(gateway.address) does not answer on \(device)", as: .dropped,
                evidence: machine.evidence)
            return way
        }
        if case .vxlan(let mesh) = link.kind, link.isOurs || machine.holdsNeighbours(of: link, mesh) {
            let neighbour = machine.state.neighbours.first { $0.device == device && $0.address == hop }
            guard let neighbour else {
                way.stop(
                    .neighbourMissing, by: "no entry for \(hop) on \(device)", as: .dropped,
                    evidence: machine.evidence)
                return way
            }
            let entry = machine.state.forwardingEntries.first {
                $0.device == device && $0.mac == neighbour.mac
            }
            guard let entry else {
                way.stop(
                    .forwardingEntryMissing, by: "no entry for \(neighbour.mac) on \(device)", as: .dropped,
                    evidence: machine.evidence)
                return way
            }
            let own = mesh.local ?? machine.address(of: mesh.underlay, toward: entry.destination)
            outer = own.map { ($0, entry.destination) }
        } else if machine.knowledge.tunnels.contains(device) {
            let far = map.owner(of: hop, near: map.places[port.machine])
            if let target = far.flatMap({ map.machines[$0.machine].firstAddress(hop.family) }),
                let own = machine.firstAddress(hop.family)
            {
                outer = (own, target)
            }
        }
        guard let outer else { return nil }
        way.wrapLast(
            in: Packet(from: outer.from, to: outer.to, transport: link.kind.wrapping), device: device,
            evidence: machine.evidence == .planned && !link.isOurs ? .assumed : machine.evidence)
        return nil
    }

    /// Notes a packet that is larger than the device lets through.
    private func noteSize(_ way: inout Way, _ link: Link) {
        guard let mtu = link.mtu, size > mtu, !way.trace.isReply, let hop = way.trace.hops.indices.last else {
            return
        }
        let machine = map.machines[way.trace.hops[hop].machine]
        way.trace.hops[hop].steps.append(
            PathStep(
                stage: .egress, action: .accept, code: .mtu,
                rule: "\(size) octets do not fit: the sender is told to send at most \(mtu)",
                before: way.packet, after: way.packet, device: link.name, mtu: mtu,
                evidence: machine.evidence == .planned ? .assumed : machine.evidence))
    }
}

extension NetworkWalk.Way {
    /// Gives a packet the state that a machine gives it by what it has seen of the connection. A machine that
    /// has seen no request takes an answer of TCP for invalid, and what follows it for a new connection; one
    /// that sees no answers takes what follows the request for invalid (nf_conntrack_proto_tcp.c). An echo
    /// reply begins nothing, and an echo request is new until it is answered (nf_conntrack_proto_icmp.c).
    fileprivate func recognise(_ arrival: inout HostTransit.Arrival, at machine: Int) {
        let (isDatagram, isOfICMP) = (packet.transport == "udp", packet.isOfICMP)
        let known = connections[machine] ?? []
        switch part {
        case .request: arrival.state = .new
        case .answer, .furtherAnswer:
            arrival.connection = known.last { $0.left.reply == packet }
            let isInvalid = isOfICMP || part == .answer && !isDatagram
            arrival.state = arrival.connection != nil ? .established : isInvalid ? .invalid : .new
        case .furtherRequest:
            arrival.connection = known.last { $0.arrived == packet }
            let isAnswered = answerMachines.contains(machine)
            arrival.state = isAnswered ? .established : isDatagram || isOfICMP ? .new : .invalid
        }
    }

    /// Gives a connection that a machine remembers the mark that a later packet has given it.
    fileprivate mutating func remark(
        _ known: HostTransit.Connection, at machine: Int, with mark: PartlyKnown
    ) {
        guard let index = connections[machine]?.lastIndex(of: known) else { return }
        connections[machine]?[index].mark = mark
    }

    /// True if a translation has made the sender the destination, and its address is still the source: the
    /// sender's kernel drops a packet from itself that comes in from outside (fib_validate_source).
    fileprivate var returnsToSender: Bool {
        packet.source == packet.destination && original.destination != packet.destination && !trace.isReply
    }

    /// Ends the way where the packet is for.
    fileprivate mutating func arrive(at end: NetworkWalk.Origin) {
        self.end = end
        trace.disposition = .delivered
    }

    /// Ends the way at the last machine, with the step that says why.
    fileprivate mutating func stop(
        _ code: PathCode, by rule: String, as disposition: PathTrace.Disposition,
        evidence: PacketTrace.Evidence = .assumed
    ) {
        let stage: PathStep.Stage =
            switch code {
            case .neighbourMissing: .neighbour
            case .forwardingEntryMissing: .encapsulation
            case .routeElsewhere, .notObserved: .route
            default: .conntrack
            }
        trace.disposition = disposition
        guard let last = trace.hops.indices.last else { return }
        trace.hops[last].steps.append(
            PathStep(
                stage: stage, action: disposition == .unknown ? .unknown : .drop, code: code, rule: rule,
                before: packet, after: packet, evidence: evidence))
    }

    /// Adds a step for a packet around the packet.
    fileprivate mutating func wrapLast(
        in outer: Packet, device: String, evidence: PacketTrace.Evidence
    ) {
        guard let last = trace.hops.indices.last else { return }
        trace.hops[last].steps.append(
            PathStep(
                stage: .encapsulation, action: .encapsulate, rule: "\(device): \(outer)", before: packet,
                after: packet, outer: outer, device: device, evidence: evidence))
    }

    /// Notes the name of the machine that the last route leads to.
    fileprivate mutating func nameNext(_ name: String) {
        guard let hop = trace.hops.indices.last,
            let step = trace.hops[hop].steps.lastIndex(where: { $0.stage == .route })
        else { return }
        trace.hops[hop].steps[step].next = name
    }

    /// Gives the request the source that the sending machine has chosen.
    fileprivate mutating func adopt(_ source: IPAddress) {
        original.source = source
        trace.packet.source = source
        for machine in connections.keys {
            for index in connections[machine, default: []].indices {
                connections[machine]?[index].arrived.source = source
            }
        }
    }
}

extension Machine {
    /// True if a tunnel of another owner works by permanent entries alone: it asks no other host.
    fileprivate func holdsNeighbours(of link: Link, _ mesh: VXLANLink) -> Bool {
        evidence == .read && !mesh.isLearning
            && !state.forwardingEntries.contains { $0.device == link.name && $0.isForUnknown }
    }

    /// The address that other hosts reach it by; nil if it has none of the family.
    func firstAddress(_ family: AddressFamily) -> IPAddress? {
        state.addresses.first { $0.address.family == family && !$0.address.isLoopback && !$0.isLinkLocal }?
            .address
    }
}

extension LinkKind {
    /// The protocol of packets around packets.
    var wrapping: String {
        switch self {
        case .vxlan: "vxlan"
        case .veth: "ethernet"
        case .other(let kind): kind.isEmpty ? "tunnel" : kind
        }
    }
}
