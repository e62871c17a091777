import IPAddressing
import NetworkModel

extension NetworkWalk {
    /// A packet of a connection.
    enum Part {
        /// The first one of each direction.
        case request, answer
        /// Later ones.
        case furtherRequest, furtherAnswer
    }

    /// A packet on its way.
    struct Way {
        /// What happened so far.
        var trace: PathTrace
        /// Which packet of its connection it is.
        let part: Part
        /// The packet now.
        var packet: Packet
        /// Its mark where it is marked; zero elsewhere.
        var mark = PartlyKnown(0)
        /// The machine that its mark counts at: it keeps none from one kernel to another.
        var markedAt: Int?
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
}

extension NetworkWalk.Way {
    /// Gives a packet the state that a machine gives it by what it has seen of the connection. A machine that
    /// has seen no request takes an answer of TCP for invalid, and what follows it for a new connection; one
    /// that sees no answers takes what follows the request for invalid (nf_conntrack_proto_tcp.c). An echo
    /// reply begins nothing, and an echo request is new until it is answered (nf_conntrack_proto_icmp.c).
    func recognise(_ arrival: inout HostTransit.Arrival, at machine: Int) {
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
    mutating func remark(
        _ known: HostTransit.Connection, at machine: Int, with mark: PartlyKnown
    ) {
        guard let index = connections[machine]?.lastIndex(of: known) else { return }
        connections[machine]?[index].mark = mark
    }

    /// True if a translation has made the sender the destination, and its address is still the source: the
    /// sender's kernel drops a packet from itself that comes in from outside (fib_validate_source).
    var returnsToSender: Bool {
        packet.source == packet.destination && original.destination != packet.destination && !trace.isReply
    }

    /// Ends the way where the packet is for.
    mutating func arrive(at end: NetworkWalk.Origin) {
        self.end = end
        trace.disposition = .delivered
    }

    /// Ends the way at the last machine, with the step that says why.
    mutating func stop(
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
    mutating func wrapLast(
        in outer: Packet, device: String, evidence: PacketTrace.Evidence
    ) {
        guard let last = trace.hops.indices.last else { return }
        trace.hops[last].steps.append(
            PathStep(
                stage: .encapsulation, action: .encapsulate, rule: "\(device): \(outer)", before: packet,
                after: packet, outer: outer, device: device, evidence: evidence))
    }

    /// Notes the name of the machine that the last route leads to.
    mutating func nameNext(_ name: String) {
        guard let hop = trace.hops.indices.last,
            let step = trace.hops[hop].steps.lastIndex(where: { $0.stage == .route })
        else { return }
        trace.hops[hop].steps[step].next = name
    }

    /// Gives the request the source that the sending machine has chosen.
    mutating func adopt(_ source: IPAddress) {
        original.source = source
        trace.packet.source = source
        for machine in connections.keys {
            for index in connections[machine, default: []].indices {
                connections[machine]?[index].arrived.source = source
            }
        }
    }
}
