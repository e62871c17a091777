import IPAddressing
import NetworkModel

/// Follows packets and their answers from machine to machine.
package struct NetworkWalk {
    /// The machines.
    let map: NetworkMap
    /// The place that the request is for: it decides between machines with equal addresses.
    private let hint: String
    /// In octets, with the header of IP.
    let size: Int
    /// False for a packet around another one: what is around that one is not followed.
    var followsTunnels = true

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

    // MARK: - From machine to machine

    /// Adds every way that `way` may go on, to its end.
    func follow(_ way: Way, into found: inout [Way]) {
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
        if way.markedAt == port.machine { arrival.mark = way.mark }
        way.recognise(&arrival, at: port.machine)
        for outcome in HostTransit(machine: machine, arrival: arrival).outcomes() {
            var next = way
            next.packet = outcome.packet
            (next.mark, next.markedAt) = (outcome.mark, port.machine)
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
}
